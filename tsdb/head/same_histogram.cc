#include "tsdb/head/same_histogram.h"

#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

namespace narthex::tsdb {
namespace {

std::uint64_t bits(double v) {
  return std::bit_cast<std::uint64_t>(v);
}
std::uint64_t bits(std::uint64_t v) {
  return v;
}

/// Buckets that hold something: number, and count or its bits.
using Filled = std::vector<std::pair<std::int64_t, std::uint64_t>>;

Filled filled(const std::vector<HistogramSpan>& spans, const std::vector<std::int64_t>& deltas) {
  Filled out;
  std::int64_t bucket = 0;
  std::uint64_t count = 0;
  std::size_t i = 0;
  for (const HistogramSpan& span : spans) {
    bucket += span.offset;
    for (std::uint32_t k = 0; k < span.length && i < deltas.size(); ++k, ++bucket, ++i) {
      count += static_cast<std::uint64_t>(deltas[i]);
      if (count != 0) out.emplace_back(bucket, count);
    }
  }
  return out;
}

Filled filled(const std::vector<HistogramSpan>& spans, const std::vector<double>& counts) {
  Filled out;
  std::int64_t bucket = 0;
  std::size_t i = 0;
  for (const HistogramSpan& span : spans) {
    bucket += span.offset;
    for (std::uint32_t k = 0; k < span.length && i < counts.size(); ++k, ++bucket, ++i) {
      if (counts[i] != 0) out.emplace_back(bucket, bits(counts[i]));
    }
  }
  return out;
}

Filled positive(const Histogram& h) {
  return filled(h.positive_spans, h.positive_deltas);
}
Filled negative(const Histogram& h) {
  return filled(h.negative_spans, h.negative_deltas);
}
Filled positive(const FloatHistogram& h) {
  return filled(h.positive_spans, h.positive_buckets);
}
Filled negative(const FloatHistogram& h) {
  return filled(h.negative_spans, h.negative_buckets);
}

template <class H>
bool is_same(const H& a, const H& b) {
  if (a.schema != b.schema || bits(a.count) != bits(b.count) || bits(a.sum) != bits(b.sum)) return false;
  if (uses_custom_buckets(a.schema) && a.custom_values != b.custom_values) return false;
  if (a.zero_threshold != b.zero_threshold || bits(a.zero_count) != bits(b.zero_count)) return false;
  return positive(a) == positive(b) && negative(a) == negative(b);
}

}  // namespace

bool is_same_histogram(const AnyHistogram& a, const AnyHistogram& b) {
  if (a.index() != b.index()) return false;
  if (const auto* ints = std::get_if<Histogram>(&a)) return is_same(*ints, std::get<Histogram>(b));
  return is_same(std::get<FloatHistogram>(a), std::get<FloatHistogram>(b));
}

}  // namespace narthex::tsdb
