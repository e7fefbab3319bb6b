#include "query/promqltest/runner.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "query/promql/parser.h"
#include "query/promqltest/eval_block.h"
#include "query/promqltest/pinned.h"
#include "tests/query/promqltest/model_script_store.h"

using namespace narthex;
using namespace narthex::query;

namespace {

std::string show(const QueryRequest& r) {
  if (r.step == 0) return fmt::format("{} {}", r.query, r.start / 1000);
  return fmt::format("{} {}..{}/{}", r.query, r.start / 1000, r.end / 1000, r.step / 1000);
}

/// Answers every query with the series {} = 1 at each step, and notes what was asked.
struct ConstantEngine {
  std::vector<std::string> asked;
  double value = 1;
  /// The run that gives another value; 0 = none.
  std::size_t wrong_run = 0;

  Evaluate evaluate() {
    return [this](storage::Queryable&, const QueryRequest& r) -> Result<QueryResult> {
      asked.push_back(show(r));
      if (r.query.starts_with("bad")) return fail(Code::execution, "it is bad");
      QueryResult result;
      result.type = r.step == 0 ? ValueType::vector : ValueType::matrix;
      ResultSeries series;
      for (Timestamp t = r.start; t <= r.end; t += r.step == 0 ? 1 : r.step) {
        series.t.push_back(t);
        series.v.push_back(asked.size() == wrong_run ? value + 1 : value);
      }
      result.series.push_back(std::move(series));
      return result;
    };
  }
};

ScriptReport run(std::string_view script, ConstantEngine& engine) {
  return run_script(script, tests::make_model_script_store, engine.evaluate());
}

}  // namespace

TEST_CASE("an instant query is run again pinned by @, and each as the middle of a range query") {
  ConstantEngine engine;
  const ScriptReport report = run("eval instant at 50s a + b @ 7\n  {} 1\n", engine);
  CHECK(report.passed == 1);
  CHECK(report.failed.empty());
  CHECK(engine.asked ==
        std::vector<std::string>{"a + b @ 7 50", "a + b @ 7 -10..110/60", "a @ 50.000 + b @ 7.000 -500",
                                 "a @ 50.000 + b @ 7.000 -560..-440/60", "a @ 50.000 + b @ 7.000 0",
                                 "a @ 50.000 + b @ 7.000 -60..60/60", "a @ 50.000 + b @ 7.000 10",
                                 "a @ 50.000 + b @ 7.000 -50..70/60", "a @ 50.000 + b @ 7.000 50",
                                 "a @ 50.000 + b @ 7.000 -10..110/60", "a @ 50.000 + b @ 7.000 500",
                                 "a @ 50.000 + b @ 7.000 440..560/60"});
}

TEST_CASE("every re-run counts: one that is wrong fails the case, and is named") {
  for (std::size_t wrong = 1; wrong <= 12; ++wrong) {
    CAPTURE(wrong);
    ConstantEngine engine;
    engine.wrong_run = wrong;
    const ScriptReport report = run("eval instant at 50s a\n  {} 1\n", engine);
    CHECK(report.passed == 0);
    REQUIRE(report.failed.size() == 1);
    CHECK(report.failed[0].line == 1);
    CHECK(report.failed[0].query == "a");
    CHECK(report.failed[0].run.starts_with(wrong % 2 == 1 ? "instant query a" : "range query a"));
    CHECK(report.failed[0].expected == "{} 1");
  }
}

TEST_CASE("queries whose meaning depends on the time or the range are not re-run") {
  const struct {
    std::string_view block;
    std::size_t runs;
  } rows[] = {
      {"eval instant at 50s time() + a\n {} 1\n", 2},      {"eval instant at 50s a @ start()\n {} 1\n", 11},
      {"eval instant at 50s a + end()\n {} 1\n", 1},       {"eval instant at 0 a\n {} 1\n", 8},
      {"eval range from 0 to 1m step 1m a\n {} 1 1\n", 1},
  };
  for (const auto& row : rows) {
    CAPTURE(row.block);
    ConstantEngine engine;
    const ScriptReport report = run(row.block, engine);
    CHECK(report.passed == 1);
    CHECK(engine.asked.size() == row.runs);
  }
}

TEST_CASE("a failure passes where it is expected, with the expected text") {
  ConstantEngine engine;
  CHECK(run("eval instant at 0 bad\n expect fail\n", engine).passed == 1);
  CHECK(run("eval instant at 0 bad\n expect fail msg: it is bad\n", engine).passed == 1);
  CHECK(run("eval instant at 0 bad\n expect fail regex: is b.d\n", engine).passed == 1);
  CHECK(run("eval instant at 0 bad\n expect fail msg: it is good\n", engine).failed.size() == 1);
  CHECK(run("eval instant at 0 bad\n", engine).failed.size() == 1);
  CHECK(run("eval instant at 0 good\n expect fail\n", engine).failed.size() == 1);
}

TEST_CASE("a bad block is one failed case, and the rest of the script is run") {
  ConstantEngine engine;
  const ScriptReport report = run("nonsense\nmore of it\n\neval instant at 0 a\n {} 1\n", engine);
  CHECK(report.passed == 1);
  REQUIRE(report.failed.size() == 1);
  CHECK(to_text(report.failed[0], "x.test") == "x.test:1: invalid command \"nonsense\"\n");
}

TEST_CASE("a failed case is shown with its line, query, run, and both results") {
  ConstantEngine engine;
  engine.value = 2;
  const ScriptReport report = run("\neval instant at 60s a\n {} 1\n", engine);
  REQUIRE(report.failed.size() == 1);
  CHECK(to_text(report.failed[0], "x.test") ==
        "x.test:2: eval a\n"
        "  run:      instant query a at 60s\n"
        "  why:      {} is 2, 1 was expected\n"
        "  expected: {} 1\n"
        "  got:      {} 2@60\n");
}

TEST_CASE("a load that the store refuses is a failed case, and the rest is run") {
  struct FloatStore final : ScriptStore {
    tests::ModelStore store;
    storage::Queryable& queryable() override { return store; }
    Result<void> load(std::span<const LoadedSeries> series) override { return load_into(store, series); }
  };
  ConstantEngine engine;
  std::size_t series = 0;
  const Evaluate evaluate = [&](storage::Queryable& q, const QueryRequest& r) {
    series = static_cast<tests::ModelStore&>(q).series().size();
    return engine.evaluate()(q, r);
  };
  const ScriptReport report = run_script(
      "load 1m\n a 1 2 {{count:1}}\n b {{count:1}}x1\n\neval instant at 0 a\n {} 1\n\neval instant at 0 a\n "
      "{} 2\n",
      [] { return Result<std::unique_ptr<ScriptStore>>(std::make_unique<FloatStore>()); }, evaluate);
  CHECK(series == 0);
  CHECK(report.passed == 1);
  REQUIRE(report.failed.size() == 2);
  CHECK(report.failed[0].why.find("this store keeps no native histograms") != std::string::npos);
}

TEST_CASE("clear begins with an empty store") {
  std::vector<std::size_t> sizes;
  ConstantEngine engine;
  const Evaluate evaluate = [&](storage::Queryable& q, const QueryRequest& r) {
    sizes.push_back(static_cast<tests::ModelStore&>(q).series().size());
    return engine.evaluate()(q, r);
  };
  run_script(
      "load 1m\n a 1\n b 1\n\neval range from 0 to 0 step 1m a\n {} 1\n\nclear\n\n"
      "eval range from 0 to 0 step 1m a\n {} 1\n",
      tests::make_model_script_store, evaluate);
  CHECK(sizes == std::vector<std::size_t>{2, 0});
}

TEST_CASE("pinning puts @ where no timestamp is, but not inside subqueries") {
  const struct {
    std::string_view query;
    std::string_view want;
  } rows[] = {
      {"a", "a @ 60.000"},
      {"a @ 1", "a @ 1.000"},
      {"a @ end()", "a @ 60.000"},
      {"rate(a[5m] offset 1m)", "rate(a[5m] @ 60.000 offset 1m)"},
      {"sum(a + on (x) b)", "sum(a @ 60.000 + on (x) b @ 60.000)"},
      {"max_over_time(rate(a[1m])[5m:1m])", "max_over_time(rate(a[1m])[5m:1m] @ 60.000)"},
      {"max_over_time(time()[5m:1m])", ""},
      {"hour(a)", ""},
      {"1", "1"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    const auto tree = parse(row.query, kScriptParserOptions);
    if (!tree) continue;
    CHECK(pin(**tree, 60'000).value_or("") == row.want);
  }
}
