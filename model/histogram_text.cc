#include "model/histogram_text.h"

#include <algorithm>
#include <span>

#include "model/histogram_bounds.h"
#include "model/value.h"

namespace narthex {
namespace {

std::string count_text(std::uint64_t count) {
  return std::to_string(count);
}
std::string count_text(double count) {
  return format_general(count);
}

/// Absolute counts: an integer histogram keeps each bucket's difference to the one before.
std::vector<std::uint64_t> absolute(const std::vector<std::int64_t>& deltas) {
  std::vector<std::uint64_t> counts;
  counts.reserve(deltas.size());
  std::uint64_t count = 0;
  for (const std::int64_t delta : deltas) counts.push_back(count += static_cast<std::uint64_t>(delta));
  return counts;
}

/// One side of a histogram.
template <class Count>
struct Buckets {
  std::int32_t schema;
  std::span<const HistogramSpan> spans;
  std::span<const Count> counts;
  std::span<const double> custom_values;
};

std::string bounds_text(std::int64_t index, std::int32_t schema, std::span<const double> custom_values,
                        bool positive) {
  double lower = bucket_bound(index - 1, schema, custom_values);
  double upper = bucket_bound(index, schema, custom_values);
  if (!positive) {
    std::swap(lower, upper);
    lower = -lower;
    upper = -upper;
  }
  const bool custom = uses_custom_buckets(schema);
  const bool holds_lower = custom ? index == 0 : lower < 0;
  const bool holds_upper = custom || upper > 0;
  return std::string(holds_lower ? "[" : "(") + format_general(lower) + "," + format_general(upper) +
         (holds_upper ? "]" : ")");
}

/// The buckets that are not empty, ascending by their distance from zero.
template <class Count>
std::vector<std::string> bucket_texts(const Buckets<Count>& side, bool positive) {
  std::vector<std::string> texts;
  std::int64_t index = 0;
  std::size_t next = 0;
  for (const HistogramSpan& span : side.spans) {
    index += span.offset;
    for (std::uint32_t i = 0; i < span.length && next < side.counts.size(); ++i, ++index, ++next) {
      if (side.counts[next] == 0) continue;
      texts.push_back(bounds_text(index, side.schema, side.custom_values, positive) + ":" +
                      count_text(side.counts[next]));
    }
  }
  return texts;
}

template <class AnyKind, class Buckets>
std::string text_of(const AnyKind& h, const Buckets& positive_buckets, const Buckets& negative_buckets) {
  using Count = typename Buckets::value_type;
  std::string out = "{count:" + count_text(h.count) + ", sum:" + format_general(h.sum);
  auto negative = bucket_texts<Count>({h.schema, h.negative_spans, negative_buckets, {}}, false);
  std::ranges::reverse(negative);
  for (const std::string& bucket : negative) out += ", " + bucket;
  if (h.zero_count != 0) {
    out += ", [" + format_general(-h.zero_threshold) + "," + format_general(h.zero_threshold) +
           "]:" + count_text(h.zero_count);
  }
  for (const std::string& bucket :
       bucket_texts<Count>({h.schema, h.positive_spans, positive_buckets, h.custom_values}, true)) {
    out += ", " + bucket;
  }
  return out + "}";
}

}  // namespace

std::string to_text(const Histogram& h) {
  return text_of(h, absolute(h.positive_deltas), absolute(h.negative_deltas));
}

std::string to_text(const FloatHistogram& h) {
  return text_of(h, h.positive_buckets, h.negative_buckets);
}

}  // namespace narthex
