#include "tsdb/chunk/histogram_resolution.h"

#include <utility>
#include <vector>

#include "tsdb/chunk/bucket_spans.h"

namespace narthex::tsdb {
namespace {

/// @param buckets  absolute counts
template <class Count>
void merge(std::vector<HistogramSpan>& spans, std::vector<Count>& buckets, std::int32_t steps) {
  std::vector<HistogramSpan> coarse_spans;
  std::vector<Count> coarse;
  std::int64_t end = 0;
  for (BucketCursor at(spans); at.valid() && at.position() < buckets.size(); at.next()) {
    // Bucket i ends at base^i: of 2^steps buckets, those up to and including the last multiple.
    const std::int64_t index = ((at.index() - 1) >> steps) + 1;
    const Count count = buckets[at.position()];
    if (!coarse_spans.empty() && index + 1 == end) {
      coarse.back() += count;
      continue;
    }
    if (!coarse_spans.empty() && index == end)
      ++coarse_spans.back().length;
    else
      coarse_spans.push_back({static_cast<std::int32_t>(index - end), 1});
    coarse.push_back(count);
    end = index + 1;
  }
  spans = std::move(coarse_spans);
  buckets = std::move(coarse);
}

void merge_deltas(std::vector<HistogramSpan>& spans, std::vector<std::int64_t>& deltas, std::int32_t steps) {
  // Unsigned: what a damaged file says may overflow, and then wraps.
  std::vector<std::uint64_t> counts(deltas.size());
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < deltas.size(); ++i) counts[i] = count += static_cast<std::uint64_t>(deltas[i]);
  merge(spans, counts, steps);
  deltas.clear();
  count = 0;
  for (const std::uint64_t c : counts) {
    deltas.push_back(static_cast<std::int64_t>(c - count));
    count = c;
  }
}

}  // namespace

void reduce_resolution(FloatHistogram& h, std::int32_t target) {
  merge(h.positive_spans, h.positive_buckets, h.schema - target);
  merge(h.negative_spans, h.negative_buckets, h.schema - target);
  h.schema = target;
}

void reduce_resolution(Histogram& h, std::int32_t target) {
  merge_deltas(h.positive_spans, h.positive_deltas, h.schema - target);
  merge_deltas(h.negative_spans, h.negative_deltas, h.schema - target);
  h.schema = target;
}

}  // namespace narthex::tsdb
