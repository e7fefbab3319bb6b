// Which blocks are merged next, and what the merged block says of itself.
#include "tsdb/compact/planner.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace narthex::tsdb {
namespace {

/// A block in hours; ULIDs are "1", "2", ... in the order of the list.
struct Plain {
  Timestamp mint;
  Timestamp maxt;
  std::uint64_t tombstones = 0;
  bool failed = false;
  const char* hint = nullptr;
  std::uint64_t series = 100;
};

std::vector<BlockMeta> metas(const std::vector<Plain>& plain) {
  std::vector<BlockMeta> out;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    BlockMeta meta;
    meta.ulid = std::to_string(i + 1);
    meta.mint = plain[i].mint;
    meta.maxt = plain[i].maxt;
    meta.num_series = plain[i].series;
    meta.num_tombstones = plain[i].tombstones;
    meta.failed = plain[i].failed;
    if (plain[i].hint != nullptr) add_hint(meta, plain[i].hint);
    out.push_back(meta);
  }
  return out;
}

using Ulids = std::vector<std::string>;

TEST_CASE("planning: blocks are merged as Prometheus merges them") {
  const struct {
    const char* what;
    std::vector<Plain> blocks;
    Ulids want;
  } rows[] = {
      {"nothing", {}, {}},
      {"one block", {{0, 2}}, {}},
      {"two: the newest is left alone", {{0, 2}, {2, 4}}, {}},
      {"three fill a range, but the newest is among them", {{0, 2}, {2, 4}, {4, 6}}, {}},
      {"three fill a range", {{0, 2}, {2, 4}, {4, 6}, {6, 8}}, {"1", "2", "3"}},
      {"a gap in a range that is full at both ends", {{0, 2}, {4, 6}, {6, 8}}, {"1", "2"}},
      {"a range before the newest block need not be full", {{0, 2}, {2, 4}, {6, 8}, {8, 10}}, {"1", "2"}},
      {"a range that is not over waits", {{2, 4}, {4, 6}, {6, 8}, {8, 10}}, {"1", "2"}},
      {"one block of a range has nothing to be merged with", {{0, 2}, {6, 8}, {12, 14}}, {}},
      {"small ranges before large ones",
       {{0, 6}, {6, 12}, {12, 14}, {14, 16}, {16, 18}, {18, 20}},
       {"3", "4", "5"}},
      {"then the larger range", {{0, 6}, {6, 12}, {12, 18}, {18, 20}}, {"1", "2", "3"}},
      {"the largest range is not exceeded", {{0, 18}, {18, 36}, {36, 54}, {54, 56}}, {}},
      {"blocks out of line are skipped", {{1, 3}, {5, 7}, {8, 10}, {12, 14}}, {}},
      {"before the epoch", {{-6, -4}, {-4, -2}, {-2, 0}, {0, 2}}, {"1", "2", "3"}},
      {"overlapping ones first, the newest too", {{0, 2}, {2, 4}, {3, 5}}, {"2", "3"}},
      {"one that spans several", {{0, 6}, {0, 2}, {2, 4}, {6, 8}}, {"1", "2", "3"}},
      {"the same range twice", {{0, 2}, {2, 4}, {2, 4}, {4, 6}}, {"2", "3"}},
      {"only the first run of overlaps", {{0, 2}, {1, 3}, {4, 6}, {5, 7}}, {"1", "2"}},
      {"a failed block blocks its range", {{0, 2}, {2, 4, 0, true}, {4, 6}, {6, 8}}, {}},
      {"and not the next one",
       {{0, 2}, {2, 4, 0, true}, {4, 6}, {6, 8}, {8, 10}, {10, 12}, {12, 14}},
       {"4", "5", "6"}},
      {"a failed block is not merged for its overlap either", {{0, 2}, {1, 3, 0, true}, {4, 6}}, {}},
      {"many tombstones in a large block", {{0, 6, 6}, {6, 8}}, {"1"}},
      {"few tombstones", {{0, 6, 5}, {6, 8}}, {}},
      {"many tombstones in a small block wait", {{0, 2, 50}, {2, 4}}, {}},
      {"unless all is deleted", {{0, 2, 100}, {2, 4}}, {"1"}},
      {"the newest with many tombstones is left alone", {{0, 2}, {2, 4, 100}}, {}},
      {"a failed block with tombstones", {{0, 6, 100, true}, {6, 8}}, {}},
      {"parts of the head are merged among themselves",
       {{0, 2}, {0, 2, 0, false, "from-stale-series"}, {1, 2, 0, false, "from-stale-series"}, {2, 4}},
       {"2", "3"}},
      {"and never with whole blocks",
       {{0, 2}, {0, 2, 0, false, "from-stale-series"}, {0, 2, 0, false, "from-selected-series"}, {2, 4}},
       {}},
      {"whole blocks first",
       {{0, 2, 0, false, "from-selected-series"}, {0, 2, 0, false, "from-selected-series"}, {0, 2}, {1, 3}},
       {"3", "4"}},
      {"out-of-order blocks are merged with what they overlap",
       {{0, 2}, {0, 2, 0, false, "from-out-of-order"}, {2, 4}},
       {"1", "2"}},
      {"but not while the head holds samples of their time",
       {{0, 2}, {2, 4}, {4, 6, 0, false, "from-out-of-order"}, {6, 8, 0, false, "from-out-of-order"}},
       {}},
      {"until it was cut",
       {{0, 2}, {2, 4}, {4, 6, 0, false, "from-out-of-order"}, {4, 6}, {6, 8, 0, false, "from-out-of-order"}},
       {"3", "4"}},
      {"among themselves they are",
       {{0, 2}, {2, 4, 0, false, "from-out-of-order"}, {2, 4, 0, false, "from-out-of-order"}},
       {"2", "3"}},
  };
  const PlannerOptions options{.ranges = {2, 6, 18}};
  for (const auto& row : rows) {
    CAPTURE(row.what);
    CHECK(plan_compaction(metas(row.blocks), options) == row.want);
    auto reversed = metas(row.blocks);
    std::reverse(reversed.begin(), reversed.end());
    CHECK(plan_compaction(reversed, options) == row.want);
  }
}

TEST_CASE("planning: with one range alone nothing is merged but what overlaps") {
  const auto blocks = metas({{0, 2}, {2, 4}, {4, 6}, {6, 8}, {8, 10}});
  CHECK(plan_compaction(blocks, {.ranges = {2}}).empty());
  CHECK(plan_compaction(metas({{0, 2}, {1, 3}}), {.ranges = {2}}) == Ulids{"1", "2"});
  CHECK(plan_compaction(metas({{0, 2}, {1, 3}}), {.ranges = {2}, .merge_overlapping = false}).empty());
}

TEST_CASE("planning: ranges grow by three up to the largest") {
  const struct {
    DurationMs min;
    DurationMs max;
    std::vector<DurationMs> want;
  } rows[] = {{2, 36, {2, 6, 18}}, {2, 54, {2, 6, 18, 54}}, {2, 2, {2}}, {5, 1, {5}}};
  for (const auto& row : rows) {
    CAPTURE(row.max);
    CHECK(compaction_ranges(row.min, row.max) == row.want);
  }
  CHECK(compaction_ranges(1, kMaxTime).size() == 10);
}

TEST_CASE("planning: the merged block names sources and parents, and the hints that hold for all of it") {
  auto parents =
      metas({{0, 2, 0, false, "from-out-of-order"}, {0, 3, 0, false, "from-out-of-order"}, {2, 9}});
  parents[0].sources = {"b", "c"};
  parents[1].sources = {"a", "b"};
  parents[1].level = 3;
  parents[2].sources = {"d"};
  const BlockMeta two = merged_meta("new", std::span(parents).first(2));
  CHECK(two.hints == Ulids{"from-out-of-order"});
  const BlockMeta all = merged_meta("new", parents);
  CHECK(all.ulid == "new");
  CHECK(all.mint == 0);
  CHECK(all.maxt == 9);
  CHECK(all.level == 4);
  CHECK(all.sources == Ulids{"a", "b", "c", "d"});
  CHECK(all.hints.empty());
  REQUIRE(all.parents.size() == 3);
  CHECK(all.parents[1].ulid == "2");
  CHECK(all.parents[1].maxt == 3);
  auto stale = metas({{0, 2, 0, false, "from-stale-series"}, {0, 2}});
  CHECK(merged_meta("new", stale).hints == Ulids{"from-stale-series"});
}

}  // namespace
}  // namespace narthex::tsdb
