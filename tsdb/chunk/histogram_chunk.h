// Histogram chunks: encodings 2 and 3 (integers, floats), 5 and 6 (the same with start timestamps).
//
// Bytes: header of 3 | bit stream: layout, then per sample varbit time (first: itself; then
// delta-of-delta), the fields of histogram_coder.h, and with 5 and 6 those of start_times.h.
//   2, 3   count u16 | flags: reset header in the top two bits
//   5, 6   u16: reset header in the top two bits, count in the others | start header of start_times.h
// Reset header: 00 unknown, 01 no reset before this chunk, 10 reset, 11 gauges.
// Full format: Prometheus tsdb/docs/format/chunks.md.
//
// What a new histogram does to an open chunk (AppendPlan):
//
//   same layout                              appended
//   more buckets                             chunk encoded anew with them, then appended
//   lacks buckets that are empty so far      they are added to the histogram, then appended
//   counts went down, bucket in use gone     a counter's chunk ends, the next one's header says reset
//   other schema, threshold or bounds;       the chunk ends
//   gauge after counter, after a marker
//
// Source: Prometheus tsdb/chunkenc/histogram.go, AppendHistogram.
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "io/file_system.h"
#include "model/histogram.h"
#include "model/result.h"
#include "model/time.h"
#include "tsdb/chunk/bit_reader.h"
#include "tsdb/chunk/bit_writer.h"
#include "tsdb/chunk/bucket_spans.h"
#include "tsdb/chunk/histogram_coder.h"
#include "tsdb/chunk/histogram_layout.h"
#include "tsdb/chunk/start_times.h"

namespace narthex::tsdb {

inline constexpr std::size_t kHistogramHeaderBytes = 3;

/// What a histogram does to the chunk it is to be appended to.
struct AppendPlan {
  enum class Outcome : std::uint8_t { fits, reset, other_layout, gauge_before };
  Outcome outcome = Outcome::fits;
  LayoutDifference positive;
  LayoutDifference negative;

  [[nodiscard]] bool widens_chunk() const { return !positive.in_chunk.empty() || !negative.in_chunk.empty(); }
  [[nodiscard]] bool widens_histogram() const {
    return !positive.in_histogram.empty() || !negative.in_histogram.empty();
  }
};

/// A histogram with nothing but a sum.
template <class AnyKind>
[[nodiscard]] AnyKind staleness_marker(double sum) {
  AnyKind h;
  h.sum = sum;
  return h;
}

/// State common to writer and reader.
template <class Coder>
struct HistogramChunkState {
  bool with_start = false;
  CounterResetHint header = CounterResetHint::unknown;
  std::size_t count = 0;  ///< samples written or read
  HistogramLayout layout;
  Coder coder;
  StartTimes start;
  Timestamp t = 0;
  std::uint64_t delta = 0;
};

template <class Coder>
class HistogramChunkReader {
 public:
  /// `chunk` must outlive this.
  HistogramChunkReader(io::Bytes chunk, bool with_start);

  /// To the next sample. @return false at the end, or at damage: see status()
  bool next();
  /// Errors: corruption.
  Result<void> status() const;

  [[nodiscard]] std::size_t total() const { return total_; }
  [[nodiscard]] Timestamp t() const { return state_.t; }
  [[nodiscard]] Timestamp st() const { return state_.start.st; }
  /// As of the chunk's header for the first sample; not_reset or gauge for the others.
  [[nodiscard]] CounterResetHint hint() const;
  /// Sets all but the hint. A staleness marker has nothing but its sum.
  template <class AnyKind>
  void get(AnyKind& h) const;

  [[nodiscard]] const HistogramChunkState<Coder>& state() const { return state_; }
  [[nodiscard]] std::size_t bit() const { return in_.bit(); }

 private:
  bool begin();

  HistogramChunkState<Coder> state_;
  BitReader in_;
  std::size_t total_ = 0;
  bool sound_ = true;
};

template <class Coder>
class HistogramChunkWriter {
 public:
  using Sample = typename Coder::Sample;

  /// Begins with one sample; its spans must fit its buckets.
  HistogramChunkWriter(bool with_start, CounterResetHint header, Timestamp t, Timestamp st, const Sample& h);
  /// Goes on with a chunk. Errors: corruption.
  static Result<HistogramChunkWriter> resume(io::Bytes chunk, bool with_start);

  [[nodiscard]] AppendPlan plan(const Sample& h) const;
  /// @param plan  of the same histogram; its outcome is `fits`
  void append(const AppendPlan& plan, Timestamp t, Timestamp st, const Sample& h);

  [[nodiscard]] io::Bytes bytes() const { return out_.bytes(); }
  [[nodiscard]] std::size_t count() const { return state_.count; }
  [[nodiscard]] bool with_start() const { return state_.with_start; }
  /// A chunk of this encoding holds no more.
  [[nodiscard]] bool full() const;
  [[nodiscard]] Timestamp maxt() const { return state_.t; }
  [[nodiscard]] std::size_t heap_bytes() const;

 private:
  explicit HistogramChunkWriter(HistogramChunkState<Coder> state, BitBuffer out)
      : state_(std::move(state)), out_(std::move(out)) {}
  void begin(HistogramLayout layout, Timestamp t, Timestamp st, const Sample& h);
  void write_next(Timestamp t, Timestamp st, const Sample& h);
  void write_header();
  void widen_chunk(const AppendPlan& plan, const Sample& like);

  HistogramChunkState<Coder> state_;
  BitBuffer out_;
};

template <class Coder>
template <class AnyKind>
void HistogramChunkReader<Coder>::get(AnyKind& h) const {
  state_.coder.get(h);
  if (state_.coder.stale()) {
    h = staleness_marker<AnyKind>(h.sum);
    return;
  }
  h.schema = state_.layout.schema;
  h.zero_threshold = state_.layout.zero_threshold;
  h.positive_spans = state_.layout.positive_spans;
  h.negative_spans = state_.layout.negative_spans;
  h.custom_values = state_.layout.custom_values;
}

}  // namespace narthex::tsdb
