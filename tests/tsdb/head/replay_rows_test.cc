// Samples of records that repeat on their way to their series: no row is lost, and none comes before one
// that was added earlier.
#include "tsdb/head/replay_rows.h"

#include <doctest/doctest.h>

#include <map>

#include "tsdb/head/replay_lanes.h"

namespace narthex::tsdb {
namespace {

std::vector<ReplayColumns::Column> columns_from(Ordinal first, std::size_t count) {
  std::vector<ReplayColumns::Column> columns;
  for (Ordinal o = first; o < first + count; ++o) columns.push_back({o, static_cast<std::int32_t>(o % 3)});
  return columns;
}

struct Gathered {
  PageArena arena;
  std::vector<std::shared_ptr<const ReplayBlock>> blocks;
  ReplayRows rows{arena,
                  [this](std::shared_ptr<const ReplayBlock> block) { blocks.push_back(std::move(block)); }};

  void add(std::uint32_t number, std::size_t columns, Timestamp first) {
    auto values = std::make_unique<double[]>(columns);
    for (std::size_t i = 0; i < columns; ++i)
      values[i] = static_cast<double>(first) + static_cast<double>(i) / 8;
    rows.add(number, {first, std::move(values)});
  }
};

TEST_CASE("replay rows: handed over in order, when they are many or somebody asks for one of their series") {
  Gathered g;
  g.rows.set_columns(0, columns_from(5, 20));
  g.rows.set_columns(1, columns_from(1020, 20));
  CHECK_FALSE(g.rows.any());
  for (Timestamp t = 0; t < 3; ++t) {
    g.add(0, 20, t);
    g.add(1, 20, t);
  }
  CHECK(g.rows.any());
  g.rows.hand_over_of(4);
  g.rows.hand_over_of(500'000);
  CHECK(g.blocks.empty());
  g.rows.hand_over_of(1025);
  REQUIRE(g.blocks.size() == 1);
  const ReplayBlock& block = *g.blocks[0];
  REQUIRE(block.rows.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(block.rows[i].first == static_cast<Timestamp>(i));
    CHECK(block.rows[i].values[19] == static_cast<double>(i) + 19.0 / 8);
  }
  // A page of ordinals ends among them.
  REQUIRE(block.columns->sections.size() == 2);
  CHECK(block.columns->sections[0].end == 4);
  CHECK(block.columns->sections[1].shard == 1);
  g.rows.hand_over_of(1025);
  CHECK(g.blocks.size() == 1);
  g.rows.hand_over_all();
  CHECK(g.blocks.size() == 2);
  CHECK_FALSE(g.rows.any());
  for (Timestamp t = 0; t < 40; ++t) g.add(0, 20, t);
  CHECK(g.blocks.size() == 4);
}

TEST_CASE("replay rows: a series is one number's, and comes once among its columns") {
  Gathered g;
  g.rows.set_columns(0, columns_from(0, 20));
  g.add(0, 20, 1);
  g.rows.set_columns(7, columns_from(10, 20));
  CHECK_FALSE(g.rows.has_columns(0));
  CHECK(g.rows.has_columns(7));
  CHECK(g.blocks.size() == 1);
  // Those that are nobody's any more.
  g.rows.hand_over_of(3);
  g.add(7, 20, 2);
  auto twice = columns_from(30, 20);
  twice.push_back({30, 5});
  g.rows.set_columns(1, twice);
  CHECK_FALSE(g.rows.has_columns(1));
  g.rows.hand_over_of(30);
  CHECK(g.blocks.size() == 1);
  g.rows.set_columns(1, columns_from(30, 20));
  CHECK(g.rows.has_columns(1));
  g.rows.forget_all();
  CHECK(g.blocks.size() == 2);
  CHECK_FALSE(g.rows.has_columns(1));
  CHECK_FALSE(g.rows.has_columns(7));
}

TEST_CASE("replay rows: those that wait longest make room") {
  Gathered g;
  constexpr std::size_t kColumns = 300'000;
  for (std::uint32_t n = 0; n < 8; ++n) g.rows.set_columns(n, columns_from(n * kColumns, kColumns));
  for (std::uint32_t n = 0; n < 8; ++n) g.add(n, kColumns, 1);
  CHECK(g.blocks.empty());
  for (std::uint32_t n = 0; n < 8; ++n) g.add(n, kColumns, 2);
  // 13 rows of 2.4 MB fit.
  REQUIRE(g.blocks.size() == 2);
  CHECK(g.blocks[0]->columns->columns[0].ordinal == 0);
  CHECK(g.blocks[1]->columns->columns[0].ordinal == kColumns);
  CHECK(g.blocks[0]->rows.size() == 2);
}

TEST_CASE("replay lanes: items and blocks of a series are applied in the order in which they came") {
  for (const std::size_t threads : {0U, 1U, 3U}) {
    CAPTURE(threads);
    constexpr Ordinal kSeries = 3000;
    std::vector<Timestamp> newest(kSeries, 0);
    std::vector<std::size_t> counts(kSeries, 0);
    const auto take = [&](Ordinal o, Timestamp t) {
      if (t > newest[o]) ++counts[o];
      newest[o] = t;
    };
    const auto columns = [&] {
      auto made = std::make_shared<ReplayColumns>();
      made->columns = columns_from(0, kSeries);
      for (auto& c : made->columns) c.later = 0;
      made->sections = {{0, 0, 1024}, {1, 1024, 2048}, {2, 2048, kSeries}};
      return made;
    }();
    Timestamp t = 0;
    {
      ReplayLanes lanes(threads, {.items =
                                      [&](std::span<const ReplayItem> items) {
                                        for (const ReplayItem& item : items) take(item.ordinal, item.t);
                                      },
                                  .section =
                                      [&](const ReplayBlock& block, const ReplaySection& s) {
                                        for (std::size_t i = s.begin; i < s.end; ++i)
                                          for (const auto& row : block.rows)
                                            take(block.columns->columns[i].ordinal, row.first);
                                      }});
      for (int round = 0; round < 50; ++round) {
        ++t;
        for (Ordinal o = 0; o < kSeries; ++o) lanes.add_sample(o, t, 1);
        auto block = std::make_shared<ReplayBlock>();
        block->columns = columns;
        for (int row = 0; row < 3; ++row) block->rows.push_back({++t, nullptr});
        lanes.add_block(block);
        if (round % 10 != 0) continue;
        lanes.drain();
        for (Ordinal o = 0; o < kSeries; ++o) CHECK(newest[o] == t);
      }
    }
    for (Ordinal o = 0; o < kSeries; ++o) CHECK(counts[o] == 200);
  }
}

}  // namespace
}  // namespace narthex::tsdb
