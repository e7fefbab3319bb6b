#include "tsdb/wal/record.h"

#include <array>
#include <bit>
#include <string>

#include "tsdb/encoding.h"

namespace narthex::tsdb {
namespace {

/// What a sample takes at most: two varints and a value.
constexpr std::size_t kMaxSampleBytes = 2 * kMaxVarintBytes + 8;
/// Lengths in Labels have three bytes.
constexpr std::uint64_t kMaxLabelTextBytes = (1 << 24) - 1;

std::unexpected<Error> cut_short(const char* kind, std::size_t item) {
  return fail(Code::corruption, std::string(kind) + " record ends inside its entry " + std::to_string(item));
}

std::unexpected<Error> wrong_type(const char* want, io::Bytes record) {
  return fail(Code::corruption,
              std::string("not a ") + want + " record: its type byte is " +
                  (record.empty() ? "missing" : std::to_string(std::to_integer<int>(record[0]))));
}

/// Appends one text in the layout of Labels.
void append_label_text(std::string& out, std::string_view text) {
  if (text.size() < 255) {
    out.push_back(static_cast<char>(text.size()));
  } else {
    const char length[] = {static_cast<char>(255), static_cast<char>(text.size()),
                           static_cast<char>(text.size() >> 8), static_cast<char>(text.size() >> 16)};
    out.append(length, sizeof length);
  }
  out.append(text);
}

/// Labels in a record are sorted, unless something else than Prometheus wrote them. Then, and
/// with empty values, the slow way sets them right.
Result<Labels> read_labels(ByteReader& in, std::string& scratch) {
  const std::uint64_t count = in.uvarint();
  const ByteReader start = in;
  scratch.clear();
  std::string_view last;
  bool sorted = true;
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const std::string_view name = in.text();
    const std::string_view value = in.text();
    if (name.size() > kMaxLabelTextBytes || value.size() > kMaxLabelTextBytes)
      return fail(Code::limit, "a label in a series record is longer than 16 MiB");
    sorted = sorted && last < name && !value.empty();
    last = name;
    append_label_text(scratch, name);
    append_label_text(scratch, value);
  }
  if (!in.ok()) return fail(Code::corruption, "labels end early");
  if (sorted) return Labels::from_bytes(scratch);
  std::vector<LabelView> pairs;
  ByteReader again = start;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view name = again.text();
    pairs.push_back({name, again.text()});
  }
  return Labels::from_pairs(std::move(pairs));
}

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
  if (!in.ok()) return cut_short("samples", 0);
  const std::size_t first = out.size();
  decode_fast(in, base_ref, base_t, out);
  while (in.left() > 0) {
    const auto ref = base_ref + static_cast<std::uint64_t>(in.varint());
    const auto t = static_cast<Timestamp>(base_t + static_cast<std::uint64_t>(in.varint()));
    const auto v = std::bit_cast<double>(in.be64());
    if (!in.ok()) {
      const std::size_t item = out.size() - first;
      out.resize(first);
      return cut_short("samples", item);
    }
    out.push_back({ref, t, v});
  }
  return {};
}

/// Type 11: references relative to the previous sample, times to the first, and a start
/// timestamp with a marker byte, which is read over.
Result<void> decode_samples_v2(io::Bytes body, std::vector<SampleRecord>& out) {
  if (body.empty()) return {};
  constexpr std::uint8_t kExplicitStart = 2;
  ByteReader in(body);
  const std::size_t first = out.size();
  std::uint64_t ref = 0;
  std::uint64_t first_t = 0;
  while (in.left() > 0) {
    ref += static_cast<std::uint64_t>(in.varint());
    auto t = static_cast<std::uint64_t>(in.varint());
    if (out.size() == first) {
      first_t = t;
      in.varint();
    } else {
      t += first_t;
      if (in.u8() >= kExplicitStart) in.varint();
    }
    const auto v = std::bit_cast<double>(in.be64());
    if (!in.ok()) {
      const std::size_t item = out.size() - first;
      out.resize(first);
      return cut_short("samples", item);
    }
    out.push_back({ref, static_cast<Timestamp>(t), v});
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
    put_uvarint(out, s.labels.count());
    for (const LabelView label : s.labels) {
      put_text(out, label.name);
      put_text(out, label.value);
    }
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

Result<void> decode_series(io::Bytes record, std::vector<SeriesRecord>& out) {
  if (record_type(record) != RecordType::series) return wrong_type("series", record);
  ByteReader in(record.subspan(1));
  const std::size_t first = out.size();
  std::string scratch;
  while (in.left() > 0) {
    const WalRef ref = in.be64();
    auto labels = read_labels(in, scratch);
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
      return decode_samples_v2(record.subspan(1), out);
    default:
      return wrong_type("samples", record);
  }
}

}  // namespace narthex::tsdb
