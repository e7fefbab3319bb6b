#include "tsdb/block_selection.h"

#include <algorithm>
#include <utility>

#include "tsdb/block/matching.h"

namespace narthex::tsdb {

Result<std::unique_ptr<BlockSelection>> BlockSelection::open(const Block& block, TimeRange range,
                                                             MatcherLists selectors) {
  const auto files = block.files();
  auto symbols = files->index->symbols();
  if (!symbols) return pass(symbols, block.directory());
  std::unique_ptr<BlockSelection> selection(new BlockSelection(files, range, **symbols));
  SeriesRefs& refs = selection->refs_;
  for (const std::vector<Matcher>& matchers : selectors) {
    auto matching = match_series(*files->index, matchers);
    if (!matching) return pass(matching, block.directory());
    SeriesRefs both;
    std::ranges::set_union(refs, *matching, std::back_inserter(both));
    refs = std::move(both);
  }
  return selection;
}

Result<void> BlockSelection::symbols(std::vector<std::string>& out) {
  for (const std::uint32_t ref : refs_) {
    auto entry = files_->index->series(ref);
    if (!entry) return pass(entry, files_->directory);
    auto labels = labels_of(*entry);
    if (!labels) return pass(labels, files_->directory);
    for (const LabelView label : *labels) {
      out.emplace_back(label.name);
      out.emplace_back(label.value);
    }
  }
  return {};
}

Result<bool> BlockSelection::next(SourceSeries& out) {
  while (next_ < refs_.size()) {
    out.clear();
    if (auto done = read(refs_[next_++], out); !done) return pass(done, files_->directory);
    if (!out.chunks.empty()) return true;
  }
  return false;
}

Result<void> BlockSelection::read(std::uint32_t ref, SourceSeries& out) {
  auto entry = files_->index->series(ref);
  if (!entry) return pass(entry);
  metas_.clear();
  if (auto listed = entry->chunks(metas_); !listed) return listed;
  std::erase_if(metas_, [this](const ChunkMeta& c) { return !range_.overlaps({c.mint, c.maxt}); });
  if (metas_.empty()) return {};
  auto labels = labels_of(*entry);
  if (!labels) return pass(labels);
  out.labels = *std::move(labels);
  for (const ChunkMeta& meta : metas_) {
    auto chunk = files_->chunks.chunk(meta.ref);
    if (!chunk) return pass(chunk, out.labels.to_string());
    out.chunks.push_back({meta.mint, meta.maxt, chunk->encoding, chunk->data});
  }
  for (const Stone& stone : files_->tombstones.of(ref)) out.deleted.push_back(stone.range);
  return {};
}

Result<Labels> BlockSelection::labels_of(const SeriesEntry& entry) const {
  std::vector<LabelView> pairs;
  Result<void> fault;
  const auto text = [&](std::uint64_t symbol) -> std::string_view {
    auto found = symbols_.text(symbol);
    if (found) return *found;
    if (fault) fault = pass(found);
    return {};
  };
  auto read = entry.each_label([&](std::uint64_t name, std::uint64_t value) {
    const std::string_view name_text = text(name);
    pairs.push_back({name_text, text(value)});
  });
  if (!read) return pass(read);
  if (!fault) return pass(fault);
  return Labels::from_pairs(std::move(pairs));
}

}  // namespace narthex::tsdb
