#include "tsdb/chunk/histogram_chunk.h"

#include <algorithm>
#include <string>
#include <utility>

#include "model/check.h"
#include "model/value.h"
#include "tsdb/chunk/varbit.h"
#include "tsdb/encoding.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kMostSamples = 0xffff;
constexpr std::size_t kMostSamplesWithStart = 0x3fff;
/// Time, counts and sum of a sample take a bit each at least.
constexpr std::size_t kLeastSampleBits = 4;
/// Spans and bounds are copied into every sample, so that a small chunk could ask for a lot: this
/// many over all its samples are far beyond what any writer makes.
constexpr std::size_t kMostLayoutCopies = std::size_t{1} << 24;

/// The header's two bits, at the top of a byte.
std::uint8_t header_bits(CounterResetHint hint) {
  switch (hint) {
    case CounterResetHint::unknown:
      return 0x00;
    case CounterResetHint::not_reset:
      return 0x40;
    case CounterResetHint::reset:
      return 0x80;
    case CounterResetHint::gauge:
      return 0xc0;
  }
  return 0x00;
}

CounterResetHint header_from(std::byte byte) {
  switch (static_cast<std::uint8_t>(byte) >> 6) {
    case 1:
      return CounterResetHint::not_reset;
    case 2:
      return CounterResetHint::reset;
    case 3:
      return CounterResetHint::gauge;
    default:
      return CounterResetHint::unknown;
  }
}

std::uint64_t distance(Timestamp later, Timestamp earlier) {
  return static_cast<std::uint64_t>(later) - static_cast<std::uint64_t>(earlier);
}

template <class Sample>
HistogramLayout layout_of(const Sample& h) {
  return {h.schema, h.zero_threshold, h.positive_spans, h.negative_spans, h.custom_values};
}

}  // namespace

// ---- Reading

template <class Coder>
HistogramChunkReader<Coder>::HistogramChunkReader(io::Bytes chunk, bool with_start)
    : in_(chunk, std::min(chunk.size(), kHistogramHeaderBytes) * 8) {
  state_.with_start = with_start;
  if (chunk.size() < kHistogramHeaderBytes) {
    sound_ = false;
    return;
  }
  const std::size_t word = load_be<std::uint16_t>(chunk.data());
  if (with_start) {
    total_ = word & kMostSamplesWithStart;
    state_.header = header_from(chunk[0]);
    state_.start.header = static_cast<std::uint8_t>(chunk[2]);
  } else {
    total_ = word;
    state_.header = header_from(chunk[2]);
  }
  // A header that promises more than the bits can hold is not believed.
  if (total_ > in_.left() / kLeastSampleBits + 1) sound_ = false;
}

template <class Coder>
bool HistogramChunkReader<Coder>::begin() {
  HistogramLayout& layout = state_.layout;
  if (!take_layout(in_, layout)) return false;
  const std::size_t copies =
      layout.positive_spans.size() + layout.negative_spans.size() + layout.custom_values.size();
  if (copies * total_ > kMostLayoutCopies) return false;
  state_.coder.set_buckets(count_buckets(layout.positive_spans), count_buckets(layout.negative_spans));
  state_.t = take_varbit(in_);
  state_.coder.take_first(in_);
  return true;
}

template <class Coder>
bool HistogramChunkReader<Coder>::next() {
  if (!sound_ || state_.count == total_) return false;
  const Timestamp before = state_.t;
  if (state_.count == 0) {
    sound_ = begin();
  } else {
    state_.delta += static_cast<std::uint64_t>(take_varbit(in_));
    state_.t = static_cast<Timestamp>(static_cast<std::uint64_t>(state_.t) + state_.delta);
    state_.coder.take_next(in_);
  }
  if (state_.with_start) state_.start.take(in_, state_.count, state_.t, before);
  sound_ = sound_ && in_.ok();
  if (sound_) ++state_.count;
  return sound_;
}

template <class Coder>
Result<void> HistogramChunkReader<Coder>::status() const {
  if (sound_) return {};
  return fail(Code::corruption, "histogram chunk ends inside sample " + std::to_string(state_.count) +
                                    " of " + std::to_string(total_) + ", or what it says there cannot be");
}

template <class Coder>
CounterResetHint HistogramChunkReader<Coder>::hint() const {
  if (state_.header == CounterResetHint::gauge) return CounterResetHint::gauge;
  if (state_.coder.stale()) return CounterResetHint::unknown;
  return state_.count == 1 ? state_.header : CounterResetHint::not_reset;
}

// ---- Writing

template <class Coder>
HistogramChunkWriter<Coder>::HistogramChunkWriter(bool with_start, CounterResetHint header, Timestamp t,
                                                  Timestamp st, const Sample& h)
    : out_(kHistogramHeaderBytes) {
  state_.with_start = with_start;
  state_.header = header;
  if (is_stale_nan(h.sum))
    begin({}, t, st, staleness_marker<Sample>(h.sum));
  else
    begin(layout_of(h), t, st, h);
}

template <class Coder>
Result<HistogramChunkWriter<Coder>> HistogramChunkWriter<Coder>::resume(io::Bytes chunk, bool with_start) {
  HistogramChunkReader<Coder> reader(chunk, with_start);
  while (reader.next()) {
  }
  if (auto status = reader.status(); !status) return pass(status);
  if (reader.total() == 0) return fail(Code::corruption, "histogram chunk has no samples to go on from");
  return HistogramChunkWriter(reader.state(), BitBuffer(chunk, reader.bit()));
}

template <class Coder>
void HistogramChunkWriter<Coder>::begin(HistogramLayout layout, Timestamp t, Timestamp st, const Sample& h) {
  state_.layout = std::move(layout);
  const std::size_t positive = count_buckets(state_.layout.positive_spans);
  const std::size_t negative = count_buckets(state_.layout.negative_spans);
  check(positive == Coder::positive_size(h) && negative == Coder::negative_size(h),
        "the spans of a histogram must fit its buckets");
  put_layout(out_, state_.layout);
  state_.coder.set_buckets(positive, negative);
  put_varbit(out_, t);
  state_.coder.put_first(out_, h);
  if (state_.with_start) state_.start.put(out_, 0, t, 0, st);
  state_.t = t;
  state_.count = 1;
  write_header();
}

template <class Coder>
void HistogramChunkWriter<Coder>::write_next(Timestamp t, Timestamp st, const Sample& h) {
  check(!full(), "a chunk of this encoding holds no more samples");
  const std::uint64_t delta = distance(t, state_.t);
  put_varbit(out_, static_cast<std::int64_t>(delta - state_.delta));
  state_.coder.put_next(out_, h);
  if (state_.with_start) state_.start.put(out_, state_.count, t, state_.t, st);
  state_.delta = delta;
  state_.t = t;
  ++state_.count;
  write_header();
}

template <class Coder>
void HistogramChunkWriter<Coder>::write_header() {
  std::byte* at = out_.data();
  const std::uint8_t reset = header_bits(state_.header);
  if (state_.with_start) {
    store_be<std::uint16_t>(at, static_cast<std::uint16_t>(state_.count | std::size_t{reset} << 8));
    at[2] = static_cast<std::byte>(state_.start.header);
  } else {
    store_be<std::uint16_t>(at, static_cast<std::uint16_t>(state_.count));
    at[2] = static_cast<std::byte>(reset);
  }
}

template <class Coder>
AppendPlan HistogramChunkWriter<Coder>::plan(const Sample& h) const {
  using Outcome = AppendPlan::Outcome;
  const bool gauge = h.hint == CounterResetHint::gauge;
  const HistogramLayout& layout = state_.layout;
  if (gauge != (state_.header == CounterResetHint::gauge))
    return {gauge ? Outcome::other_layout : Outcome::gauge_before, {}, {}};
  if (!gauge && h.hint == CounterResetHint::reset) return {Outcome::reset, {}, {}};
  if (is_stale_nan(h.sum)) return {};
  if (state_.coder.stale()) return {Outcome::other_layout, {}, {}};
  if (!gauge && state_.coder.count_fell(h)) return {Outcome::reset, {}, {}};
  if (h.schema != layout.schema || h.zero_threshold != layout.zero_threshold)
    return {Outcome::other_layout, {}, {}};
  if (uses_custom_buckets(h.schema) && h.custom_values != layout.custom_values)
    return {gauge ? Outcome::other_layout : Outcome::reset, {}, {}};
  if (gauge) {
    return {Outcome::fits, compare_layouts(layout.positive_spans, h.positive_spans),
            compare_layouts(layout.negative_spans, h.negative_spans)};
  }
  if (state_.coder.zero_count_fell(h)) return {Outcome::reset, {}, {}};
  AppendPlan plan;
  if (!state_.coder.compare_buckets(layout, h, plan.positive, plan.negative)) return {Outcome::reset, {}, {}};
  return plan;
}

template <class Coder>
void HistogramChunkWriter<Coder>::append(const AppendPlan& plan, Timestamp t, Timestamp st, const Sample& h) {
  check(plan.outcome == AppendPlan::Outcome::fits, "this histogram begins a chunk of its own");
  if (!plan.widens_chunk() && !plan.widens_histogram()) {
    write_next(t, st, h);
    return;
  }
  Sample wide = h;
  if (plan.widens_histogram()) {
    const bool gauge = h.hint == CounterResetHint::gauge;
    // Gauges get both sides united, counters only a side that lacks something: their spans may
    // say the same in other words, and it is them that a widened chunk begins with.
    if (gauge || !plan.positive.in_histogram.empty())
      wide.positive_spans = unite_spans(state_.layout.positive_spans, h.positive_spans);
    if (gauge || !plan.negative.in_histogram.empty())
      wide.negative_spans = unite_spans(state_.layout.negative_spans, h.negative_spans);
    Coder::widen(wide, plan.positive.in_histogram, plan.negative.in_histogram);
  }
  if (plan.widens_chunk()) widen_chunk(plan, wide);
  write_next(t, st, wide);
}

template <class Coder>
void HistogramChunkWriter<Coder>::widen_chunk(const AppendPlan& plan, const Sample& like) {
  const BitBuffer before = std::move(out_);
  HistogramChunkReader<Coder> reader(before.bytes(), state_.with_start);
  HistogramLayout layout = std::move(state_.layout);
  layout.positive_spans = like.positive_spans;
  layout.negative_spans = like.negative_spans;
  out_ = BitBuffer(kHistogramHeaderBytes);
  HistogramChunkState<Coder> fresh;
  fresh.with_start = state_.with_start;
  fresh.header = state_.header;
  state_ = std::move(fresh);
  Sample h;
  while (reader.next()) {
    reader.get(h);
    // A marker ends a chunk for all but markers, so there is none in one that is widened.
    Coder::widen(h, plan.positive.in_chunk, plan.negative.in_chunk);
    if (state_.count == 0)
      begin(layout, reader.t(), reader.st(), h);
    else
      write_next(reader.t(), reader.st(), h);
  }
  check(reader.status().has_value(), "a chunk must be readable by who wrote it");
}

template <class Coder>
bool HistogramChunkWriter<Coder>::full() const {
  return state_.count >= (state_.with_start ? kMostSamplesWithStart : kMostSamples);
}

template <class Coder>
std::size_t HistogramChunkWriter<Coder>::heap_bytes() const {
  const HistogramLayout& layout = state_.layout;
  return out_.capacity() + state_.coder.heap_bytes() +
         (layout.positive_spans.capacity() + layout.negative_spans.capacity()) * sizeof(HistogramSpan) +
         layout.custom_values.capacity() * sizeof(double);
}

template class HistogramChunkReader<IntHistogramCoder>;
template class HistogramChunkReader<FloatHistogramCoder>;
template class HistogramChunkWriter<IntHistogramCoder>;
template class HistogramChunkWriter<FloatHistogramCoder>;

}  // namespace narthex::tsdb
