// The fields of one histogram sample behind its time, as encodings 2, 3, 5 and 6 have them.
//
//   integers  first: varbit count, zero count, 64 bits sum, varbit deltas of the buckets;
//             then: varbit delta-of-delta of each, the sum as XOR
//   floats    first: 64 bits each of count, zero count, sum, buckets; then: each as XOR
//
// A staleness marker has the sum StaleNaN and no buckets; nothing but another may follow it.
// A coder is the state that writer and reader of a chunk keep from sample to sample.
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/histogram.h"
#include "tsdb/chunk/bit_reader.h"
#include "tsdb/chunk/bit_writer.h"
#include "tsdb/chunk/bucket_spans.h"
#include "tsdb/chunk/histogram_layout.h"
#include "tsdb/chunk/xor_field.h"

namespace narthex::tsdb {

class IntHistogramCoder {
 public:
  using Sample = Histogram;

  /// Before the first sample.
  void set_buckets(std::size_t positive, std::size_t negative);
  void put_first(BitBuffer& out, const Histogram& h);
  /// `h` has the layout of the chunk, or is a marker.
  void put_next(BitBuffer& out, const Histogram& h);
  /// Damage shows in ok() of the reader.
  void take_first(BitReader& in);
  void take_next(BitReader& in);

  [[nodiscard]] bool stale() const;
  /// Sets counts, sum and buckets.
  void get(Histogram& h) const;
  void get(FloatHistogram& h) const;

  /// Whether count or zero count of `h` are below those of the last sample.
  [[nodiscard]] bool count_fell(const Histogram& h) const { return h.count < count_.value; }
  [[nodiscard]] bool zero_count_fell(const Histogram& h) const { return h.zero_count < zero_count_.value; }
  /// @return false if a bucket was reset
  bool compare_buckets(const HistogramLayout& chunk, const Histogram& h, LayoutDifference& positive,
                       LayoutDifference& negative) const;
  static void widen(Histogram& h, const MissingBuckets& positive, const MissingBuckets& negative);
  static std::size_t positive_size(const Histogram& h) { return h.positive_deltas.size(); }
  static std::size_t negative_size(const Histogram& h) { return h.negative_deltas.size(); }
  [[nodiscard]] std::size_t heap_bytes() const {
    return (positive_.capacity() + negative_.capacity()) * sizeof(Run);
  }

 private:
  /// A number and how much it last grew; both wrap as Go's integers do.
  struct Run {
    std::uint64_t value = 0;
    std::uint64_t delta = 0;
  };
  static void put(BitBuffer& out, Run& run, std::uint64_t value);
  static void take(BitReader& in, Run& run);

  Run count_;
  Run zero_count_;
  XorField sum_;
  std::vector<Run> positive_;  ///< values are deltas between buckets
  std::vector<Run> negative_;
};

class FloatHistogramCoder {
 public:
  using Sample = FloatHistogram;

  void set_buckets(std::size_t positive, std::size_t negative);
  void put_first(BitBuffer& out, const FloatHistogram& h);
  void put_next(BitBuffer& out, const FloatHistogram& h);
  void take_first(BitReader& in);
  void take_next(BitReader& in);

  [[nodiscard]] bool stale() const;
  void get(FloatHistogram& h) const;

  [[nodiscard]] bool count_fell(const FloatHistogram& h) const { return h.count < count_.value(); }
  [[nodiscard]] bool zero_count_fell(const FloatHistogram& h) const {
    return h.zero_count < zero_count_.value();
  }
  bool compare_buckets(const HistogramLayout& chunk, const FloatHistogram& h, LayoutDifference& positive,
                       LayoutDifference& negative) const;
  static void widen(FloatHistogram& h, const MissingBuckets& positive, const MissingBuckets& negative);
  static std::size_t positive_size(const FloatHistogram& h) { return h.positive_buckets.size(); }
  static std::size_t negative_size(const FloatHistogram& h) { return h.negative_buckets.size(); }
  [[nodiscard]] std::size_t heap_bytes() const {
    return (positive_.capacity() + negative_.capacity()) * sizeof(XorField);
  }

 private:
  XorField count_;
  XorField zero_count_;
  XorField sum_;
  std::vector<XorField> positive_;
  std::vector<XorField> negative_;
};

}  // namespace narthex::tsdb
