// Everything that a head holds, as text: two heads with the same text behave alike from then on.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include "io/crc32c.h"
#include "tsdb/head/head.h"

namespace narthex::tsdb {

inline std::string dump_open_chunk(const HotSeries& s, const ChunkViews& views) {
  if (s.count() == 0) return fmt::format("  newest {} {:x}\n", s.maxt(), s.value_bits());
  std::vector<std::byte> bytes;
  complete_open(views, bytes);
  std::string text = fmt::format("  open {} from {} to {}: {:08x}\n", views.open_encoding, s.mint, s.maxt(),
                                 io::crc32c(bytes));
  if (s.slot == kBuilderSlot) return text + fmt::format("  value {:x}\n", s.value_bits());
  return text + fmt::format("  t {} v {:x} delta {} count {} run {} window {} {} bits {} cut {} {} {}\n",
                            s.enc.t, s.value_bits(), s.enc.delta, s.enc.count, s.run, s.enc.leading,
                            s.enc.trailing, s.enc.bits, s.next_cut, s.stagger, s.first_in_range);
}

inline std::string dump_series(const HeadShard& shard, Ordinal o) NARTHEX_UNCHECKED {
  ChunkViews views;
  const SeriesChunks& chunks = shard.chunks;
  chunks.view(shard.hot[o], shard.full[o], {}, views);
  std::string text = fmt::format(" ref {}\n", shard.refs[o]);
  for (const ChunkViews::Full& c : views.full) {
    if (c.is_mapped()) {
      text += fmt::format("  mapped from {} to {} at {}:{}\n", c.range.mint, c.range.maxt, c.place.file,
                          c.place.offset);
    } else {
      text += fmt::format("  full {} from {} to {}: {:08x}\n", c.encoding, c.range.mint, c.range.maxt,
                          io::crc32c(c.bytes));
    }
  }
  text += dump_open_chunk(shard.hot[o], views);
  if (const auto* m = shard.metadata.find(o)) text += fmt::format("  {} {} {}\n", m->type, m->unit, m->help);
  if (const auto at = shard.deleted.find(o); at != shard.deleted.end()) {
    for (const TimeRange& range : at->second)
      text += fmt::format("  deleted {} {}\n", range.mint, range.maxt);
  }
  return text;
}

/// References of the series of every label pair.
inline std::vector<std::string> dump_postings(const HeadState& state) NARTHEX_UNCHECKED {
  std::vector<std::string> lines;
  const PairDictionary& dictionary = state.index.dictionary();
  for (PairNumber p = 0; p < dictionary.pairs_end(); ++p) {
    if (!dictionary.has_pair(p)) continue;
    std::vector<Ordinal> ordinals;
    dictionary.postings(p).append_to(ordinals);
    std::vector<WalRef> refs;
    for (const Ordinal o : ordinals) refs.push_back(state.shard(o).refs[o]);
    std::ranges::sort(refs);
    const LabelView label = dictionary.label(p);
    lines.push_back(fmt::format("{}={}: {}\n", label.name, label.value, fmt::join(refs, " ")));
  }
  std::ranges::sort(lines);
  return lines;
}

inline std::string dump_head(Head& head) NARTHEX_UNCHECKED {
  HeadState& state = head.state();
  std::vector<std::string> lines;
  std::uint64_t stale = 0;
  for (const HeadShard& shard : state.shards) {
    stale += shard.stale_series;
    for (std::size_t page = 0; page < shard.refs.count_pages(); ++page) {
      shard.for_each_of_page(page, [&](Ordinal o) NARTHEX_UNCHECKED {
        const Labels labels = state.index.labels(o);
        check(state.index.find(labels) == o, "the lookup does not find a series");
        lines.push_back(labels.to_string() + dump_series(shard, o));
      });
    }
  }
  std::ranges::sort(lines);
  const HeadStats stats = head.stats();
  std::string text = fmt::format(
      "from {} to {}, accepts from {}, shows from {}, last ref {}\n"
      "{} series, {} pairs, {} chunks, {} histograms with {} buckets, {} stale\n",
      stats.mint, stats.maxt, state.min_valid.load(), state.floor.load(), state.last_ref.load(), stats.series,
      stats.label_pairs, stats.chunks, stats.histogram_series, stats.histogram_buckets, stale);
  for (const std::string& line : lines) text += line;
  for (const std::string& line : dump_postings(state)) text += line;
  state.exemplars.for_each([&text](const Labels& series, const storage::Exemplar& e) {
    text += fmt::format("exemplar {} {} {} {}\n", series.to_string(), e.labels.to_string(), e.t, e.v);
  });
  return text;
}

/// The first line in which two dumps differ; empty if none.
inline std::string first_difference(const std::string& got, const std::string& want) {
  const auto [a, b] = std::ranges::mismatch(got, want);
  if (a == got.end() && b == want.end()) return "";
  const auto line_at = [](const std::string& text, std::size_t at) {
    const std::size_t begin = text.rfind('\n', at == 0 ? 0 : at - 1) + 1;
    return text.substr(begin, text.find('\n', at) - begin);
  };
  const auto at = static_cast<std::size_t>(a - got.begin());
  return line_at(got, at) + "\nbut\n" + line_at(want, at);
}

}  // namespace narthex::tsdb
