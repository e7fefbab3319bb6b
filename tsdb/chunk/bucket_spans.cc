#include "tsdb/chunk/bucket_spans.h"

namespace narthex::tsdb {

LayoutDifference compare_layouts(std::span<const HistogramSpan> chunk,
                                 std::span<const HistogramSpan> histogram) {
  LayoutDifference difference;
  const auto zero = [] { return 0; };
  compare_counters(chunk, histogram, zero, zero, difference);
  return difference;
}

std::vector<HistogramSpan> unite_spans(std::span<const HistogramSpan> a, std::span<const HistogramSpan> b) {
  std::vector<HistogramSpan> spans;
  std::int64_t end = 0;
  BucketCursor at_a(a);
  BucketCursor at_b(b);
  while (at_a.valid() || at_b.valid()) {
    const bool take_a = at_a.valid() && (!at_b.valid() || at_a.index() <= at_b.index());
    const bool take_b = at_b.valid() && (!at_a.valid() || at_b.index() <= at_a.index());
    const std::int64_t index = take_a ? at_a.index() : at_b.index();
    if (!spans.empty() && index == end)
      ++spans.back().length;
    else
      spans.push_back({static_cast<std::int32_t>(index - end), 1});
    end = index + 1;
    if (take_a) at_a.next();
    if (take_b) at_b.next();
  }
  return spans;
}

std::vector<double> widen_counts(std::span<const double> counts, const MissingBuckets& missing) {
  std::vector<double> wide;
  wide.reserve(counts.size() + missing.size());
  auto next = missing.begin();
  for (std::size_t i = 0; i <= counts.size(); ++i) {
    for (; next != missing.end() && *next == i; ++next) wide.push_back(0);
    if (i < counts.size()) wide.push_back(counts[i]);
  }
  return wide;
}

std::vector<std::int64_t> widen_deltas(std::span<const std::int64_t> deltas, const MissingBuckets& missing) {
  std::vector<std::int64_t> wide;
  wide.reserve(deltas.size() + missing.size());
  auto next = missing.begin();
  std::uint64_t count = 0;    // of the bucket before this position
  std::uint64_t written = 0;  // what the deltas written so far add up to
  for (std::size_t i = 0; i <= deltas.size(); ++i) {
    for (; next != missing.end() && *next == i; ++next) {
      wide.push_back(static_cast<std::int64_t>(0 - written));
      written = 0;
    }
    if (i == deltas.size()) break;
    count += static_cast<std::uint64_t>(deltas[i]);
    wide.push_back(static_cast<std::int64_t>(count - written));
    written = count;
  }
  return wide;
}

}  // namespace narthex::tsdb
