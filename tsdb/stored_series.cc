#include "tsdb/stored_series.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace narthex::tsdb {
namespace {

/// Takes out every entry of `column` whose number is not wanted. A column may be absent.
template <class Value, class Wanted>
void keep(std::vector<Value>& column, Wanted wanted) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < column.size(); ++i) {
    if (!wanted(i)) continue;
    if (kept != i) column[kept] = std::move(column[i]);
    ++kept;
  }
  column.resize(kept);
}

void cut(ChunkSamples& samples, TimeRange range, std::span<const TimeRange> deleted) {
  std::vector<bool> wanted(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Timestamp t = samples.t[i];
    wanted[i] = range.contains(t) &&
                std::ranges::none_of(deleted, [t](const TimeRange& gone) { return gone.contains(t); });
  }
  if (std::ranges::find(wanted, false) == wanted.end()) return;
  const auto is_wanted = [&wanted](std::size_t i) { return static_cast<bool>(wanted[i]); };
  keep(samples.st, is_wanted);
  keep(samples.v, is_wanted);
  keep(samples.histograms, is_wanted);
  keep(samples.float_histograms, is_wanted);
  keep(samples.t, is_wanted);
}

/// Appends sample `i` of `from`, which is of the same kind.
void append(ChunkSamples& to, const ChunkSamples& from, std::size_t i) {
  const bool has_start = !from.st.empty() && from.st[i] != 0;
  if (has_start && to.st.empty()) to.st.resize(to.t.size());
  if (has_start || !to.st.empty()) to.st.push_back(has_start ? from.st[i] : 0);
  to.t.push_back(from.t[i]);
  switch (from.kind) {
    case SampleKind::floats:
      to.v.push_back(from.v[i]);
      return;
    case SampleKind::histograms:
      to.histograms.push_back(from.histograms[i]);
      return;
    case SampleKind::float_histograms:
      to.float_histograms.push_back(from.float_histograms[i]);
      return;
  }
}

}  // namespace

Result<void> SampleMerger::add(const SourceSeries& series, TimeRange range) {
  for (const ChunkToWrite& chunk : series.chunks) {
    if (!range.overlaps({chunk.mint, chunk.maxt})) continue;
    ChunkSamples samples;
    if (auto decoded = decode_samples(chunk.encoding, chunk.bytes, samples); !decoded) {
      return pass(decoded, fmt::format("chunk from {} to {} of {}", chunk.mint, chunk.maxt,
                                       series.labels.to_string()));
    }
    cut(samples, range, series.deleted);
    if (samples.size() > 0) parts_.push_back(std::move(samples));
  }
  return {};
}

void SampleMerger::finish(std::vector<ChunkSamples>& out) {
  std::ranges::sort(parts_, {}, [](const ChunkSamples& p) { return p.t.front(); });
  const auto overlap = std::ranges::adjacent_find(
      parts_, [](const ChunkSamples& a, const ChunkSamples& b) { return b.t.front() <= a.t.back(); });
  out.clear();
  if (overlap == parts_.end())
    out.swap(parts_);
  else
    merge(out);
  parts_.clear();
}

void SampleMerger::merge(std::vector<ChunkSamples>& out) const {
  struct Place {
    Timestamp t;
    std::size_t part;
    std::size_t sample;
    auto operator<=>(const Place&) const = default;
  };
  std::vector<Place> places;
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    for (std::size_t i = 0; i < parts_[p].size(); ++i) places.push_back({parts_[p].t[i], p, i});
  }
  std::ranges::sort(places);
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (i > 0 && places[i].t == places[i - 1].t) continue;
    const ChunkSamples& from = parts_[places[i].part];
    if (out.empty() || out.back().kind != from.kind) out.emplace_back().kind = from.kind;
    append(out.back(), from, places[i].sample);
  }
}

}  // namespace narthex::tsdb
