#include "tsdb/head/ooo_samples.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <variant>

#include "storage/merge_querier.h"
#include "tsdb/chunk/histogram_resolution.h"

namespace narthex::tsdb {
namespace {

SampleKind kind_of(const OooSample& sample) {
  if (!sample.histogram) return SampleKind::floats;
  return std::holds_alternative<Histogram>(*sample.histogram) ? SampleKind::histograms
                                                              : SampleKind::float_histograms;
}

void append_to(ChunkBuilder& builder, const OooSample& sample) {
  if (!sample.histogram) {
    builder.append(sample.t, sample.st, sample.v);
    return;
  }
  std::visit([&](const auto& h) { builder.append(sample.t, sample.st, h); }, *sample.histogram);
}

/// Behind a sample of another chunk nobody knows whether a counter was reset.
void forget_reset(CounterResetHint& hint) {
  if (hint != CounterResetHint::gauge) hint = CounterResetHint::unknown;
}

/// `samples` from `begin` on that are of one kind.
std::size_t end_of_kind(const OooSamples& samples, std::size_t begin) {
  std::size_t end = begin + 1;
  while (end < samples.size() && kind_of(samples[end]) == kind_of(samples[begin])) ++end;
  return end;
}

FloatHistogram widened(const ChunkSamples& samples, std::size_t i) {
  FloatHistogram h =
      samples.kind == SampleKind::histograms ? to_float(samples.histograms[i]) : samples.float_histograms[i];
  forget_reset(h.hint);
  if (h.schema > kFinestSchema) reduce_resolution(h, kFinestSchema);
  return h;
}

}  // namespace

bool insert_sample(OooSamples& samples, OooSample sample) {
  // Late samples mostly come in order among themselves.
  if (samples.empty() || samples.back().t < sample.t) {
    samples.push_back(std::move(sample));
    return true;
  }
  const auto at = std::ranges::lower_bound(samples, sample.t, {}, &OooSample::t);
  if (at->t == sample.t) return false;
  samples.insert(at, std::move(sample));
  return true;
}

void sort_samples(std::vector<OooSample>& samples) {
  std::vector<std::size_t> order(samples.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(samples[i].t, i); });
  std::vector<OooSample> sorted;
  sorted.reserve(samples.size());
  for (const std::size_t i : order) {
    if (sorted.empty() || sorted.back().t != samples[i].t) sorted.push_back(std::move(samples[i]));
  }
  samples = std::move(sorted);
}

std::vector<BuiltChunk> encode_chunks(const OooSamples& samples) {
  ChunkBuilderOptions how{.samples_per_chunk = samples.size()};
  for (const OooSample& sample : samples) {
    if (sample.st != 0) (sample.histogram ? how.histograms_with_start : how.xor2_floats) = true;
  }
  ChunkBuilder builder(how);
  for (const OooSample& sample : samples) append_to(builder, sample);
  builder.finish();
  return builder.take_finished();
}

Result<void> OooMerger::add(std::uint8_t encoding, io::Bytes chunk) {
  ChunkSamples part;
  if (auto decoded = decode_samples(encoding, chunk, part); !decoded) return decoded;
  parts_.push_back(std::move(part));
  return {};
}

void OooMerger::add(const OooSamples& samples) {
  for (std::size_t begin = 0; begin < samples.size();) {
    const std::size_t end = end_of_kind(samples, begin);
    ChunkSamples& part = parts_.emplace_back();
    part.kind = kind_of(samples[begin]);
    for (; begin < end; ++begin) {
      const OooSample& s = samples[begin];
      part.t.push_back(s.t);
      if (s.st != 0 || !part.st.empty()) {
        part.st.resize(part.t.size(), 0);
        part.st.back() = s.st;
      }
      if (part.kind == SampleKind::floats) part.v.push_back(s.v);
      if (part.kind == SampleKind::histograms) part.histograms.push_back(std::get<Histogram>(*s.histogram));
      if (part.kind == SampleKind::float_histograms)
        part.float_histograms.push_back(std::get<FloatHistogram>(*s.histogram));
    }
  }
}

std::vector<OooMerger::Place> OooMerger::order(TimeRange range) const {
  std::vector<Place> places;
  for (std::uint32_t part = 0; part < parts_.size(); ++part) {
    const std::vector<Timestamp>& t = parts_[part].t;
    const auto begin = std::ranges::lower_bound(t, range.mint) - t.begin();
    for (auto i = static_cast<std::size_t>(begin); i < t.size() && t[i] <= range.maxt; ++i)
      places.push_back({t[i], part, static_cast<std::uint32_t>(i)});
  }
  const auto meets = [](const Place& a, const Place& b) { return a.t >= b.t; };
  if (std::ranges::adjacent_find(places, meets) != places.end()) {
    std::ranges::sort(places, {}, [](const Place& at) { return std::pair(at.t, at.part); });
    const auto repeated = std::ranges::unique(places, {}, &Place::t);
    places.erase(repeated.begin(), repeated.end());
  }
  return places;
}

std::vector<BuiltChunk> OooMerger::encode(TimeRange range) {
  ChunkBuilderOptions how;
  for (const ChunkSamples& part : parts_) {
    if (part.st.empty()) continue;
    (part.kind == SampleKind::floats ? how.xor2_floats : how.histograms_with_start) = true;
  }
  ChunkBuilder builder(how);
  const Place* last = nullptr;
  const std::vector<Place> places = order(range);
  for (const Place& at : places) {
    ChunkSamples& part = parts_[at.part];
    if (last == nullptr || last->part != at.part || last->index + 1 != at.index) {
      if (part.kind == SampleKind::histograms) forget_reset(part.histograms[at.index].hint);
      if (part.kind == SampleKind::float_histograms) forget_reset(part.float_histograms[at.index].hint);
    }
    builder.append(part, at.index);
    last = &at;
  }
  builder.finish();
  return builder.take_finished();
}

void OooMerger::merge_into(storage::SampleColumns& out, std::size_t first, TimeRange range) const {
  const std::size_t begin = out.t.size();
  const std::vector<Place> places = order(range);
  for (const Place& at : places) {
    const ChunkSamples& part = parts_[at.part];
    const bool is_float = part.kind == SampleKind::floats;
    if (!is_float) out.histograms.push_back({out.t.size(), widened(part, at.index)});
    out.t.push_back(at.t);
    out.v.push_back(is_float ? part.v[at.index] : 0);
    const Timestamp st = part.st.empty() ? 0 : part.st[at.index];
    if (st == 0 && out.st.empty()) continue;
    out.st.resize(out.t.size(), 0);
    out.st.back() = st;
  }
  if (!out.st.empty()) out.st.resize(out.t.size(), 0);
  if (first < begin && begin < out.t.size() && out.t[begin] <= out.t[begin - 1])
    storage::merge_appended(out, first, begin);
}

}  // namespace narthex::tsdb
