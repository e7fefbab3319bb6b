#include "tsdb/wal/record_filter.h"

#include "tsdb/encoding.h"
#include "tsdb/wal/record_parts.h"

namespace narthex::tsdb {
namespace {

constexpr std::int64_t kCustomBuckets = -53;

void skip_texts(ByteReader& in, std::uint64_t count) {
  for (; count > 0 && in.ok(); --count) in.text();
}

void skip_labels(ByteReader& in) {
  const std::uint64_t count = in.uvarint();
  if (count > in.left()) return in.skip(~std::uint64_t{0});
  skip_texts(in, 2 * count);
}

void skip_words(ByteReader& in) {
  const std::uint64_t count = in.uvarint();
  if (count > in.left() / 8) return in.skip(~std::uint64_t{0});
  in.skip(8 * count);
}

void skip_varints(ByteReader& in, std::uint64_t per_item) {
  const std::uint64_t count = in.uvarint();
  if (count > in.left()) return in.skip(~std::uint64_t{0});
  for (std::uint64_t i = 0; i < count * per_item && in.ok(); ++i) in.uvarint();
}

void skip_histogram(ByteReader& in, bool floats) {
  in.u8();  // counter reset hint
  const std::int64_t schema = in.varint();
  in.be64();                     // zero threshold
  for (int i = 0; i < 2; ++i) {  // zero count, count
    if (floats)
      in.be64();
    else
      in.uvarint();
  }
  in.be64();                                        // sum
  for (int i = 0; i < 2; ++i) skip_varints(in, 2);  // spans: offset, length
  for (int i = 0; i < 2; ++i) {                     // buckets
    if (floats)
      skip_words(in);
    else
      skip_varints(in, 1);
  }
  if (schema == kCustomBuckets) skip_words(in);
}

/// What stands behind reference and time of an entry.
void skip_value(ByteReader& in, RecordType type) {
  switch (type) {
    case RecordType::samples:
    case RecordType::samples_v2:
      in.be64();
      return;
    case RecordType::exemplars:
      in.be64();
      skip_labels(in);
      return;
    case RecordType::histograms:
    case RecordType::custom_histograms:
    case RecordType::histograms_v2:
      return skip_histogram(in, false);
    case RecordType::float_histograms:
    case RecordType::custom_float_histograms:
    case RecordType::float_histograms_v2:
      return skip_histogram(in, true);
    default:
      in.skip(~std::uint64_t{0});
  }
}

/// The bytes between two states of a reader.
io::Bytes between(const ByteReader& start, const ByteReader& end) {
  return start.rest().first(start.left() - end.left());
}

}  // namespace

// The keep_ functions return false if the record contradicts its format; `out` may then have
// grown by a part of it.

void RecordFilter::apply(io::Bytes record, std::vector<std::byte>& out) {
  const std::size_t start = out.size();
  bool sound = false;
  switch (record_type(record)) {
    case RecordType::series:
      sound = keep_series(record, out);
      break;
    case RecordType::tombstones:
      sound = keep_tombstones(record, out);
      break;
    case RecordType::metadata:
      sound = hold_metadata(record);
      break;
    case RecordType::samples:
    case RecordType::exemplars:
    case RecordType::histograms:
    case RecordType::float_histograms:
    case RecordType::custom_histograms:
    case RecordType::custom_float_histograms:
      sound = keep_based(record, out);
      break;
    case RecordType::samples_v2:
    case RecordType::histograms_v2:
    case RecordType::float_histograms_v2:
      sound = keep_chained(record, out);
      break;
    case RecordType::mmap_markers:
    case RecordType::unknown:
      break;
  }
  if (sound) return;
  out.resize(start);
  put_bytes(out, record);
}

bool RecordFilter::keep_series(io::Bytes record, std::vector<std::byte>& out) const {
  const std::size_t start = out.size();
  put_bytes(out, record.first(1));
  ByteReader in(record.subspan(1));
  while (in.left() > 0) {
    const ByteReader entry = in;
    const WalRef ref = in.be64();
    skip_labels(in);
    if (!in.ok()) return false;
    if (keep_(ref)) put_bytes(out, between(entry, in));
  }
  if (out.size() == start + 1) out.resize(start);
  return true;
}

bool RecordFilter::keep_tombstones(io::Bytes record, std::vector<std::byte>& out) const {
  const std::size_t start = out.size();
  put_bytes(out, record.first(1));
  ByteReader in(record.subspan(1));
  while (in.left() > 0) {
    const ByteReader entry = in;
    const WalRef ref = in.be64();
    in.varint();
    const Timestamp maxt = in.varint();
    if (!in.ok()) return false;
    if (maxt >= deletions_from_ && keep_(ref)) put_bytes(out, between(entry, in));
  }
  if (out.size() == start + 1) out.resize(start);
  return true;
}

bool RecordFilter::keep_based(io::Bytes record, std::vector<std::byte>& out) const {
  constexpr std::size_t kHead = 1 + 8 + 8;
  if (record.size() == 1) return true;
  ByteReader in(record.subspan(1));
  const std::uint64_t base_ref = in.be64();
  const std::uint64_t base_t = in.be64();
  if (!in.ok()) return false;
  const std::size_t start = out.size();
  put_bytes(out, record.first(kHead));
  while (in.left() > 0) {
    const ByteReader entry = in;
    const WalRef ref = base_ref + static_cast<std::uint64_t>(in.varint());
    const auto t = static_cast<Timestamp>(base_t + static_cast<std::uint64_t>(in.varint()));
    skip_value(in, record_type(record));
    if (!in.ok()) return false;
    if (wanted(ref, t)) put_bytes(out, between(entry, in));
  }
  if (out.size() == start + kHead) out.resize(start);
  return true;
}

bool RecordFilter::keep_chained(io::Bytes record, std::vector<std::byte>& out) const {
  const RecordType type = record_type(record);
  const std::size_t start = out.size();
  put_bytes(out, record.first(1));
  ByteReader in(record.subspan(1));
  ChainReader before;
  ChainWriter after;
  while (in.left() > 0) {
    const EntryHead entry = before.take(in);
    const ByteReader value = in;
    skip_value(in, type);
    if (!in.ok()) return false;
    if (!wanted(entry.ref, entry.t)) continue;
    after.put(out, entry);
    put_bytes(out, between(value, in));
  }
  if (out.size() == start + 1) out.resize(start);
  return true;
}

bool RecordFilter::hold_metadata(io::Bytes record) {
  ByteReader in(record.subspan(1));
  while (in.left() > 0) {
    const WalRef ref = in.uvarint();
    const ByteReader body = in;
    in.u8();
    const std::uint64_t fields = in.uvarint();
    if (fields > in.left()) return false;
    skip_texts(in, 2 * fields);
    if (!in.ok()) return false;
    const io::Bytes bytes = between(body, in);
    if (keep_(ref)) metadata_[ref].assign(bytes.begin(), bytes.end());
  }
  return true;
}

void RecordFilter::put_metadata(std::vector<std::byte>& out) const {
  if (metadata_.empty()) return;
  put_u8(out, static_cast<std::uint8_t>(RecordType::metadata));
  for (const auto& [ref, body] : metadata_) {
    put_uvarint(out, ref);
    put_bytes(out, body);
  }
}

}  // namespace narthex::tsdb
