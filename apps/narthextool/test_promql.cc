#include "apps/narthextool/test_promql.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "io/fault_file_system.h"
#include "model/clock.h"
#include "query/engine/engine.h"
#include "query/promqltest/runner.h"
#include "sync/stop_token.h"
#include "tsdb/db.h"

namespace narthex::apps {
namespace {

/// The database on a disk in memory: scripts are small, and nothing of them shall remain.
class DbStore final : public query::ScriptStore {
 public:
  static Result<std::unique_ptr<query::ScriptStore>> open() {
    auto store = std::unique_ptr<DbStore>(new DbStore());
    tsdb::DbOptions options;
    options.no_lockfile = true;
    options.background_interval = 0;
    options.no_time_bounds = true;
    options.st_storage = true;
    options.xor2_floats = true;
    options.histograms_with_start = true;
    auto db = tsdb::Db::open(store->disk_, "/data", options, system_clock(), nullptr);
    if (!db) return pass(db, "opening a database in memory");
    store->db_ = std::move(*db);
    return std::unique_ptr<query::ScriptStore>(std::move(store));
  }

  storage::Queryable& queryable() override { return *db_; }
  Result<void> load(std::span<const query::LoadedSeries> series) override {
    return query::load_into(*db_, series);
  }

 private:
  DbStore() = default;

  io::FaultFileSystem disk_;
  std::unique_ptr<tsdb::Db> db_;
};

}  // namespace

ScriptTotals test_promql(io::FileSystem& fs, std::span<const std::string> files,
                         const query::EngineOptions& options,
                         const std::function<void(std::string_view)>& print) {
  query::Engine engine(options, system_clock(), nullptr);
  const query::Evaluate evaluate = [&](storage::Queryable& store, const query::QueryRequest& request) {
    return engine.run(store, request, sync::StopToken());
  };
  ScriptTotals totals;
  for (const std::string& file : files) {
    const auto text = fs.read_file(file);
    if (!text) {
      ++totals.failed;
      print(fmt::format("{}: {}\n{}: 0 passed, 1 failed\n", file, text.error().text, file));
      continue;
    }
    const query::ScriptReport report = query::run_script(*text, DbStore::open, evaluate);
    for (const query::FailedCase& failed : report.failed) print(query::to_text(failed, file));
    print(fmt::format("{}: {} passed, {} failed\n", file, report.passed, report.failed.size()));
    totals.passed += report.passed;
    totals.failed += report.failed.size();
  }
  print(fmt::format("{} passed, {} failed\n", totals.passed, totals.failed));
  return totals;
}

}  // namespace narthex::apps
