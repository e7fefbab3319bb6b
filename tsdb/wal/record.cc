#include "tsdb/wal/record.h"

#include <array>
#include <bit>
#include <cstring>
#include <string>

#include "tsdb/encoding.h"
#include "tsdb/wal/record_parts.h"

namespace narthex::tsdb {
namespace {

/// What a sample takes at most: two varints and a value.
constexpr std::size_t kMaxSampleBytes = 2 * kMaxVarintBytes + 8;

/// Samples of type 2, in blocks.
class BlockDecoder {
 public:
  BlockDecoder(io::Bytes body, std::uint64_t base_ref, std::uint64_t base_t)
      : at_(body.data()), end_(at_ + body.size()), base_ref_(base_ref), base_t_(base_t) {}

  /// While a whole sample of any length must be left: no look at the end for each byte. Stops at the
  /// first that is not plain: references in four bytes, times in three. @return  behind the last one
  /// hot: bench/wal_bench
  const std::byte* decode(std::vector<SampleRecord>& out) {
    constexpr std::size_t kBlock = 256;
    for (std::size_t done = kBlock; done == kBlock;) {
      const std::size_t first = out.size();
      out.resize(first + kBlock);
      SampleRecord* const to = out.data() + first;
      done = 0;
      while (done < kBlock && static_cast<std::size_t>(end_ - at_) >= kMaxSampleBytes && decode_one(to[done]))
        ++done;
      out.resize(first + done);
    }
    return at_;
  }

 private:
  /// By the bits that say which bytes are followed by more: nearly all samples of a scrape have
  /// references of two or three bytes and times of one, so the next one's place is known before this
  /// one was looked at.
  bool decode_one(SampleRecord& to) {
    std::uint32_t head;
    std::memcpy(&head, at_, sizeof head);
    static_assert(std::endian::native == std::endian::little);
    if ((head & 0x80'8080) == 0x80)
      return put(to, (head & 0x7f) | (head >> 1 & 0x3f80), head >> 16 & 0xff, 3);
    if ((head & 0x8080'8080) == 0x8080)
      return put(to, (head & 0x7f) | (head >> 1 & 0x3f80) | (head >> 2 & 0x1f'c000), head >> 24, 4);
    if ((head & 0x8080) == 0) return put(to, head & 0x7f, head >> 8 & 0xff, 2);
    return decode_longer(to);
  }
  bool decode_longer(SampleRecord& to) {
    std::size_t bytes = 0;
    const auto varint = [&](std::size_t most) {
      std::uint64_t value = 0;
      for (std::size_t i = 0; i < most; ++i) {
        const auto byte = std::to_integer<std::uint64_t>(at_[bytes++]);
        value |= (byte & 0x7f) << (7 * i);
        if (byte < 0x80) return value;
      }
      return kTooLong;
    };
    const std::uint64_t ref = varint(4);
    if (ref == kTooLong) return false;
    const std::uint64_t t = varint(3);
    return t != kTooLong && put(to, ref, t, bytes);
  }
  bool put(SampleRecord& to, std::uint64_t ref, std::uint64_t t, std::size_t bytes) {
    to = {base_ref_ + static_cast<std::uint64_t>(unzigzag(ref)),
          static_cast<Timestamp>(base_t_ + static_cast<std::uint64_t>(unzigzag(t))),
          std::bit_cast<double>(load_be<std::uint64_t>(at_ + bytes))};
    at_ += bytes + sizeof(double);
    return true;
  }

  static constexpr std::uint64_t kTooLong = ~std::uint64_t{0};

  const std::byte* at_;
  const std::byte* const end_;
  const std::uint64_t base_ref_;
  const std::uint64_t base_t_;
};

/// Type 2: reference and time of the first sample in full, all samples relative to it.
/// hot: bench/wal_bench
Result<void> decode_samples_v1(io::Bytes body, std::vector<SampleRecord>& out) {
  if (body.empty()) return {};
  ByteReader in(body);
  const std::uint64_t base_ref = in.be64();
  const std::uint64_t base_t = in.be64();
  if (!in.ok()) return ends_in_entry("samples", 0);
  const std::size_t first = out.size();
  in.skip(
      static_cast<std::uint64_t>(BlockDecoder(in.rest(), base_ref, base_t).decode(out) - in.rest().data()));
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
  while (in.left() > 0) {
    const WalRef ref = in.be64();
    auto labels = take_labels(in);
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
