#include "tsdb/read_only.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "telemetry/log.h"
#include "tsdb/block/block_meta.h"
#include "tsdb/block/block_source.h"
#include "tsdb/block/matching.h"
#include "tsdb/compact/chunk_merger.h"
#include "tsdb/compact/merged_sources.h"
#include "tsdb/head/head.h"
#include "tsdb/wal/segments.h"
#include "tsdb/wal_replay.h"

namespace narthex::tsdb {
namespace {

/// A server cuts a block every two hours: more changes than this while we read are no server's.
constexpr int kMaxAttempts = 5;

/// The log in memory.
struct ReplayedHead {
  Head head{HeadOptions{}, nullptr};
  std::uint64_t damaged = 0;
};

/// The series of another source that are selected.
class SelectedSource final : public ChunkSource {
 public:
  SelectedSource(std::unique_ptr<ChunkSource> source, MatcherLists selectors)
      : source_(std::move(source)), selectors_(selectors.begin(), selectors.end()) {}

  Result<void> symbols(std::vector<std::string>& out) override { return source_->symbols(out); }
  Result<bool> next(SourceSeries& out) override {
    for (;;) {
      auto more = source_->next(out);
      if (!more || !*more || is_selected(out.labels)) return more;
    }
  }

 private:
  [[nodiscard]] bool is_selected(const Labels& labels) const {
    return std::ranges::any_of(selectors_, [&](const std::vector<Matcher>& matchers) {
      return std::ranges::all_of(matchers, [&](const Matcher& m) { return m.matches(labels.get(m.name())); });
    });
  }

  std::unique_ptr<ChunkSource> source_;
  std::vector<std::vector<Matcher>> selectors_;
};

Result<SeriesRefs> select_in_block(const BlockFiles& files, MatcherLists selectors) {
  SeriesRefs selected;
  for (const std::vector<Matcher>& matchers : selectors) {
    auto matching = match_series(*files.index, matchers);
    if (!matching) return matching;
    SeriesRefs both;
    std::ranges::set_union(selected, *matching, std::back_inserter(both));
    selected = std::move(both);
  }
  return selected;
}

class MergingReader final : public SeriesReader {
 public:
  /// @param head  null if it is not wanted; `sources` may read from it
  MergingReader(TimeRange range, std::unique_ptr<ReplayedHead> head,
                std::vector<std::unique_ptr<ChunkSource>> sources)
      : head_(std::move(head)), sources_(std::move(sources)), merger_({.range = range}) {}

  Result<bool> next(StoredSeries& out) override {
    for (;;) {
      auto parts = sources_.next();
      if (!parts) return pass(parts);
      if (parts->empty()) return false;
      auto chunks = merger_.merge(*parts);
      if (!chunks) return pass(chunks, parts->front()->labels.to_string());
      if (chunks->empty()) continue;
      out.labels = parts->front()->labels;
      out.runs.resize(chunks->size());
      for (std::size_t i = 0; i < chunks->size(); ++i) {
        const ChunkToWrite& chunk = (*chunks)[i];
        if (auto decoded = decode_samples(chunk.encoding, chunk.bytes, out.runs[i]); !decoded) {
          return pass(decoded, out.labels.to_string());
        }
      }
      return true;
    }
  }

  [[nodiscard]] std::uint64_t damaged_places() const override { return head_ ? head_->damaged : 0; }

 private:
  std::unique_ptr<ReplayedHead> head_;  // before what reads from it
  MergedSources sources_;
  ChunkMerger merger_;
};

Result<std::unique_ptr<SeriesReader>> read_merged(TimeRange range, MatcherLists selectors,
                                                  const Blocks& blocks, std::unique_ptr<ReplayedHead> head) {
  std::vector<std::unique_ptr<ChunkSource>> sources;
  for (const auto& block : blocks) {
    if (!range.overlaps({block->meta().mint, block->meta().maxt - 1})) continue;
    auto selected = select_in_block(*block->files(), selectors);
    if (!selected) return pass(selected, "block " + block->directory());
    sources.push_back(make_block_source(block->files(), range, *std::move(selected)));
  }
  if (head) {
    sources.push_back(std::make_unique<SelectedSource>(head->head.chunk_source(range), selectors));
    auto boundary = head->head.close_out_of_order();
    if (!boundary) return pass(boundary);
    auto late = head->head.out_of_order_source(head->head.out_of_order_snapshot(*boundary), range);
    sources.push_back(std::make_unique<SelectedSource>(std::move(late), selectors));
  }
  return std::make_unique<MergingReader>(range, std::move(head), std::move(sources));
}

Result<std::unique_ptr<ReplayedHead>> replay_head(io::FileSystem& fs, const std::string& directory,
                                                  Timestamp begin) {
  auto replayed = std::make_unique<ReplayedHead>();
  replayed->head.refuse_before(begin);
  replayed->head.hide_before(begin);
  auto report = replay_wal(fs, directory + "/wal", replayed->head, std::thread::hardware_concurrency(),
                           directory + "/wbl");
  if (!report) return pass(report, "read WAL");
  replayed->damaged = report->damaged;
  return replayed;
}

}  // namespace

Timestamp end_of_blocks(const Blocks& blocks) {
  Timestamp end = kMinTime;
  for (const auto& block : blocks) {
    if (is_cut_from_head(block->meta())) end = std::max(end, block->meta().maxt);
  }
  return end;
}

Result<ReadOnlyDb> ReadOnlyDb::open(io::FileSystem& fs, std::string directory) {
  while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
  if (!fs.exists(directory)) {
    return fail(Code::not_found,
                fmt::format("opening the db dir: stat {}: no such file or directory", directory));
  }
  return ReadOnlyDb(fs, std::move(directory));
}

Result<std::vector<std::string>> ReadOnlyDb::block_names() const {
  auto entries = fs_->list(directory_);
  if (!entries) return pass(entries, "find blocks");
  std::vector<std::string> names;
  for (io::DirEntry& e : *entries) {
    if (e.is_directory && is_ulid(e.name)) names.push_back(std::move(e.name));
  }
  return names;
}

Result<Blocks> ReadOnlyDb::blocks() const {
  auto names = block_names();
  if (!names) return pass(names);
  Blocks opened;
  std::vector<std::pair<std::string, Error>> damaged;
  for (const std::string& name : *names) {
    const std::string path = directory_ + "/" + name;
    auto json = fs_->read_file(path + "/meta.json");
    auto meta = json ? parse_block_meta(*json) : Result<BlockMeta>(pass(json));
    if (!meta) {
      // Retention may have taken the block since it was listed.
      if (fs_->exists(path))
        telemetry::warn("A block without a readable meta.json is left out",
                        {{"block", name}, {"error", meta.error().text}});
      continue;
    }
    auto block = Block::open(*fs_, path);
    if (block)
      opened.push_back(std::move(*block));
    else if (fs_->exists(path))
      damaged.emplace_back(name, std::move(block).error());
  }
  // What a compacted block replaces may be damaged: it is about to be deleted.
  for (const auto& block : opened) {
    for (const BlockDescription& parent : block->meta().parents) {
      std::erase_if(damaged, [&](const auto& bad) { return bad.first == parent.ulid; });
    }
  }
  if (!damaged.empty()) {
    std::string text;
    for (const auto& [name, error] : damaged) {
      text += fmt::format("{}corrupted block {}: {}", text.empty() ? "" : "\n", name, error.text);
    }
    return fail(damaged.front().second.code, std::move(text));
  }
  std::ranges::sort(opened, {}, [](const auto& b) { return std::pair(b->meta().mint, b->meta().ulid); });
  return opened;
}

Result<std::string> ReadOnlyDb::last_block() const {
  auto names = block_names();
  if (!names) return pass(names);
  const std::string* last = nullptr;
  for (const std::string& name : *names) {
    if (last == nullptr || ulid_time(name) > ulid_time(*last)) last = &name;
  }
  if (last == nullptr) return fail(Code::not_found, "no blocks found");
  return *last;
}

Result<std::shared_ptr<Block>> ReadOnlyDb::block(const std::string& ulid) const {
  const std::string path = directory_ + "/" + ulid;
  if (ulid.contains('/') || !fs_->exists(path)) return fail(Code::not_found, "invalid block ID " + ulid);
  return Block::open(*fs_, path);
}

Result<std::unique_ptr<SeriesReader>> ReadOnlyDb::series(TimeRange range, MatcherLists selectors) const {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    auto before = block_names();
    if (!before) return pass(before);
    auto opened = blocks();
    if (!opened) return pass(opened);
    const Timestamp end = end_of_blocks(*opened);
    std::unique_ptr<ReplayedHead> head;
    // Late samples may be of any time.
    auto late_bytes = measure_wal(*fs_, directory_ + "/wbl");
    if (!late_bytes && late_bytes.error().code != Code::not_found) return pass(late_bytes);
    if (end <= range.maxt || (late_bytes && *late_bytes > 0)) {
      auto replayed = replay_head(*fs_, directory_, end);
      // A segment was removed while we read: so there is a block in its place.
      if (!replayed && replayed.error().code == Code::not_found) continue;
      if (!replayed) return pass(replayed);
      head = std::move(*replayed);
      // A block that was cut meanwhile took from the log what we then did not find in it.
      const auto after = block_names();
      if (!after || *after != *before) continue;
    }
    return read_merged(range, selectors, *opened, std::move(head));
  }
  return fail(Code::unavailable, "blocks and segments of " + directory_ +
                                     " come and go too fast to read them as one; try again");
}

}  // namespace narthex::tsdb
