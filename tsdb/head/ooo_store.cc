#include "tsdb/head/ooo_store.h"

#include <algorithm>
#include <utility>

namespace narthex::tsdb {
namespace {

bool is_visible(const OooChunk& chunk, TimeRange range, std::uint64_t floor) {
  return chunk.number >= floor && chunk.range.overlaps(range);
}

bool overlaps_open(const OooSeries& series, TimeRange range) {
  return !series.open.empty() && range_of(series.open).overlaps(range);
}

void widen(std::optional<TimeRange>& all, const OooSeries& series) {
  const auto add = [&all](TimeRange range) {
    if (!all) all = range;
    all->mint = std::min(all->mint, range.mint);
    all->maxt = std::max(all->maxt, range.maxt);
  };
  for (const OooChunk& c : series.chunks) add(c.range);
  if (!series.open.empty()) add(range_of(series.open));
}

}  // namespace

const OooSeries* OooStore::find(std::uint32_t ordinal) const {
  const auto at = series_.find(ordinal);
  return at == series_.end() ? nullptr : &at->second;
}

OooSeries* OooStore::find(std::uint32_t ordinal) {
  const auto at = series_.find(ordinal);
  return at == series_.end() ? nullptr : &at->second;
}

void OooStore::close(OooSeries& series) {
  if (series.open.empty()) return;
  const TimeRange range = range_of(series.open);
  series.chunks.push_back({.number = next_number_++,
                           .range = range,
                           .samples = std::make_shared<const OooSamples>(std::move(series.open)),
                           .place = {}});
  series.open = {};
}

void OooStore::close_all() {
  for (auto& [ordinal, series] : series_) close(series);
}

void OooStore::add_mapped(std::uint32_t ordinal, TimeRange range, HeadChunkPlace place) {
  acquire(ordinal).chunks.push_back(
      {.number = next_number_++, .range = range, .samples = nullptr, .place = place});
}

std::size_t OooStore::drop_before(std::uint64_t number) {
  std::size_t dropped = 0;
  boost::unordered::erase_if(series_, [&](auto& entry) {
    OooSeries& series = entry.second;
    dropped += std::erase_if(series.chunks, [number](const OooChunk& c) { return c.number < number; });
    return series.chunks.empty() && series.open.empty();
  });
  return dropped;
}

void OooStore::drop_unmarked() {
  boost::unordered::erase_if(series_, [](auto& entry) {
    OooSeries& series = entry.second;
    std::erase_if(series.chunks, [](const OooChunk& c) { return c.is_mapped() && !c.marked; });
    return series.chunks.empty() && series.open.empty();
  });
}

bool OooStore::overlaps(std::uint32_t ordinal, TimeRange range, std::uint64_t floor) const {
  const OooSeries* series = find(ordinal);
  if (series == nullptr) return false;
  return overlaps_open(*series, range) ||
         std::ranges::any_of(series->chunks, [&](const OooChunk& c) { return is_visible(c, range, floor); });
}

void OooStore::view(std::uint32_t ordinal, TimeRange range, std::uint64_t floor, OooViews& out) const {
  out.clear();
  const OooSeries* series = find(ordinal);
  if (series == nullptr) return;
  for (const OooChunk& c : series->chunks) {
    if (is_visible(c, range, floor)) out.chunks.push_back(c);
  }
  if (overlaps_open(*series, range)) out.open = series->open;
}

std::optional<TimeRange> OooStore::range(std::uint32_t ordinal) const {
  const OooSeries* series = find(ordinal);
  if (series == nullptr) return std::nullopt;
  std::optional<TimeRange> all;
  widen(all, *series);
  return all;
}

std::optional<TimeRange> OooStore::range() const {
  std::optional<TimeRange> all;
  for (const auto& [ordinal, series] : series_) widen(all, series);
  return all;
}

std::size_t OooStore::count_chunks() const {
  std::size_t chunks = 0;
  for (const auto& [ordinal, series] : series_) chunks += series.chunks.size() + !series.open.empty();
  return chunks;
}

std::size_t OooStore::size_bytes() const {
  std::size_t bytes = series_.bucket_count() * sizeof(std::pair<std::uint32_t, OooSeries>);
  for (const auto& [ordinal, series] : series_) {
    bytes += series.open.capacity() * sizeof(OooSample) + series.chunks.capacity() * sizeof(OooChunk);
    for (const OooChunk& c : series.chunks) {
      if (!c.is_mapped()) bytes += c.samples->capacity() * sizeof(OooSample);
    }
  }
  return bytes;
}

Result<void> add_views(const OooViews& views, const HeadChunkFiles* files, OooMerger& merger) {
  for (const OooChunk& c : views.chunks) {
    if (!c.is_mapped()) {
      merger.add(*c.samples);
      continue;
    }
    auto read = files->read(c.place);
    if (!read) return pass(read);
    if (auto added = merger.add(read->chunk.encoding, read->chunk.bytes); !added) return added;
  }
  merger.add(views.open);
  return {};
}

}  // namespace narthex::tsdb
