// The same series in the head, in blocks, and asked by many threads: one answer.
#include <array>
#include <string>
#include <thread>

#include "io/fault_file_system.h"
#include "query/promqltest/store.h"
#include "tests/query/metamorphic/random_case.h"
#include "tests/query/random/exact_answer.h"
#include "tests/query/random/laws.h"
#include "tsdb/db.h"

namespace narthex::tests {

namespace {

constexpr std::uint64_t kSome = 160;
constexpr std::uint64_t kMany = 8'000;
constexpr RandomQueryOptions kShape = {.size = 10, .query_times = true};

/// A database on a disk in memory with the series of a case.
class RandomDb {
 public:
  explicit RandomDb(const RandomCase& c) {
    tsdb::DbOptions options;
    options.no_lockfile = true;
    options.background_interval = 0;
    options.no_time_bounds = true;
    options.st_storage = true;
    options.xor2_floats = true;
    options.histograms_with_start = true;
    options.min_block_range = 300'000;
    auto opened = tsdb::Db::open(disk_, "/data", options, clock_, nullptr);
    REQUIRE_MESSAGE(opened, opened.error().text);
    db_ = std::move(*opened);
    const auto loaded = query::load_into(*db_, c.data());
    REQUIRE_MESSAGE(loaded, loaded.error().text);
  }
  tsdb::Db& db() { return *db_; }

 private:
  ManualClock clock_{kRandomSeriesEnd + 60'000};
  io::FaultFileSystem disk_;
  std::unique_ptr<tsdb::Db> db_;
};

/// Series come by labels, wherever they lie: the order of the head is another, and sums with it.
class ByLabels final : public storage::Queryable {
 public:
  explicit ByLabels(storage::Queryable& store) : store_(store) {}
  Result<std::unique_ptr<storage::Querier>> querier(TimeRange range) override {
    auto below = store_.querier(range);
    if (!below) return pass(below);
    return std::unique_ptr<storage::Querier>(std::make_unique<Sorting>(std::move(*below)));
  }

 private:
  class Sorting final : public storage::Querier {
   public:
    explicit Sorting(std::unique_ptr<storage::Querier> below) : below_(std::move(below)) {}
    Result<std::unique_ptr<storage::SeriesSet>> select(TimeRange range, std::span<const Matcher> matchers,
                                                       LabelPool& pool,
                                                       const storage::SelectOptions& options) override {
      storage::SelectOptions sorted = options;
      sorted.sorted = true;
      return below_->select(range, matchers, pool, sorted);
    }
    Result<std::vector<std::string>> label_names(std::span<const Matcher> matchers,
                                                 std::size_t limit) override {
      return below_->label_names(matchers, limit);
    }
    Result<std::vector<std::string>> label_values(std::string_view name, std::span<const Matcher> matchers,
                                                  std::size_t limit) override {
      return below_->label_values(name, matchers, limit);
    }

   private:
    std::unique_ptr<storage::Querier> below_;
  };

  storage::Queryable& store_;
};

struct Asked {
  RandomCase from;
  query::QueryRequest request;
};

/// The cases of one store, as requests.
std::vector<Asked> requests_of(const std::vector<RandomCase>& cases, std::uint64_t store) {
  std::vector<Asked> out;
  for (const RandomCase& c : cases) {
    if (c.store() != store) continue;
    Choices choices = c.choices();
    query::QueryRequest request;
    request.query = random_query(choices, kShape);
    const RandomTimes times = random_times(choices);
    request.start = times.start;
    request.end = times.end;
    request.step = times.step;
    out.push_back({c, request});
  }
  return out;
}

std::vector<ExactAnswer> ask(query::Engine& engine, storage::Queryable& store,
                             const std::vector<Asked>& all) {
  std::vector<ExactAnswer> answers;
  for (const Asked& one : all) answers.push_back(exact(engine.run(store, one.request, sync::StopToken())));
  return answers;
}

/// Calls f(database, engine, requests) for each store among the cases.
template <class F>
void for_each_store(F f) {
  const auto cases = random_cases(kSome, kMany);
  const ManualClock clock{0};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (i > 0 && cases[i].store() == cases[i - 1].store()) continue;
    RandomDb db(cases[i]);
    query::Engine engine(cases[i].options(), clock, nullptr);
    f(db.db(), engine, requests_of(cases, cases[i].store()));
  }
}

}  // namespace

TEST_CASE("random queries give the same over the head, and over the blocks it became") {
  for_each_store([](tsdb::Db& db, query::Engine& engine, const std::vector<Asked>& all) {
    ByLabels by_labels(db);
    const auto before = ask(engine, by_labels, all);
    const auto compacted = db.run_background_once();
    REQUIRE_MESSAGE(compacted, compacted.error().text);
    REQUIRE(db.blocks().size() > 1);
    const auto after = ask(engine, by_labels, all);
    for (std::size_t i = 0; i < all.size(); ++i)
      if (const auto what = difference(without_hints(before[i]), without_hints(after[i])))
        FAIL_CHECK(all[i].request.query, "\n  ", *what, "\n  ", replay(all[i].from));
  });
}

TEST_CASE("random queries give the same one after another and from eight threads at once") {
  for_each_store([](tsdb::Db& db, query::Engine& engine, const std::vector<Asked>& all) {
    const auto want = ask(engine, db, all);
    std::array<std::vector<ExactAnswer>, 8> got;
    {
      std::vector<std::jthread> threads;
      for (auto& answers : got) threads.emplace_back([&] { answers = ask(engine, db, all); });
    }
    for (const auto& answers : got)
      for (std::size_t i = 0; i < all.size(); ++i)
        if (const auto what = difference(want[i], answers[i]))
          FAIL_CHECK(all[i].request.query, "\n  ", *what, "\n  ", replay(all[i].from));
  });
}

}  // namespace narthex::tests
