// SeriesChunks: samples whose open chunk is not plain XOR.
//
//   slot == kBuilderSlot: enc.bits is the builder's number; enc.t and mint are the open chunk's
//   ends, enc.count is 1, enc.v is the newest value, of a histogram the stale marker or 0;
//   next_cut is 0, so that an append of a float leaves the hot path at its first branch
//
// Floats come here with their first start timestamp, and stay.
#include <utility>
#include <variant>

#include "model/value.h"
#include "tsdb/chunk/chunk_samples.h"
#include "tsdb/head/same_histogram.h"
#include "tsdb/head/series_chunks.h"

namespace narthex::tsdb {
namespace {

std::size_t count_buckets(const Histogram& h) {
  return h.positive_deltas.size() + h.negative_deltas.size();
}
std::size_t count_buckets(const FloatHistogram& h) {
  return h.positive_buckets.size() + h.negative_buckets.size();
}

bool is_float_histogram(std::uint8_t encoding) {
  const auto e = static_cast<ChunkEncoding>(encoding);
  return e == ChunkEncoding::float_histogram || e == ChunkEncoding::float_histogram_st;
}

/// What ends a series of histograms.
AnyHistogram stale_histogram(std::uint8_t encoding) {
  if (is_float_histogram(encoding)) {
    FloatHistogram h;
    h.sum = kStaleNan;
    return h;
  }
  Histogram h;
  h.sum = kStaleNan;
  return h;
}

}  // namespace

bool SeriesChunks::append(HotSeries& s, FullChunks& full, Timestamp t, Timestamp st,
                          const AnyHistogram& value) {
  const std::uint32_t number = use_builder(s, full);
  ChunkBuilder& builder = builders_[number];
  const bool begun = std::visit(
      [&](const auto& h) {
        builders_.note_histogram(number, count_buckets(h));
        return builder.append(t, st, h);
      },
      value);
  take_finished(full, builder);
  const double sum = std::visit([](const auto& h) { return h.sum; }, value);
  note_in_builder(s, number, t, is_stale_nan(sum) ? sum : 0);
  return begun;
}

bool SeriesChunks::append_with_start(HotSeries& s, FullChunks& full, Timestamp t, Timestamp st, double v) {
  if (st == 0 || !encodings_.xor2_floats) return append(s, full, t, v);
  if (is_stale_nan(v)) {
    const auto encoding = newest_encoding(s, full);
    if (encoding && is_histogram_encoding(*encoding))
      return append(s, full, t, st, stale_histogram(*encoding));
  }
  return push_float(s, full, t, st, v);
}

bool SeriesChunks::push_float(HotSeries& s, FullChunks& full, Timestamp t, Timestamp st, double v) {
  const std::uint32_t number = use_builder(s, full);
  ChunkBuilder& builder = builders_[number];
  builders_.note_float(number);
  const bool begun = builder.append(t, st, v);
  take_finished(full, builder);
  note_in_builder(s, number, t, v);
  return begun;
}

/// @return  the number of the series' builder, which may be new; HotSeries does not say so yet
std::uint32_t SeriesChunks::use_builder(HotSeries& s, FullChunks& full) {
  if (s.slot == kBuilderSlot) return s.enc.bits;
  if (s.count() > 0) finish(s, full);
  return builders_.add(builder_options());
}

ChunkBuilderOptions SeriesChunks::builder_options() const {
  // Floats are put into a builder if they have start timestamps only.
  return {.xor2_floats = true,
          .histograms_with_start = encodings_.histograms_with_start,
          .block_range = block_range_};
}

void SeriesChunks::note_in_builder(HotSeries& s, std::uint32_t number, Timestamp t, double v) {
  s.enc = XorState{.t = t, .v = v, .count = 1, .bits = number};
  s.mint = builders_[number].open_range().mint;
  s.slot = kBuilderSlot;
  s.next_cut = 0;
  s.run = 0;
}

bool SeriesChunks::append_float_behind(HotSeries& s, FullChunks& full, Timestamp t, double v) {
  const auto encoding = newest_encoding(s, full);
  if (is_stale_nan(v) && encoding && is_histogram_encoding(*encoding)) {
    return append(s, full, t, 0, stale_histogram(*encoding));
  }
  if (s.slot == kBuilderSlot) {
    const bool is_float = encoding && !is_histogram_encoding(*encoding);
    if (is_float && encodings_.xor2_floats) return push_float(s, full, t, 0, v);
    close_open(s, full);
  }
  s.first_in_range = s.empty() || t >= range_end(s.maxt());
  begin(s, t, v);
  return true;
}

void SeriesChunks::close_open(HotSeries& s, FullChunks& full) {
  if (s.count() == 0) return;
  const Timestamp newest = s.maxt();
  if (s.slot == kBuilderSlot) {
    ChunkBuilder& builder = builders_[s.enc.bits];
    builder.finish();
    take_finished(full, builder);
    release(s);
  } else {
    finish(s, full);
  }
  s.close(newest, s.enc.v);
}

void SeriesChunks::take_finished(FullChunks& full, ChunkBuilder& builder) {
  for (const BuiltChunk& chunk : builder.take_finished()) {
    add_full(full, chunk.range, chunk.encoding, chunk.bytes);
  }
}

std::optional<std::uint8_t> SeriesChunks::newest_encoding(const HotSeries& s, const FullChunks& full) const {
  if (s.slot == kBuilderSlot) return builders_[s.enc.bits].open_encoding();
  if (s.count() > 0) return kXorEncoding;
  if (full.memory != kNoSlot) return static_cast<std::uint8_t>(full_chunk(full.memory).encoding);
  if (full.mapped == kNoSlot || files_ == nullptr) return std::nullopt;
  const auto read = files_->read(mapped_.at(full.mapped, mapped_.count(full.mapped) - 1).place);
  if (!read) return std::nullopt;
  return read->chunk.encoding;
}

bool SeriesChunks::is_newest(const HotSeries& s, const FullChunks& full, const AnyHistogram& value) const {
  const auto encoding = newest_encoding(s, full);
  if (!encoding || !is_histogram_encoding(*encoding)) return false;
  ChunkSamples samples;
  const auto decode_last = [&](io::Bytes bytes) { return decode_samples(*encoding, bytes, samples); };
  Result<void> decoded;
  if (s.slot == kBuilderSlot) {
    decoded = decode_last(builders_[s.enc.bits].open_bytes());
  } else if (full.memory != kNoSlot) {
    decoded = decode_last(bytes_of(full_chunk(full.memory)));
  } else {
    const auto read = files_->read(mapped_.at(full.mapped, mapped_.count(full.mapped) - 1).place);
    if (!read) return false;
    decoded = decode_last(read->chunk.bytes);
  }
  if (!decoded || samples.size() == 0) return false;
  if (samples.kind == SampleKind::histograms) return is_same_histogram(samples.histograms.back(), value);
  return is_same_histogram(samples.float_histograms.back(), value);
}

}  // namespace narthex::tsdb
