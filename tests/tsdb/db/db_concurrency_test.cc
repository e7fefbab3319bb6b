// Appends, block cuts, truncation and queries at once. Run under TSan too.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/tsdb/db/db_fixture.h"
#include "tsdb/db.h"

namespace narthex::tsdb {
namespace {

TEST_CASE("concurrency: while blocks are cut, every query sees each committed sample once") {
  constexpr int kSteps = 1500;
  constexpr std::size_t kSeries = 6;
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  auto db = open_db(fs, clock);
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::atomic<int> queries{0};

  const auto query = [&] {
    while (!done.load()) {
      const Contents seen = read_all(*db);
      std::size_t length = 0;
      for (const auto& [labels, points] : seen) {
        length = std::max(length, points.size());
        for (std::size_t i = 0; i < points.size(); ++i) {
          if (points[i].first != kStart + static_cast<Timestamp>(i) * kStep) ++wrong;
        }
      }
      // A scrape is there for all series or for none.
      for (const auto& [labels, points] : seen) wrong += points.size() == length ? 0 : 1;
      ++queries;
    }
  };
  const auto maintain = [&] {
    while (!done.load()) {
      if (!db->run_background_once()) ++wrong;
    }
  };
  std::thread reader(query);
  std::thread maintenance(maintain);
  Contents model;
  for (int step = 0; step < kSteps; ++step) {
    if (!scrape(*db, kSeries, step, model)) ++wrong;
  }
  while (queries.load() < 3) std::this_thread::yield();
  done = true;
  reader.join();
  maintenance.join();
  CHECK(wrong == 0);
  REQUIRE(db->run_background_once());
  CHECK(db->blocks().size() >= 11);
  CHECK(same(read_all(*db), model));
}

TEST_CASE("concurrency: the background thread works on its own and ends with the database") {
  io::FaultFileSystem fs;
  const ManualClock clock(kNow);
  DbOptions options = quiet_options();
  options.background_interval = 1;
  auto db = open_db(fs, clock, options);
  Contents model;
  for (int step = 0; step < 300; ++step) REQUIRE(scrape(*db, 3, step, model));
  // Bounded: a minute of yielding at most.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (db->blocks().empty() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  CHECK(!db->blocks().empty());
  CHECK(same(read_all(*db), model));
  CHECK(db->close());
}

}  // namespace
}  // namespace narthex::tsdb
