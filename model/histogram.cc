#include "model/histogram.h"

#include <cmath>
#include <concepts>
#include <limits>
#include <string>

#include "model/value.h"

namespace narthex {
namespace {

constexpr std::int32_t kMinSchema = -4;
constexpr std::int32_t kMaxSchema = 8;

// The second halves of the messages, as Prometheus words them (model/histogram/generic.go).
constexpr const char* kCountNotBigEnough =
    "histogram's observation count should be at least the number of observations found in the buckets";
constexpr const char* kCountMismatch =
    "histogram's observation count should equal the number of observations found in the buckets (in absence "
    "of NaN)";
constexpr const char* kNegativeCount = "histogram's observation count is negative";
constexpr const char* kNegativeBucketCount = "histogram has a bucket whose observation count is negative";
constexpr const char* kNegativeOffset = "histogram has a span whose offset is negative";
constexpr const char* kSpansBucketsMismatch =
    "histogram spans specify different number of buckets than provided";

std::vector<double> add_up(const std::vector<std::int64_t>& deltas) {
  std::vector<double> counts;
  counts.reserve(deltas.size());
  // Unsigned: what a damaged file says may overflow, and then wraps.
  std::uint64_t count = 0;
  for (const std::int64_t delta : deltas) {
    count += static_cast<std::uint64_t>(delta);
    counts.push_back(static_cast<double>(static_cast<std::int64_t>(count)));
  }
  return counts;
}

std::unexpected<Error> bad(std::string what, const char* rule) {
  what += ": ";
  what += rule;
  return fail(Code::invalid, std::move(what));
}

std::string count_text(std::int64_t n) {
  return std::to_string(n);
}
std::string count_text(double v) {
  return format_general(v);
}

/// Go's %f.
std::string fixed(double v) {
  if (std::isinf(v)) return v < 0 ? "-Inf" : "+Inf";
  return std::to_string(v);
}

std::unexpected<Error> wrong_span_sum(std::uint64_t needed, std::size_t have) {
  return bad("spans need " + std::to_string(needed) + " buckets, have " + std::to_string(have) + " buckets",
             kSpansBucketsMismatch);
}

Result<void> check_offset(std::size_t i, const HistogramSpan& span) {
  if (span.offset >= 0) return {};
  return bad("span number " + std::to_string(i + 1) + " with offset " + std::to_string(span.offset),
             kNegativeOffset);
}

Result<void> check_spans(const std::vector<HistogramSpan>& spans, std::size_t buckets) {
  std::uint64_t needed = 0;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (i > 0) {
      if (auto fine = check_offset(i, spans[i]); !fine) return fine;
    }
    needed += spans[i].length;
  }
  if (needed != buckets) return wrong_span_sum(needed, buckets);
  return {};
}

Result<void> check_custom_bounds(const std::vector<double>& bounds, const std::vector<HistogramSpan>& spans,
                                 std::size_t buckets) {
  double previous = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    if (std::isnan(bounds[i])) return fail(Code::invalid, "histogram custom bounds must not be NaN");
    if (i > 0 && bounds[i] <= previous) {
      return bad("previous bound is " + fixed(previous) + " and current is " + fixed(bounds[i]),
                 "histogram custom bounds must be in strictly increasing order");
    }
    previous = bounds[i];
  }
  if (previous == std::numeric_limits<double>::infinity()) {
    return bad("last +Inf bound must not be explicitly defined", "histogram custom bounds must be finite");
  }
  std::uint64_t needed = 0;
  std::uint64_t covered = 0;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (auto fine = check_offset(i, spans[i]); !fine) return fine;
    needed += spans[i].length;
    covered += spans[i].length + static_cast<std::uint64_t>(spans[i].offset);
  }
  if (needed != buckets) return wrong_span_sum(needed, buckets);
  if (bounds.size() + 1 < covered) {
    return bad("only " + std::to_string(bounds.size()) +
                   " custom bounds defined which is insufficient to cover total span length of " +
                   std::to_string(covered),
               "histogram custom bounds are too few");
  }
  return {};
}

std::unexpected<Error> negative_bucket(std::size_t i, const std::string& count) {
  return bad("bucket number " + std::to_string(i + 1) + " has observation count of " + count,
             kNegativeBucketCount);
}

/// Adds the buckets to `total`.
Result<void> check_buckets(const std::vector<std::int64_t>& deltas, std::uint64_t& total) {
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < deltas.size(); ++i) {
    last += static_cast<std::uint64_t>(deltas[i]);
    const auto count = static_cast<std::int64_t>(last);
    if (count < 0) return negative_bucket(i, count_text(count));
    total += last;
  }
  return {};
}
Result<void> check_buckets(const std::vector<double>& counts, double& total) {
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] < 0) return negative_bucket(i, count_text(counts[i]));
    total += counts[i];
  }
  return {};
}

const std::vector<std::int64_t>& positive(const Histogram& h) {
  return h.positive_deltas;
}
const std::vector<std::int64_t>& negative(const Histogram& h) {
  return h.negative_deltas;
}
const std::vector<double>& positive(const FloatHistogram& h) {
  return h.positive_buckets;
}
const std::vector<double>& negative(const FloatHistogram& h) {
  return h.negative_buckets;
}

template <class AnyKind>
Result<void> check_custom(const AnyKind& h) {
  if (auto fine = check_custom_bounds(h.custom_values, h.positive_spans, positive(h).size()); !fine) {
    return pass(fine, "custom buckets");
  }
  if (h.zero_count != 0) return fail(Code::invalid, "custom buckets: must have zero count of 0");
  if (h.zero_threshold != 0) return fail(Code::invalid, "custom buckets: must have zero threshold of 0");
  if (!h.negative_spans.empty()) return fail(Code::invalid, "custom buckets: must not have negative spans");
  if (!negative(h).empty()) return fail(Code::invalid, "custom buckets: must not have negative buckets");
  return {};
}

template <class AnyKind, class Count>
Result<void> check_exponential(const AnyKind& h, Count& negative_total) {
  if (auto fine = check_spans(h.positive_spans, positive(h).size()); !fine)
    return pass(fine, "positive side");
  if (auto fine = check_spans(h.negative_spans, negative(h).size()); !fine)
    return pass(fine, "negative side");
  if (auto fine = check_buckets(negative(h), negative_total); !fine) return pass(fine, "negative side");
  if constexpr (std::same_as<AnyKind, FloatHistogram>) {
    if (h.zero_count < 0)
      return bad("zero bucket has observation count of " + count_text(h.zero_count), kNegativeBucketCount);
  }
  if (!h.custom_values.empty())
    return fail(Code::invalid, "histogram with exponential schema must not have custom bounds");
  return {};
}

template <class AnyKind, class Count>
Result<void> check_schema(const AnyKind& h, Count& negative_total) {
  if (uses_custom_buckets(h.schema)) return check_custom(h);
  if (kMinSchema <= h.schema && h.schema <= kMaxSchema) return check_exponential(h, negative_total);
  return fail(Code::invalid,
              "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, "
              "or -53 for custom buckets, got schema " +
                  std::to_string(h.schema));
}

}  // namespace

FloatHistogram to_float(const Histogram& h) {
  return {.schema = h.schema,
          .hint = h.hint,
          .zero_threshold = h.zero_threshold,
          .zero_count = static_cast<double>(h.zero_count),
          .count = static_cast<double>(h.count),
          .sum = h.sum,
          .positive_spans = h.positive_spans,
          .negative_spans = h.negative_spans,
          .positive_buckets = add_up(h.positive_deltas),
          .negative_buckets = add_up(h.negative_deltas),
          .custom_values = h.custom_values};
}

Result<void> validate(const Histogram& h) {
  std::uint64_t found = 0;
  if (auto fine = check_schema(h, found); !fine) return fine;
  if (auto fine = check_buckets(h.positive_deltas, found); !fine) return pass(fine, "positive side");
  found += h.zero_count;
  // An observed NaN counts but is in no bucket; the sum is NaN then.
  const bool allow_more = std::isnan(h.sum);
  if (allow_more ? found <= h.count : found == h.count) return {};
  return bad(std::to_string(found) + " observations found in buckets, but the Count field is " +
                 std::to_string(h.count),
             allow_more ? kCountNotBigEnough : kCountMismatch);
}

Result<void> validate(const FloatHistogram& h) {
  double negatives = 0;
  if (auto fine = check_schema(h, negatives); !fine) return fine;
  // Two blanks: so it is there.
  if (h.count < 0) return bad("observation count is  " + count_text(h.count), kNegativeCount);
  double positives = 0;
  if (auto fine = check_buckets(h.positive_buckets, positives); !fine) return pass(fine, "positive side");
  return {};
}

}  // namespace narthex
