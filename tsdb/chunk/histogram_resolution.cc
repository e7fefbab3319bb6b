#include "tsdb/chunk/histogram_resolution.h"

#include <utility>
#include <vector>

#include "tsdb/chunk/bucket_spans.h"

namespace narthex::tsdb {
namespace {

void merge(std::vector<HistogramSpan>& spans, std::vector<double>& buckets, std::int32_t steps) {
  std::vector<HistogramSpan> coarse_spans;
  std::vector<double> coarse;
  std::int64_t end = 0;
  for (BucketCursor at(spans); at.valid() && at.position() < buckets.size(); at.next()) {
    // Bucket i ends at base^i: of 2^steps buckets, those up to and including the last multiple.
    const std::int64_t index = ((at.index() - 1) >> steps) + 1;
    const double count = buckets[at.position()];
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

}  // namespace

void reduce_resolution(FloatHistogram& h, std::int32_t target) {
  merge(h.positive_spans, h.positive_buckets, h.schema - target);
  merge(h.negative_spans, h.negative_buckets, h.schema - target);
  h.schema = target;
}

}  // namespace narthex::tsdb
