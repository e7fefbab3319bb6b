#include "tsdb/chunk/chunk_builder.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>
#include <variant>

#include "model/check.h"
#include "tsdb/chunk/encoding.h"
#include "tsdb/chunk/histogram_chunk.h"
#include "tsdb/chunk/xor2_chunk.h"
#include "tsdb/chunk/xor_chunk.h"

namespace narthex::tsdb {
namespace {

/// The next sample may take 19 bytes more.
constexpr std::size_t kMostFloatBytesBeforeAppend = 1024 - 19;
constexpr std::size_t kTargetHistogramBytes = 1024;
constexpr std::size_t kLeastHistograms = 10;

/// An XOR chunk with room to grow.
class XorWriter {
 public:
  XorWriter() : store_(kXorHeaderBytes + kXorMaxSampleBytes) {}
  static Result<XorWriter> resume(io::Bytes chunk) {
    auto state = xor_resume(chunk);
    if (!state) return pass(state);
    if (state->count == 0) return fail(Code::corruption, "XOR chunk has no samples to go on from");
    XorWriter writer;
    writer.state_ = *state;
    writer.store_.assign(chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(state->size_bytes()));
    return writer;
  }
  void append(Timestamp t, Timestamp /*st*/, double v) {
    const std::size_t needed = state_.size_bytes() + kXorMaxSampleBytes;
    if (store_.size() < needed) store_.resize(needed + needed / 2);
    xor_append(state_, store_.data(), t, v);
  }
  [[nodiscard]] io::Bytes bytes() const { return {store_.data(), state_.size_bytes()}; }
  [[nodiscard]] std::size_t count() const { return state_.count; }
  [[nodiscard]] Timestamp maxt() const { return state_.t; }
  [[nodiscard]] std::size_t heap_bytes() const { return store_.capacity(); }

 private:
  XorState state_;
  std::vector<std::byte> store_;
};

using IntWriter = HistogramChunkWriter<IntHistogramCoder>;
using FloatWriter = HistogramChunkWriter<FloatHistogramCoder>;

std::uint8_t encoding_of(const XorWriter&) {
  return static_cast<std::uint8_t>(ChunkEncoding::xor_floats);
}
std::uint8_t encoding_of(const Xor2Writer&) {
  return static_cast<std::uint8_t>(ChunkEncoding::xor2_floats);
}
std::uint8_t encoding_of(const IntWriter& w) {
  return static_cast<std::uint8_t>(w.with_start() ? ChunkEncoding::histogram_st : ChunkEncoding::histogram);
}
std::uint8_t encoding_of(const FloatWriter& w) {
  return static_cast<std::uint8_t>(w.with_start() ? ChunkEncoding::float_histogram_st
                                                  : ChunkEncoding::float_histogram);
}

/// Prometheus' computeChunkEndTime: an end that makes the chunks up to `limit` alike, if this one
/// is full to `1/ratio`.
Timestamp predicted_end(Timestamp mint, Timestamp maxt, Timestamp limit, double ratio) {
  const double left = static_cast<double>(limit) - static_cast<double>(mint);
  const double chunks = left / ((static_cast<double>(maxt) - static_cast<double>(mint) + 1) * ratio);
  if (chunks <= 1) return limit;
  return static_cast<Timestamp>(static_cast<double>(mint) + left / std::floor(chunks));
}

/// What the header of a chunk says that begins because its first sample did not fit the one before.
template <class Sample>
CounterResetHint header_after_refusal(AppendPlan::Outcome outcome) {
  if (outcome == AppendPlan::Outcome::reset) return CounterResetHint::reset;
  const bool ints = std::is_same_v<Sample, Histogram>;
  if (ints && outcome == AppendPlan::Outcome::gauge_before) return CounterResetHint::not_reset;
  return CounterResetHint::unknown;
}

/// The same for a chunk that begins because the one before was full.
template <class Sample>
CounterResetHint header_after_full(AppendPlan::Outcome outcome) {
  if (outcome == AppendPlan::Outcome::reset) return CounterResetHint::reset;
  const bool ints = std::is_same_v<Sample, Histogram>;
  if (ints && outcome == AppendPlan::Outcome::other_layout) return CounterResetHint::unknown;
  return CounterResetHint::not_reset;
}

}  // namespace

struct ChunkBuilder::Impl {
  using Open = std::variant<std::monostate, XorWriter, Xor2Writer, IntWriter, FloatWriter>;

  ChunkBuilderOptions options;
  Open open;
  Timestamp mint = 0;
  Timestamp next_cut = kMaxTime;  ///< the open chunk ends before this
  bool predicted = false;         ///< next_cut of a histogram chunk is a prediction
  std::vector<BuiltChunk> finished;

  [[nodiscard]] bool has_open() const { return !std::holds_alternative<std::monostate>(open); }
  template <class Answer, class Ask>
  Answer ask(Ask question, Answer none) const {
    return std::visit(
        [&](const auto& writer) -> Answer {
          if constexpr (std::is_same_v<std::decay_t<decltype(writer)>, std::monostate>)
            return none;
          else
            return question(writer);
        },
        open);
  }
  [[nodiscard]] io::Bytes bytes() const {
    return ask([](const auto& w) { return w.bytes(); }, io::Bytes{});
  }
  [[nodiscard]] std::size_t count() const {
    return ask([](const auto& w) { return w.count(); }, std::size_t{0});
  }
  [[nodiscard]] Timestamp maxt() const {
    return ask([](const auto& w) { return w.maxt(); }, Timestamp{0});
  }
  [[nodiscard]] std::uint8_t encoding() const {
    return ask([](const auto& w) { return encoding_of(w); }, std::uint8_t{0});
  }

  [[nodiscard]] Timestamp range_end(Timestamp t) const;
  void finish();
  /// Of a chunk that begins with a sample at `t`.
  void set_limits(Timestamp t) {
    mint = t;
    next_cut = range_end(t);
  }
  template <class Writer>
  [[nodiscard]] bool float_chunk_is_full(Timestamp t);
  [[nodiscard]] bool histogram_chunk_is_full(Timestamp t);
  template <class Writer>
  bool append_float(Timestamp t, Timestamp st, double v);
  template <class Writer>
  bool append_histogram(Timestamp t, Timestamp st, const typename Writer::Sample& h);
};

Timestamp ChunkBuilder::Impl::range_end(Timestamp t) const {
  const DurationMs range = options.block_range;
  if (range <= 0) return kMaxTime;
  Timestamp start = t / range * range;
  if (start > t) {
    if (start < kMinTime + range) return start;
    start -= range;
  }
  return start > kMaxTime - range ? kMaxTime : start + range;
}

void ChunkBuilder::Impl::finish() {
  if (!has_open()) return;
  const io::Bytes chunk = bytes();
  finished.push_back({{mint, maxt()}, encoding(), {chunk.begin(), chunk.end()}});
  open = std::monostate{};
}

template <class Writer>
bool ChunkBuilder::Impl::float_chunk_is_full(Timestamp t) {
  if (!std::holds_alternative<Writer>(open) || bytes().size() > kMostFloatBytesBeforeAppend) return true;
  const std::size_t samples = count();
  // Nothing to be distributed evenly without a border.
  if (options.block_range <= 0) return samples >= options.samples_per_chunk;
  if (samples == options.samples_per_chunk / 4) next_cut = predicted_end(mint, maxt(), next_cut, 4);
  return t >= next_cut || samples >= options.samples_per_chunk * 2;
}

bool ChunkBuilder::Impl::histogram_chunk_is_full(Timestamp t) {
  const std::size_t samples = count();
  if (options.block_range <= 0) return samples >= options.samples_per_chunk;
  const std::size_t size = bytes().size();
  const Timestamp border = predicted ? range_end(mint) : next_cut;
  if (!predicted && size >= kTargetHistogramBytes / 4) {
    const double ratio = static_cast<double>(kTargetHistogramBytes) / static_cast<double>(size);
    next_cut = predicted_end(mint, maxt(), next_cut, ratio);
    predicted = true;
  }
  return (t >= next_cut || size >= kTargetHistogramBytes * 2) && (samples >= kLeastHistograms || t >= border);
}

template <class Writer>
bool ChunkBuilder::Impl::append_float(Timestamp t, Timestamp st, double v) {
  const bool begun = !has_open() || float_chunk_is_full<Writer>(t);
  if (begun) {
    finish();
    open.emplace<Writer>();
    set_limits(t);
  }
  std::get<Writer>(open).append(t, st, v);
  return begun;
}

template <class Writer>
bool ChunkBuilder::Impl::append_histogram(Timestamp t, Timestamp st, const typename Writer::Sample& h) {
  using Sample = typename Writer::Sample;
  const bool with_start = options.histograms_with_start;
  const auto begin = [&](CounterResetHint header) {
    finish();
    open.emplace<Writer>(with_start, header, t, st, h);
    set_limits(t);
  };
  Writer* writer = std::get_if<Writer>(&open);
  const bool continues = writer && writer->with_start() == with_start;
  if (!continues || histogram_chunk_is_full(t) || writer->full()) {
    predicted = false;
    CounterResetHint header = CounterResetHint::unknown;
    if (h.hint == CounterResetHint::gauge || h.hint == CounterResetHint::reset)
      header = h.hint;
    else if (writer && options.block_range > 0)
      header = header_after_full<Sample>(writer->plan(h).outcome);
    begin(header);
    return true;
  }
  const AppendPlan plan = writer->plan(h);
  if (plan.outcome != AppendPlan::Outcome::fits) {
    // `predicted` stays as it is: Prometheus, too, takes no new aim after a reset.
    begin(h.hint == CounterResetHint::gauge ? h.hint : header_after_refusal<Sample>(plan.outcome));
    return true;
  }
  writer->append(plan, t, st, h);
  return false;
}

ChunkBuilder::ChunkBuilder(const ChunkBuilderOptions& options) : impl_(std::make_unique<Impl>()) {
  impl_->options = options;
}
ChunkBuilder::~ChunkBuilder() = default;
ChunkBuilder::ChunkBuilder(ChunkBuilder&&) noexcept = default;
ChunkBuilder& ChunkBuilder::operator=(ChunkBuilder&&) noexcept = default;

bool ChunkBuilder::append(Timestamp t, Timestamp st, double v) {
  return impl_->options.xor2_floats ? impl_->append_float<Xor2Writer>(t, st, v)
                                    : impl_->append_float<XorWriter>(t, st, v);
}
bool ChunkBuilder::append(Timestamp t, Timestamp st, const Histogram& h) {
  return impl_->append_histogram<IntWriter>(t, st, h);
}
bool ChunkBuilder::append(Timestamp t, Timestamp st, const FloatHistogram& h) {
  return impl_->append_histogram<FloatWriter>(t, st, h);
}

bool ChunkBuilder::append(const ChunkSamples& samples, std::size_t i) {
  const Timestamp st = samples.st.empty() ? 0 : samples.st[i];
  switch (samples.kind) {
    case SampleKind::histograms:
      return append(samples.t[i], st, samples.histograms[i]);
    case SampleKind::float_histograms:
      return append(samples.t[i], st, samples.float_histograms[i]);
    default:
      return append(samples.t[i], st, samples.v[i]);
  }
}

Result<void> ChunkBuilder::resume(std::uint8_t encoding, io::Bytes chunk) {
  check(!impl_->has_open() && impl_->finished.empty(), "only an empty chunk builder can take over a chunk");
  const auto take = [&](auto writer) -> Result<void> {
    if (!writer) return pass(writer);
    impl_->open = std::move(*writer);
    return {};
  };
  Result<void> taken;
  switch (static_cast<ChunkEncoding>(encoding)) {
    case ChunkEncoding::xor_floats:
      taken = take(XorWriter::resume(chunk));
      break;
    case ChunkEncoding::xor2_floats:
      taken = take(Xor2Writer::resume(chunk));
      break;
    case ChunkEncoding::histogram:
    case ChunkEncoding::histogram_st:
      taken = take(IntWriter::resume(chunk, keeps_start(encoding)));
      break;
    case ChunkEncoding::float_histogram:
    case ChunkEncoding::float_histogram_st:
      taken = take(FloatWriter::resume(chunk, keeps_start(encoding)));
      break;
    default:
      return fail(Code::corruption, "chunk has " + describe_encoding(encoding));
  }
  if (!taken) return taken;
  ChunkSamples samples;
  if (auto decoded = decode_samples(encoding, chunk, samples); !decoded) return decoded;
  impl_->set_limits(samples.t.front());
  return {};
}

ChunkBuilder::Aim ChunkBuilder::aim() const {
  return {impl_->next_cut, impl_->predicted};
}
void ChunkBuilder::set_aim(const Aim& aim) {
  impl_->next_cut = aim.next_cut;
  impl_->predicted = aim.predicted;
}

std::vector<BuiltChunk> ChunkBuilder::take_finished() {
  return std::exchange(impl_->finished, {});
}
void ChunkBuilder::finish() {
  impl_->finish();
}
bool ChunkBuilder::has_open() const {
  return impl_->has_open();
}
io::Bytes ChunkBuilder::open_bytes() const {
  return impl_->bytes();
}
std::uint8_t ChunkBuilder::open_encoding() const {
  return impl_->encoding();
}
TimeRange ChunkBuilder::open_range() const {
  return {impl_->mint, impl_->maxt()};
}
std::size_t ChunkBuilder::open_count() const {
  return impl_->count();
}

std::size_t ChunkBuilder::size_bytes() const {
  std::size_t total = sizeof(Impl) + impl_->ask([](const auto& w) { return w.heap_bytes(); }, std::size_t{0});
  total += impl_->finished.capacity() * sizeof(BuiltChunk);
  for (const BuiltChunk& chunk : impl_->finished) total += chunk.bytes.capacity();
  return total;
}

}  // namespace narthex::tsdb
