#include "tsdb/chunk/histogram_layout.h"

#include <bit>
#include <cmath>
#include <limits>

#include "tsdb/chunk/varbit.h"

namespace narthex::tsdb {
namespace {

constexpr std::uint8_t kThresholdInFull = 255;
/// Exponents of frexp() that fit the one byte of a threshold.
constexpr int kMinExponent = -242;
constexpr int kMaxExponent = 11;
constexpr int kExponentBias = 243;
/// Times 1000 and plus one it is the largest number of four bytes in varbit.
constexpr double kMaxShortBound = 33554430;

void put_zero_threshold(BitBuffer& out, double threshold) {
  if (threshold == 0) {
    out.put(0, 8);
    return;
  }
  int exponent = 0;
  const double fraction = std::frexp(threshold, &exponent);
  if (fraction != 0.5 || exponent < kMinExponent || exponent > kMaxExponent) {
    out.put(kThresholdInFull, 8);
    out.put(std::bit_cast<std::uint64_t>(threshold), 64);
    return;
  }
  const std::int64_t biased = std::int64_t{exponent} + kExponentBias;
  out.put(static_cast<std::uint64_t>(biased), 8);
}

double take_zero_threshold(BitReader& in) {
  const std::uint64_t byte = in.take(8);
  if (byte == 0) return 0;
  if (byte == kThresholdInFull) return std::bit_cast<double>(in.take(64));
  return std::ldexp(0.5, static_cast<int>(byte) - kExponentBias);
}

void put_spans(BitBuffer& out, const std::vector<HistogramSpan>& spans) {
  put_varbit_unsigned(out, spans.size());
  for (const HistogramSpan& span : spans) {
    put_varbit_unsigned(out, span.length);
    put_varbit(out, span.offset);
  }
}

bool take_spans(BitReader& in, std::vector<HistogramSpan>& spans) {
  const std::uint64_t count = take_varbit_unsigned(in);
  // A span takes two bits at least, a bucket one.
  if (count > in.left() / 2) return false;
  spans.clear();
  spans.reserve(count);
  std::uint64_t buckets = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t length = take_varbit_unsigned(in);
    const std::int64_t offset = take_varbit(in);
    if (!in.ok() || length > in.left()) return false;
    buckets += length;
    if (buckets > in.left()) return false;
    if (offset < std::numeric_limits<std::int32_t>::min() ||
        offset > std::numeric_limits<std::int32_t>::max())
      return false;
    spans.push_back({static_cast<std::int32_t>(offset), static_cast<std::uint32_t>(length)});
  }
  return in.ok();
}

bool is_short_bound(double bound) {
  const double thousandfold = bound * 1000;
  if (!(thousandfold >= 0 && thousandfold <= kMaxShortBound)) return false;
  return std::round(thousandfold) / 1000 == bound;
}

void put_custom_bounds(BitBuffer& out, const std::vector<double>& bounds) {
  put_varbit_unsigned(out, bounds.size());
  for (const double bound : bounds) {
    if (is_short_bound(bound)) {
      put_varbit_unsigned(out, static_cast<std::uint64_t>(std::round(bound * 1000)) + 1);
    } else {
      out.put(0, 1);
      out.put(std::bit_cast<std::uint64_t>(bound), 64);
    }
  }
}

bool take_custom_bounds(BitReader& in, std::vector<double>& bounds) {
  const std::uint64_t count = take_varbit_unsigned(in);
  // A bound takes five bits at least.
  if (count > in.left() / 5) return false;
  bounds.clear();
  bounds.reserve(count);
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const std::uint64_t raw = take_varbit_unsigned(in);
    bounds.push_back(raw == 0 ? std::bit_cast<double>(in.take(64)) : static_cast<double>(raw - 1) / 1000);
  }
  return in.ok();
}

}  // namespace

std::size_t count_buckets(const std::vector<HistogramSpan>& spans) {
  std::size_t count = 0;
  for (const HistogramSpan& span : spans) count += span.length;
  return count;
}

void put_layout(BitBuffer& out, const HistogramLayout& layout) {
  put_zero_threshold(out, layout.zero_threshold);
  put_varbit(out, layout.schema);
  put_spans(out, layout.positive_spans);
  put_spans(out, layout.negative_spans);
  if (uses_custom_buckets(layout.schema)) put_custom_bounds(out, layout.custom_values);
}

bool take_layout(BitReader& in, HistogramLayout& layout) {
  layout.zero_threshold = take_zero_threshold(in);
  const std::int64_t schema = take_varbit(in);
  if (!in.ok() || schema < std::numeric_limits<std::int32_t>::min() ||
      schema > std::numeric_limits<std::int32_t>::max())
    return false;
  layout.schema = static_cast<std::int32_t>(schema);
  if (!is_known_schema(layout.schema)) return false;
  if (!take_spans(in, layout.positive_spans) || !take_spans(in, layout.negative_spans)) return false;
  layout.custom_values.clear();
  return !uses_custom_buckets(layout.schema) || take_custom_bounds(in, layout.custom_values);
}

}  // namespace narthex::tsdb
