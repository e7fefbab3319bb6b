#include "apps/narthextool/block_import.h"

#include <fmt/format.h>

#include <bit>
#include <utility>

#include "model/value.h"
#include "tsdb/compact/block_populator.h"

namespace narthex::apps {
namespace {

constexpr DurationMs kShortestBlock = 2LL * 3600 * 1000;
constexpr int kBlockDurations = 10;

tsdb::HeadOptions head_options(DurationMs block_duration) {
  tsdb::HeadOptions options;
  // Twice as long, so that no chunk ends inside of the block because of it.
  options.block_range = 2 * block_duration;
  options.no_time_bounds = true;
  return options;
}

}  // namespace

DurationMs import_block_duration(DurationMs longest) {
  DurationMs duration = kShortestBlock;
  for (int i = 1; i < kBlockDurations && duration * 3 <= longest; ++i) duration *= 3;
  return duration;
}

Timestamp start_of_block(Timestamp t, DurationMs block_duration) {
  const Timestamp start = t / block_duration * block_duration;
  return start > t ? start - block_duration : start;
}

BlockImport::BlockImport(DurationMs block_duration, std::size_t batch)
    : head_(head_options(block_duration), nullptr), appender_(head_.appender()), batch_size_(batch) {}

Result<BlockImport::SeriesNumber> BlockImport::series(const Labels& labels) {
  const auto ref = appender_->series(labels);
  if (!ref) {
    return fail(Code::invalid, fmt::format("{}: a series needs a metric name, and names and values in UTF-8",
                                           labels.to_string()));
  }
  const auto [at, is_new] =
      numbers_.try_emplace(static_cast<std::uint64_t>(*ref), static_cast<SeriesNumber>(series_.size()));
  if (is_new) series_.push_back({.ref = *ref, .newest = {}, .before = {}});
  return at->second;
}

Result<void> BlockImport::add(SeriesNumber number, Timestamp t, double v) {
  Series& s = series_[number];
  if (s.batch != batch_ && s.batch != 0) s.before = s.newest;
  if (t < s.before.t) return fail(Code::invalid, "out of order sample");
  const auto bits = std::bit_cast<std::uint64_t>(v);
  if (t == s.before.t && bits != std::bit_cast<std::uint64_t>(s.before.v)) {
    return fail(
        Code::invalid,
        fmt::format("duplicate sample for timestamp {}; overrides not allowed: existing {}, new value {}", t,
                    format_general(s.before.v), format_general(v)));
  }
  if (s.batch == 0 || t > s.newest.t) {
    s.batch = batch_;
    s.newest = {t, v};
    appender_->append(s.ref, t, v);
  } else if (t != s.newest.t || bits != std::bit_cast<std::uint64_t>(s.newest.v)) {
    ++left_out_;
  }
  return ++in_batch_ < batch_size_ ? Result<void>() : commit();
}

Result<void> BlockImport::commit() {
  const auto committed = appender_->commit();
  if (!committed) return std::unexpected(committed.error().during("commit"));
  if (!committed->refused.empty()) {
    return fail(Code::internal,
                fmt::format("commit: the head refused {} samples", committed->refused.size()));
  }
  ++batch_;
  in_batch_ = 0;
  return {};
}

Result<std::shared_ptr<tsdb::Block>> BlockImport::write(io::FileSystem& fs, const std::string& directory,
                                                        const Clock& clock) {
  if (auto done = commit(); !done) return pass(done);
  std::shared_ptr<tsdb::Block> nothing;
  if (head_.mint() > head_.maxt()) return nothing;
  tsdb::BlockMeta meta;
  meta.ulid = tsdb::make_ulid(clock.now());
  meta.mint = head_.mint();
  meta.maxt = head_.maxt() + 1;
  meta.sources = {meta.ulid};
  std::vector<std::unique_ptr<tsdb::ChunkSource>> sources;
  sources.push_back(head_.chunk_source({meta.mint, meta.maxt - 1}));
  tsdb::PopulateOptions options;
  options.join_small_chunks = true;
  auto written = tsdb::populate_block(fs, directory, meta, std::move(sources), options);
  if (!written) return pass(written);
  if (!*written) return nothing;
  return tsdb::Block::open(fs, directory + "/" + meta.ulid);
}

}  // namespace narthex::apps
