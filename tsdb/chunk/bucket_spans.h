// Bucket layouts side by side: what a chunk's layout and a histogram's lack of each other.
//
// A chunk has one layout. A histogram with buckets that the chunk lacks makes the chunk be
// encoded anew with them, empty so far; one that lacks buckets which are empty in the chunk gets
// them added. Example, indices of the buckets:
//
//   chunk      0 1     4       8 9          missing in the chunk: 2, 6, before its buckets 2 and 3
//   histogram  0 1 2       6   8 9          missing in the histogram: 4, before its bucket 3
//   together   0 1 2   4   6   8 9          fine if bucket 4 was 0 in the chunk
//
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "model/histogram.h"

namespace narthex::tsdb {

/// Walks the buckets of spans by their index.
class BucketCursor {
 public:
  explicit BucketCursor(std::span<const HistogramSpan> spans) : spans_(spans) {
    if (!spans_.empty()) {
      index_ = spans_[0].offset;
      settle();
    }
  }

  [[nodiscard]] bool valid() const { return span_ < spans_.size(); }
  [[nodiscard]] std::int64_t index() const { return index_; }
  /// Number of buckets before this one.
  [[nodiscard]] std::size_t position() const { return position_; }
  void next() {
    ++index_;
    ++position_;
    ++in_span_;
    settle();
  }

 private:
  /// Out of a span that is through, over empty ones.
  void settle() {
    while (valid() && in_span_ >= spans_[span_].length) {
      in_span_ = 0;
      if (++span_ < spans_.size()) index_ += spans_[span_].offset;
    }
  }

  std::span<const HistogramSpan> spans_;
  std::size_t span_ = 0;
  std::size_t position_ = 0;
  std::uint32_t in_span_ = 0;
  std::int64_t index_ = 0;
};

/// Positions among the buckets before which one empty bucket is missing, ascending; twice for two.
using MissingBuckets = std::vector<std::size_t>;

struct LayoutDifference {
  MissingBuckets in_chunk;
  MissingBuckets in_histogram;
};

/// Compares regardless of counts, for gauges.
LayoutDifference compare_layouts(std::span<const HistogramSpan> chunk,
                                 std::span<const HistogramSpan> histogram);
/// The buckets of both.
std::vector<HistogramSpan> unite_spans(std::span<const HistogramSpan> a, std::span<const HistogramSpan> b);

/// Adds empty buckets; deltas go back to zero for them.
std::vector<double> widen_counts(std::span<const double> counts, const MissingBuckets& missing);
std::vector<std::int64_t> widen_deltas(std::span<const std::int64_t> deltas, const MissingBuckets& missing);

/// The same for counters: compares layouts and counts. `chunk_count` and `count` give the absolute
/// count of the next bucket each time they are called.
/// @return false if a bucket went down, or one in use is gone: the counter was reset
template <class ChunkCount, class Count>
bool compare_counters(std::span<const HistogramSpan> chunk, std::span<const HistogramSpan> histogram,
                      ChunkCount chunk_count, Count count, LayoutDifference& difference) {
  BucketCursor a(chunk);
  BucketCursor b(histogram);
  constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();
  while (a.valid() || b.valid()) {
    const std::int64_t ai = a.valid() ? a.index() : kNone;
    const std::int64_t bi = b.valid() ? b.index() : kNone;
    if (ai == bi) {
      if (chunk_count() > count()) return false;
      a.next();
      b.next();
    } else if (ai < bi) {
      if (chunk_count() != 0) return false;
      difference.in_histogram.push_back(b.position());
      a.next();
    } else {
      count();
      difference.in_chunk.push_back(a.position());
      b.next();
    }
  }
  return true;
}

}  // namespace narthex::tsdb
