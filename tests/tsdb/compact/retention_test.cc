// Which blocks are past the retention.
#include "tsdb/compact/retention.h"

#include <doctest/doctest.h>

namespace narthex::tsdb {
namespace {

TEST_CASE("retention: time counts from the newest block, size from it backwards") {
  using Ulids = std::vector<std::string>;
  const std::vector<SizedBlock> blocks = {{"a", 10, 100}, {"b", 20, 10}, {"d", 40, 10}, {"c", 30, 10}};
  const struct {
    const char* what;
    DurationMs time;
    std::uint64_t size;
    std::uint64_t other;
    Ulids by_time;
    Ulids by_size;
  } rows[] = {
      {"no limit", 0, 0, 1000, {}, {}},
      {"just young enough", 31, 0, 0, {}, {}},
      {"as old as the limit", 30, 0, 0, {"a"}, {}},
      {"all but the newest", 1, 0, 0, {"c", "b", "a"}, {}},
      {"just small enough", 0, 130, 0, {}, {}},
      {"one byte more", 0, 130, 1, {}, {"a"}},
      {"what else there is counts", 0, 50, 25, {}, {"b", "a"}},
      {"a small block behind a large one goes with it", 0, 15, 0, {}, {"c", "b", "a"}},
      {"even the newest goes when nothing else is left to", 0, 5, 0, {}, {"d", "c", "b", "a"}},
      {"what goes by time does not count", 30, 30, 0, {"a"}, {}},
      {"both", 30, 20, 0, {"a"}, {"b"}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    const ExpiredBlocks got = expired_blocks(blocks, row.time, row.size, row.other);
    CHECK(got.by_time == row.by_time);
    CHECK(got.by_size == row.by_size);
  }
  CHECK(expired_blocks({}, 1, 1, 1).by_time.empty());
}

}  // namespace
}  // namespace narthex::tsdb
