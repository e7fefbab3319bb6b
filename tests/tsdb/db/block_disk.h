// Blocks put into a test's data directory by hand, and what lies there afterwards.
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/tsdb/block/block_fixture.h"
#include "tests/tsdb/db/db_fixture.h"
#include "tests/tsdb/why.h"
#include "tsdb/db.h"

namespace narthex::tsdb {

/// Where a block of the largest range may begin.
inline constexpr Timestamp kBegin = kStart / (9 * kRange) * 9 * kRange;

/// A block on the disk; the samples go to `model`, unless there is one of that time already.
inline std::string put_block(io::FileSystem& fs, Timestamp mint, Timestamp maxt, std::size_t series,
                             Contents& model, double v = 1, DurationMs step = 5 * kStep) {
  PlainSeries plain;
  for (std::size_t s = 0; s < series; ++s) {
    const Labels labels = series_labels(s);
    Points& points = model[labels.to_string()];
    for (Timestamp t = mint; t < maxt; t += step) {
      plain[labels].push_back({t, v});
      const auto at = std::ranges::lower_bound(points, t, {}, &Points::value_type::first);
      if (at == points.end() || at->first != t) points.insert(at, {t, v});
    }
  }
  const std::string ulid = make_ulid(maxt);
  const auto written = write_block(fs, "/data", plain, make_meta(mint, maxt, ulid));
  REQUIRE_MESSAGE(written, why(written));
  REQUIRE(fs.sync_directory("/"));
  return ulid;
}

inline std::set<std::string> block_directories(io::FileSystem& fs) {
  std::set<std::string> names;
  const auto entries = fs.list("/data");
  REQUIRE(entries);
  for (const auto& e : *entries) {
    if (e.name.size() >= 26 && is_ulid(e.name.substr(0, 26))) names.insert(e.name);
  }
  return names;
}

inline std::set<std::string> ulids_of(const std::vector<BlockMeta>& blocks) {
  std::set<std::string> ulids;
  for (const BlockMeta& b : blocks) ulids.insert(b.ulid);
  return ulids;
}

}  // namespace narthex::tsdb
