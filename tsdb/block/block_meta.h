// meta.json of a block, with all fields that Prometheus writes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/result.h"
#include "model/time.h"

namespace narthex::tsdb {

struct BlockDescription {
  std::string ulid;
  Timestamp mint = 0;
  Timestamp maxt = 0;
};

struct BlockMeta {
  std::string ulid;
  Timestamp mint = 0;  ///< inclusive
  Timestamp maxt = 0;  ///< exclusive
  std::uint64_t num_samples = 0;
  std::uint64_t num_float_samples = 0;
  std::uint64_t num_histogram_samples = 0;
  std::uint64_t num_series = 0;
  std::uint64_t num_chunks = 0;
  std::uint64_t num_tombstones = 0;
  int level = 1;
  std::vector<std::string> sources;
  std::vector<BlockDescription> parents;
  std::vector<std::string> hints;
  bool failed = false;
  bool deletable = false;
  bool unclear = false;  ///< what it was made of was not said, or not in words that we know
  int version = 1;
  std::string thanos_json;  ///< the "thanos" member as it was read; written back unchanged
};

/// Where a block's samples come from, if not from a head that was cut in order. On disk.
inline constexpr std::string_view kFromOutOfOrder = "from-out-of-order";
inline constexpr std::string_view kFromStaleSeries = "from-stale-series";
inline constexpr std::string_view kFromSelectedSeries = "from-selected-series";

[[nodiscard]] bool has_hint(const BlockMeta& meta, std::string_view hint);
/// Keeps the hints sorted, each once.
void add_hint(BlockMeta& meta, std::string_view hint);

/// Errors: corruption.
Result<BlockMeta> parse_block_meta(std::string_view json);
/// Indented with tabs, as Prometheus writes it.
std::string write_block_meta(const BlockMeta& meta);

/// Whether it was cut from a head in order, or compacted from such blocks: only these say up to where
/// the head was written. One that is unclear does not: to read more of the log than needed costs nothing,
/// to leave out what no block has costs samples.
bool is_cut_from_head(const BlockMeta& meta);

/// A new ULID: 48 bits of milliseconds, 80 random bits, Crockford base 32.
std::string make_ulid(Timestamp now);
/// 26 characters of Crockford's alphabet, the first at most '7'.
bool is_ulid(std::string_view name);
/// The millisecond inside a ULID; 0 if it is none.
Timestamp ulid_time(std::string_view ulid);

}  // namespace narthex::tsdb
