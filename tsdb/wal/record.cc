#include "tsdb/wal/record.h"

#include <array>
#include <bit>
#include <string>

#include "tsdb/encoding.h"
#include "tsdb/wal/record_parts.h"

namespace narthex::tsdb {
namespace {

/// What a sample takes at most: two varints and a value.
constexpr std::size_t kMaxSampleBytes = 2 * kMaxVarintBytes + 8;

/// Samples of type 2 while a whole one of any length must be left: no look at the end for each byte.
/// Stops at the first that is not plain: references in four bytes, times in three. hot: bench/wal_bench
void decode_fast(ByteReader& in, std::uint64_t base_ref, std::uint64_t base_t,
                 std::vector<SampleRecord>& out) {
  const io::Bytes body = in.rest();
  const std::byte* at = body.data();
  const std::byte* const end = at + body.size();
  while (static_cast<std::size_t>(end - at) >= kMaxSampleBytes) {
    const std::byte* p = at;
    const auto varint = [&p](int most, bool& ok) {
      std::uint64_t value = 0;
      for (int i = 0; i < most; ++i) {
        const auto byte = static_cast<std::uint64_t>(*p++);
        value |= (byte & 0x7f) << (7 * i);
        if (byte < 0x80) return unzigzag(value);
      }
      ok = false;
      return std::int64_t{0};
    };
    bool ok = true;
    const std::int64_t ref = varint(4, ok);
    const std::int64_t t = varint(3, ok);
    if (!ok) break;
    out.push_back({base_ref + static_cast<std::uint64_t>(ref),
                   static_cast<Timestamp>(base_t + static_cast<std::uint64_t>(t)),
                   std::bit_cast<double>(load_be<std::uint64_t>(p))});
    at = p + sizeof(double);
  }
  in.skip(static_cast<std::uint64_t>(at - body.data()));
}

/// Type 2: reference and time of the first sample in full, all samples relative to it.
/// hot: bench/wal_bench
Result<void> decode_samples_v1(io::Bytes body, std::vector<SampleRecord>& out) {
  if (body.empty()) return {};
  ByteReader in(body);
  const std::uint64_t base_ref = in.be64();
  const std::uint64_t base_t = in.be64();
  if (!in.ok()) return ends_in_entry("samples", 0);
  const std::size_t first = out.size();
  decode_fast(in, base_ref, base_t, out);
  while (in.left() > 0) {
    const auto ref = base_ref + static_cast<std::uint64_t>(in.varint());
    const auto t = static_cast<Timestamp>(base_t + static_cast<std::uint64_t>(in.varint()));
    const auto v = std::bit_cast<double>(in.be64());
    if (!in.ok()) {
      const std::size_t item = out.size() - first;
      out.resize(first);
      return ends_in_entry("samples", item);
    }
    out.push_back({ref, t, v});
  }
  return {};
}

/// @param starts  null if nobody asks for them
Result<void> decode_samples_v2(io::Bytes body, std::vector<SampleRecord>& out,
                               std::vector<Timestamp>* starts) {
  ByteReader in(body);
  ChainReader chain;
  const std::size_t first = out.size();
  while (in.left() > 0) {
    const EntryHead head = chain.take(in);
    const auto v = std::bit_cast<double>(in.be64());
    if (!in.ok()) {
      const std::size_t item = out.size() - first;
      out.resize(first);
      if (starts != nullptr) starts->resize(first);
      return ends_in_entry("samples", item);
    }
    out.push_back({head.ref, head.t, v});
    if (starts != nullptr) starts->push_back(head.st);
  }
  return {};
}

}  // namespace

RecordType record_type(io::Bytes record) {
  if (record.empty()) return RecordType::unknown;
  const auto type = std::to_integer<std::uint8_t>(record[0]);
  const auto last = static_cast<std::uint8_t>(RecordType::float_histograms_v2);
  return type >= 1 && type <= last ? static_cast<RecordType>(type) : RecordType::unknown;
}

void encode_series(std::span<const SeriesRecord> series, std::vector<std::byte>& out) {
  put_u8(out, static_cast<std::uint8_t>(RecordType::series));
  for (const SeriesRecord& s : series) {
    put_be<std::uint64_t>(out, s.ref);
    put_labels(out, s.labels);
  }
}

void encode_samples(std::span<const SampleRecord> samples, std::vector<std::byte>& out) {
  put_u8(out, static_cast<std::uint8_t>(RecordType::samples));
  if (samples.empty()) return;
  const SampleRecord& first = samples.front();
  put_be<std::uint64_t>(out, first.ref);
  put_be<std::uint64_t>(out, static_cast<std::uint64_t>(first.t));
  // hot: bench/wal_bench. In batches through the stack: growing `out` sample by sample, or
  // clearing room for the worst case in it, costs more than the encoding.
  constexpr std::size_t kBatch = 128;
  std::array<std::byte, kBatch * kMaxSampleBytes> buffer;
  for (std::size_t from = 0; from < samples.size(); from += kBatch) {
    std::byte* at = buffer.data();
    for (const SampleRecord& s : samples.subspan(from, std::min(kBatch, samples.size() - from))) {
      at = write_varint(at, static_cast<std::int64_t>(s.ref - first.ref));
      at = write_varint(at, static_cast<std::int64_t>(static_cast<std::uint64_t>(s.t) -
                                                      static_cast<std::uint64_t>(first.t)));
      store_be(at, std::bit_cast<std::uint64_t>(s.v));
      at += 8;
    }
    out.insert(out.end(), buffer.data(), at);
  }
}

void encode_samples_v2(std::span<const SampleRecord> samples, std::span<const Timestamp> starts,
                       std::vector<std::byte>& out) {
  put_u8(out, static_cast<std::uint8_t>(RecordType::samples_v2));
  ChainWriter chain;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const SampleRecord& s = samples[i];
    chain.put(out, {s.ref, s.t, starts.empty() ? 0 : starts[i]});
    put_be(out, std::bit_cast<std::uint64_t>(s.v));
  }
}

Result<void> decode_series(io::Bytes record, std::vector<SeriesRecord>& out) {
  if (record_type(record) != RecordType::series) return wrong_record_type("series", record);
  ByteReader in(record.subspan(1));
  const std::size_t first = out.size();
  std::string scratch;
  while (in.left() > 0) {
    const WalRef ref = in.be64();
    auto labels = take_labels(in, scratch);
    if (!labels) {
      const std::size_t item = out.size() - first;
      out.resize(first);
      return pass(labels, "series record, entry " + std::to_string(item));
    }
    out.push_back({ref, *std::move(labels)});
  }
  return {};
}

Result<void> decode_samples(io::Bytes record, std::vector<SampleRecord>& out) {
  switch (record_type(record)) {
    case RecordType::samples:
      return decode_samples_v1(record.subspan(1), out);
    case RecordType::samples_v2:
      return decode_samples_v2(record.subspan(1), out, nullptr);
    default:
      return wrong_record_type("samples", record);
  }
}

Result<void> decode_samples(io::Bytes record, std::vector<SampleRecord>& out,
                            std::vector<Timestamp>& starts) {
  starts.resize(out.size(), 0);
  if (record_type(record) == RecordType::samples_v2)
    return decode_samples_v2(record.subspan(1), out, &starts);
  auto done = decode_samples(record, out);
  starts.resize(out.size(), 0);
  return done;
}

}  // namespace narthex::tsdb
