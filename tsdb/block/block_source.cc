#include "tsdb/block/block_source.h"

#include <optional>
#include <utility>

namespace narthex::tsdb {
namespace {

/// The labels of an index' series as text; neighbours share most of their pairs.
class LabelReader {
 public:
  explicit LabelReader(const SymbolTable& symbols) : symbols_(symbols) {}

  Result<Labels> read(const SeriesEntry& series) {
    Result<void> fault;
    std::vector<LabelView> pairs;
    auto read = series.each_label([&](std::uint64_t name, std::uint64_t value) {
      if (!fault) return;
      const std::size_t position = pairs.size();
      if (position >= last_.size()) last_.emplace_back();
      Last& last = last_[position];
      fault = look_up(name, last.name, last.text.name);
      if (fault) fault = look_up(value, last.value, last.text.value);
      pairs.push_back(last.text);
    });
    if (!read) return pass(read);
    if (!fault) return pass(fault);
    return Labels::from_pairs(std::move(pairs));
  }

 private:
  struct Last {
    std::uint64_t name = ~std::uint64_t{0};
    std::uint64_t value = ~std::uint64_t{0};
    LabelView text;
  };

  Result<void> look_up(std::uint64_t number, std::uint64_t& known, std::string_view& text) const {
    if (number == known) return {};
    auto found = symbols_.text(number);
    if (!found) return pass(found);
    known = number;
    text = *found;
    return {};
  }

  const SymbolTable& symbols_;
  std::vector<Last> last_;
};

class BlockSource final : public ChunkSource {
 public:
  BlockSource(std::shared_ptr<const BlockFiles> files, TimeRange range, std::optional<SeriesRefs> selected)
      : files_(std::move(files)), range_(range), selected_(std::move(selected)) {}

  Result<void> symbols(std::vector<std::string>& out) override {
    auto table = files_->index->symbols();
    if (!table) return pass(table, "block " + files_->directory);
    out.reserve(out.size() + (*table)->size());
    auto read = (*table)->each([&](std::string_view text) { out.emplace_back(text); });
    if (!read) return pass(read, "block " + files_->directory);
    return {};
  }

  Result<bool> next(SourceSeries& out) override {
    auto found = next_here(out);
    if (!found) return pass(found, "block " + files_->directory);
    return found;
  }

 private:
  Result<void> start();
  [[nodiscard]] std::size_t size() const { return selected_ ? selected_->size() : all_.size(); }
  Result<bool> next_here(SourceSeries& out);
  Result<void> read_chunks(std::uint32_t ref, const SeriesEntry& series, SourceSeries& out);

  std::shared_ptr<const BlockFiles> files_;
  TimeRange range_;
  std::optional<SeriesRefs> selected_;
  std::unique_ptr<LabelReader> labels_;
  PostingsList all_;
  std::size_t next_ = 0;
  std::vector<ChunkMeta> metas_;
};

Result<void> BlockSource::start() {
  auto table = files_->index->symbols();
  if (!table) return pass(table);
  auto all = files_->index->postings("", "");
  if (!all) return pass(all);
  all_ = *all;
  labels_ = std::make_unique<LabelReader>(**table);
  return {};
}

Result<bool> BlockSource::next_here(SourceSeries& out) {
  if (!labels_) {
    if (auto started = start(); !started) return pass(started);
  }
  while (next_ < size()) {
    const std::uint32_t ref = selected_ ? (*selected_)[next_] : all_[next_];
    ++next_;
    auto series = files_->index->series(ref);
    if (!series) return pass(series);
    out.clear();
    if (auto read = read_chunks(ref, *series, out); !read) return pass(read);
    if (out.chunks.empty()) continue;
    auto labels = labels_->read(*series);
    if (!labels) return pass(labels);
    out.labels = *std::move(labels);
    return true;
  }
  return false;
}

Result<void> BlockSource::read_chunks(std::uint32_t ref, const SeriesEntry& series, SourceSeries& out) {
  metas_.clear();
  if (auto read = series.chunks(metas_); !read) return read;
  const auto stones = files_->tombstones.of(ref);
  for (const ChunkMeta& meta : metas_) {
    const TimeRange own{meta.mint, meta.maxt};
    if (!own.overlaps(range_) || covers(stones, own)) continue;
    auto chunk = files_->chunks.chunk(meta.ref);
    if (!chunk) return pass(chunk);
    out.chunks.push_back({meta.mint, meta.maxt, chunk->encoding, chunk->data});
  }
  for (const Stone& stone : stones) out.deleted.push_back(stone.range);
  return {};
}

}  // namespace

std::unique_ptr<ChunkSource> make_block_source(std::shared_ptr<const BlockFiles> files, TimeRange range) {
  return std::make_unique<BlockSource>(std::move(files), range, std::nullopt);
}

std::unique_ptr<ChunkSource> make_block_source(std::shared_ptr<const BlockFiles> files, TimeRange range,
                                               SeriesRefs selected) {
  return std::make_unique<BlockSource>(std::move(files), range, std::move(selected));
}

}  // namespace narthex::tsdb
