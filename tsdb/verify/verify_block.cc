// One block: its files, and what meta.json says against what they hold.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "tsdb/block/block_meta.h"
#include "tsdb/block/tombstones.h"
#include "tsdb/verify/verification.h"
#include "tsdb/verify/verify_chunks.h"
#include "tsdb/verify/verify_index.h"

namespace narthex::tsdb {
namespace {

/// What Thanos leaves beside Prometheus' own files.
constexpr std::array<std::string_view, 4> kForeignMarks = {"deletion-mark.json", "no-compact-mark.json",
                                                           "no-downsample-mark.json", "index-header"};

class BlockVerifier {
 public:
  BlockVerifier(Verification& v, const std::string& ulid) : v_(v), path_(ulid) {}

  void run() {
    ++v_.totals.blocks;
    verify_names();
    const bool has_meta = read_meta();
    ChunkVerifier chunks(v_, path_ + "/chunks");
    const TimeRange range = has_meta ? TimeRange{meta_.mint, meta_.maxt - 1} : TimeRange{};
    const IndexTally index = verify_index(
        v_, path_ + "/index",
        [&](std::uint64_t series, const ChunkMeta& meta) { chunks.verify(series, meta, range); });
    // Without an index every chunk looks forgotten.
    if (index.readable) chunks.finish();
    verify_tombstones(index);
    if (has_meta && index.readable) compare_counts(index, chunks.tally());
  }

 private:
  void verify_names() {
    const auto entries = v_.list(path_);
    if (!entries) return;
    for (const io::DirEntry& e : *entries) {
      const bool ours = e.is_directory ? e.name == "chunks"
                                       : e.name == "meta.json" || e.name == "index" || e.name == "tombstones";
      if (ours || std::ranges::find(kForeignMarks, e.name) != kForeignMarks.end()) continue;
      v_.notice(path_ + "/" + e.name, std::nullopt, "does not belong to a block; nobody reads it");
    }
    for (const char* needed : {"meta.json", "index"}) {
      if (std::ranges::find(*entries, needed, &io::DirEntry::name) != entries->end()) continue;
      v_.damage(path_ + "/" + needed, std::nullopt, "is missing");
    }
  }

  bool read_meta() {
    const std::string path = path_ + "/meta.json";
    const auto text = v_.read(path);
    if (!text) return false;
    auto meta = parse_block_meta(*text);
    if (!meta) {
      v_.damage(path, std::nullopt, meta.error().text);
      return false;
    }
    meta_ = *std::move(meta);
    if (meta_.ulid != path_) v_.damage(path, std::nullopt, "names another block: " + meta_.ulid);
    if (meta_.mint >= meta_.maxt) {
      v_.damage(path, std::nullopt, "its time range is empty");
      return false;
    }
    if (meta_.level < 1) v_.damage(path, std::nullopt, fmt::format("compaction level {}", meta_.level));
    return true;
  }

  void verify_tombstones(const IndexTally& index) {
    const std::string path = path_ + "/tombstones";
    const auto text = v_.read(path);
    if (!text) return;
    const auto stones = read_tombstones(io::as_bytes(*text));
    if (!stones) {
      v_.damage(path, std::nullopt, stones.error().text);
      return;
    }
    stones_ = stones->size();
    for (const Stone& stone : stones->all()) {
      if (stone.range.mint > stone.range.maxt) {
        v_.damage(path, std::nullopt,
                  fmt::format("a deletion from series {} ends before it begins", stone.ref));
      }
      if (index.readable && !std::ranges::binary_search(index.refs, stone.ref)) {
        v_.damage(path, std::nullopt,
                  fmt::format("a deletion from series {}, which is not there", stone.ref));
      }
    }
  }

  void compare_counts(const IndexTally& index, const ChunkTally& chunks) {
    compare("numSeries", meta_.num_series, index.refs.size());
    compare("numChunks", meta_.num_chunks, index.chunks);
    compare("numTombstones", meta_.num_tombstones, stones_);
    // What cannot be decoded has been reported, and would be reported again here.
    if (!chunks.complete) return;
    compare("numSamples", meta_.num_samples, chunks.float_samples + chunks.histogram_samples);
    // Written since Prometheus 2.40.
    if (meta_.num_float_samples + meta_.num_histogram_samples == 0) return;
    compare("numFloatSamples", meta_.num_float_samples, chunks.float_samples);
    compare("numHistogramSamples", meta_.num_histogram_samples, chunks.histogram_samples);
  }

  void compare(const char* field, std::uint64_t said, std::uint64_t counted) {
    if (said == counted) return;
    v_.damage(path_ + "/meta.json", std::nullopt,
              fmt::format("{} is {}, and there are {}", field, said, counted));
  }

  Verification& v_;
  const std::string& path_;
  BlockMeta meta_;
  std::uint64_t stones_ = 0;
};

}  // namespace

void verify_block(Verification& v, const std::string& ulid) {
  BlockVerifier(v, ulid).run();
}

}  // namespace narthex::tsdb
