// Records of native histograms: types 7 to 10, and 12 and 13 with start timestamps.
//
// An entry behind reference and time (and start):
//   hint u8 | varint schema | zero threshold | zero count | count | sum
//   | spans, spans: uvarint n, then varint offset and uvarint length of each
//   | buckets, buckets: uvarint n, then the numbers
//   | bounds: uvarint n, then the numbers; schema -53 only
// Counts of integers are uvarints, their buckets varints; all other numbers are doubles.
#include <bit>
#include <limits>
#include <utility>
#include <variant>

#include "tsdb/chunk/histogram_layout.h"
#include "tsdb/chunk/histogram_resolution.h"
#include "tsdb/encoding.h"
#include "tsdb/wal/record.h"
#include "tsdb/wal/record_parts.h"

namespace narthex::tsdb {
namespace {

// ---- Writing

void put_double(std::vector<std::byte>& out, double v) {
  put_be(out, std::bit_cast<std::uint64_t>(v));
}

void put_spans(std::vector<std::byte>& out, const std::vector<HistogramSpan>& spans) {
  put_uvarint(out, spans.size());
  for (const HistogramSpan& span : spans) {
    put_varint(out, span.offset);
    put_uvarint(out, span.length);
  }
}

void put_numbers(std::vector<std::byte>& out, const std::vector<double>& numbers) {
  put_uvarint(out, numbers.size());
  for (const double v : numbers) put_double(out, v);
}

void put_numbers(std::vector<std::byte>& out, const std::vector<std::int64_t>& numbers) {
  put_uvarint(out, numbers.size());
  for (const std::int64_t n : numbers) put_varint(out, n);
}

template <class AnyKind>
void put_head(std::vector<std::byte>& out, const AnyKind& h) {
  put_u8(out, static_cast<std::uint8_t>(h.hint));
  put_varint(out, h.schema);
  put_double(out, h.zero_threshold);
}

void put_histogram(std::vector<std::byte>& out, const Histogram& h) {
  put_head(out, h);
  put_uvarint(out, h.zero_count);
  put_uvarint(out, h.count);
  put_double(out, h.sum);
  put_spans(out, h.positive_spans);
  put_spans(out, h.negative_spans);
  put_numbers(out, h.positive_deltas);
  put_numbers(out, h.negative_deltas);
  if (uses_custom_buckets(h.schema)) put_numbers(out, h.custom_values);
}

void put_histogram(std::vector<std::byte>& out, const FloatHistogram& h) {
  put_head(out, h);
  put_double(out, h.zero_count);
  put_double(out, h.count);
  put_double(out, h.sum);
  put_spans(out, h.positive_spans);
  put_spans(out, h.negative_spans);
  put_numbers(out, h.positive_buckets);
  put_numbers(out, h.negative_buckets);
  if (uses_custom_buckets(h.schema)) put_numbers(out, h.custom_values);
}

/// Of one kind, in their order.
template <class Kind>
using Entries = std::vector<std::pair<const HistogramRecord*, const Kind*>>;

template <class Kind>
Entries<Kind> of_kind(std::span<const HistogramRecord> histograms) {
  Entries<Kind> entries;
  for (const HistogramRecord& record : histograms) {
    if (const Kind* h = std::get_if<Kind>(&record.value)) entries.emplace_back(&record, h);
  }
  return entries;
}

template <class Kind>
std::vector<std::byte> chained_record(const Entries<Kind>& entries, RecordType type) {
  std::vector<std::byte> out;
  put_u8(out, static_cast<std::uint8_t>(type));
  ChainWriter chain;
  for (const auto& [record, h] : entries) {
    chain.put(out, {record->ref, record->t, record->st});
    put_histogram(out, *h);
  }
  return out;
}

template <class Kind>
void add_based_records(const Entries<Kind>& entries, RecordType type, RecordType custom_type,
                       std::vector<std::vector<std::byte>>& records) {
  Entries<Kind> plain;
  Entries<Kind> custom;
  for (const auto& entry : entries)
    (uses_custom_buckets(entry.second->schema) ? custom : plain).push_back(entry);
  const auto add = [&records](const Entries<Kind>& list, const HistogramRecord& base, RecordType as) {
    std::vector<std::byte>& out = records.emplace_back();
    put_u8(out, static_cast<std::uint8_t>(as));
    const BaseWriter writer(out, base.ref, base.t);
    for (const auto& [record, h] : list) {
      writer.put(out, record->ref, record->t);
      put_histogram(out, *h);
    }
  };
  // The base is the first of all, also where that one goes to the other record: as Prometheus does.
  if (!plain.empty()) add(plain, *entries.front().first, type);
  if (!custom.empty()) add(custom, *custom.front().first, custom_type);
}

// ---- Reading

double take_double(ByteReader& in) {
  return std::bit_cast<double>(in.be64());
}

/// Everything in a list takes `least` bytes or more; one that promises more is not believed.
std::size_t take_count(ByteReader& in, std::size_t least) {
  const std::uint64_t count = in.uvarint();
  if (count <= in.left() / least) return static_cast<std::size_t>(count);
  in.skip(~std::uint64_t{0});
  return 0;
}

void take_spans(ByteReader& in, std::vector<HistogramSpan>& spans) {
  spans.resize(take_count(in, 2));
  for (HistogramSpan& span : spans) {
    span.offset = static_cast<std::int32_t>(in.varint());
    const std::uint64_t length = in.uvarint();
    if (length > std::numeric_limits<std::uint32_t>::max()) return in.skip(~std::uint64_t{0});
    span.length = static_cast<std::uint32_t>(length);
  }
}

void take_numbers(ByteReader& in, std::vector<double>& numbers) {
  numbers.resize(take_count(in, 8));
  for (double& v : numbers) v = take_double(in);
}

void take_numbers(ByteReader& in, std::vector<std::int64_t>& numbers) {
  numbers.resize(take_count(in, 1));
  for (std::int64_t& n : numbers) n = in.varint();
}

template <class AnyKind>
void take_head(ByteReader& in, AnyKind& h) {
  const std::uint8_t hint = in.u8();
  const auto last = static_cast<std::uint8_t>(CounterResetHint::gauge);
  h.hint = hint <= last ? static_cast<CounterResetHint>(hint) : CounterResetHint::unknown;
  h.schema = static_cast<std::int32_t>(in.varint());
  h.zero_threshold = take_double(in);
}

void take_histogram(ByteReader& in, Histogram& h) {
  take_head(in, h);
  h.zero_count = in.uvarint();
  h.count = in.uvarint();
  h.sum = take_double(in);
  take_spans(in, h.positive_spans);
  take_spans(in, h.negative_spans);
  take_numbers(in, h.positive_deltas);
  take_numbers(in, h.negative_deltas);
  if (uses_custom_buckets(h.schema)) take_numbers(in, h.custom_values);
}

void take_histogram(ByteReader& in, FloatHistogram& h) {
  take_head(in, h);
  h.zero_count = take_double(in);
  h.count = take_double(in);
  h.sum = take_double(in);
  take_spans(in, h.positive_spans);
  take_spans(in, h.negative_spans);
  take_numbers(in, h.positive_buckets);
  take_numbers(in, h.negative_buckets);
  if (uses_custom_buckets(h.schema)) take_numbers(in, h.custom_values);
}

bool spans_fit(const Histogram& h) {
  return count_buckets(h.positive_spans) == h.positive_deltas.size() &&
         count_buckets(h.negative_spans) == h.negative_deltas.size();
}
bool spans_fit(const FloatHistogram& h) {
  return count_buckets(h.positive_spans) == h.positive_buckets.size() &&
         count_buckets(h.negative_spans) == h.negative_buckets.size();
}

/// @param head  yields reference, time and start of each entry
template <class Kind, class Head>
Result<std::size_t> take_entries(ByteReader& in, Head head, std::vector<HistogramRecord>& out) {
  const std::size_t first = out.size();
  std::size_t left_out = 0;
  while (in.left() > 0) {
    const EntryHead entry = head.take(in);
    Kind h;
    take_histogram(in, h);
    if (!in.ok()) {
      const std::size_t item = out.size() - first + left_out;
      out.resize(first);
      return ends_in_entry("histogram", item);
    }
    if (!is_known_schema(h.schema) || !spans_fit(h)) {
      ++left_out;
      continue;
    }
    if (h.schema > kFinestSchema) reduce_resolution(h, kFinestSchema);
    out.push_back({entry.ref, entry.t, entry.st, std::move(h)});
  }
  return left_out;
}

template <class Kind>
Result<std::size_t> take_based(io::Bytes body, std::vector<HistogramRecord>& out) {
  if (body.empty()) return std::size_t{0};
  ByteReader in(body);
  const BaseReader base(in);
  if (!in.ok()) return ends_in_entry("histogram", 0);
  return take_entries<Kind>(in, base, out);
}

template <class Kind>
Result<std::size_t> take_chained(io::Bytes body, std::vector<HistogramRecord>& out) {
  ByteReader in(body);
  return take_entries<Kind>(in, ChainReader(), out);
}

}  // namespace

void encode_histograms(std::span<const HistogramRecord> histograms, bool with_start,
                       std::vector<std::vector<std::byte>>& records) {
  const Entries<Histogram> ints = of_kind<Histogram>(histograms);
  const Entries<FloatHistogram> floats = of_kind<FloatHistogram>(histograms);
  if (with_start) {
    if (!ints.empty()) records.push_back(chained_record(ints, RecordType::histograms_v2));
    if (!floats.empty()) records.push_back(chained_record(floats, RecordType::float_histograms_v2));
    return;
  }
  add_based_records(ints, RecordType::histograms, RecordType::custom_histograms, records);
  add_based_records(floats, RecordType::float_histograms, RecordType::custom_float_histograms, records);
}

Result<std::size_t> decode_histograms(io::Bytes record, std::vector<HistogramRecord>& out) {
  switch (record_type(record)) {
    case RecordType::histograms:
    case RecordType::custom_histograms:
      return take_based<Histogram>(record.subspan(1), out);
    case RecordType::float_histograms:
    case RecordType::custom_float_histograms:
      return take_based<FloatHistogram>(record.subspan(1), out);
    case RecordType::histograms_v2:
      return take_chained<Histogram>(record.subspan(1), out);
    case RecordType::float_histograms_v2:
      return take_chained<FloatHistogram>(record.subspan(1), out);
    default:
      return wrong_record_type("histogram", record);
  }
}

}  // namespace narthex::tsdb
