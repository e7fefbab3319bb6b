// A disk that is full for a while; fault_points_test.cc has every other failure.
#include <doctest/doctest.h>

#include "tests/tsdb/db/db_fixture.h"
#include "tsdb/db.h"

namespace narthex::tsdb {
namespace {

TEST_CASE("crash: a full disk refuses appends with an error, loses nothing, and heals") {
  io::FaultFileSystem fs;
  fs.set_short_write(true);
  const ManualClock clock(kStart);
  Contents model;
  auto db = open_db(fs, clock);
  for (int step = 0; step < 20; ++step) REQUIRE(scrape(*db, 5, step, model));
  fs.set_free_bytes(700);
  int refused = 0;
  for (int step = 20; step < 40; ++step) refused += scrape(*db, 5, step, model) ? 0 : 1;
  CHECK(refused > 0);
  CHECK(same(read_all(*db), model));
  fs.set_free_bytes(-1);
  for (int step = 40; step < 60; ++step) REQUIRE(scrape(*db, 5, step, model));
  CHECK(same(read_all(*db), model));
  db.reset();
  db = open_db(fs, clock);
  CHECK(same(read_all(*db), model));
}

}  // namespace
}  // namespace narthex::tsdb
