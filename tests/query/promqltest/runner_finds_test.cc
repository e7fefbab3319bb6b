// What a script must not let pass: each row is one thing that is wrong, in the expectation or in
// what the engine gives, and the runner has to find it.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>

#include "model/clock.h"
#include "query/engine/engine.h"
#include "query/promqltest/runner.h"
#include "sync/stop_token.h"
#include "tests/query/promqltest/model_script_store.h"

using namespace narthex;
using namespace narthex::query;

namespace {

constexpr std::string_view kLoad =
    "load 1m\n"
    "  a{x=\"1\"} 1 2 3\n"
    "  a{x=\"2\"} 4 5 6\n"
    "  h {{schema:1 sum:4 count:4 buckets:[1 2 1]}} {{schema:1 sum:8 count:8 buckets:[2 4 2]}}\n"
    "  g {{count:3 sum:4 buckets:[1 2] counter_reset_hint:gauge}}x2\n\n";

/// Changes what the engine gave.
using Tamper = std::function<void(const QueryRequest&, QueryResult&)>;

ScriptReport run(std::string_view block, const Tamper& tamper = {}) {
  Engine engine(script_engine_options(), system_clock(), nullptr);
  const Evaluate evaluate = [&](storage::Queryable& store, const QueryRequest& request) {
    auto result = engine.run(store, request, sync::StopToken());
    if (result && tamper) tamper(request, *result);
    return result;
  };
  return run_script(std::string(kLoad) + std::string(block), tests::make_model_script_store, evaluate);
}

void check_found(std::string_view block, std::string_view why, const ScriptReport& report) {
  CAPTURE(block);
  CHECK(report.passed == 0);
  REQUIRE(report.failed.size() == 1);
  CHECK(report.failed[0].line == 7);
  const std::string all = to_text(report.failed[0], "x.test");
  CHECK_MESSAGE(report.failed[0].why.contains(why), all);
}

}  // namespace

TEST_CASE("what is right passes") {
  for (const std::string_view block : {
           "eval instant at 1m a\n a{x=\"1\"} 2\n a{x=\"2\"} 5\n",
           "eval instant at 1m sort_desc(a)\n expect ordered\n a{x=\"2\"} 5\n a{x=\"1\"} 2\n",
           "eval range from 0 to 2m step 1m a\n a{x=\"1\"} 1 2 3\n a{x=\"2\"} 4 5 6\n",
           "eval instant at 1m h\n h {{schema:1 sum:8 count:8 buckets:[2 4 2] "
           "counter_reset_hint:not_reset}}\n",
           "eval instant at 1m rate(a[2m])\n expect no_warn\n expect info regex: might not be a counter\n"
           " {x=\"1\"} 0.01666666\n {x=\"2\"} 0.01666666\n",
           "eval instant at 1m a + on () a\n expect fail regex: found duplicate series\n",
           "eval instant at 1m 1 + 1\n 2\n",
           "eval instant at 1m \"a\"\n expect string \"a\"\n",
       }) {
    const ScriptReport report = run(block);
    const std::string why = report.failed.empty() ? "" : to_text(report.failed[0], "x.test");
    CHECK_MESSAGE(report.passed == 1, why);
  }
}

TEST_CASE("an expectation that is not met fails the case, whatever it is about") {
  const struct {
    std::string_view block;
    std::string_view why;
  } rows[] = {
      // values
      {"eval instant at 1m a\n a{x=\"1\"} 2\n a{x=\"2\"} 5.00002\n", "is 5, 5.00002 was expected"},
      {"eval instant at 1m a\n a{x=\"1\"} NaN\n a{x=\"2\"} 5\n", "is 2, NaN was expected"},
      {"eval instant at 1m a\n a{x=\"1\"} -2\n a{x=\"2\"} 5\n", "is 2, -2 was expected"},
      {"eval instant at 1m a\n a{x=\"1\"} {{count:2}}\n a{x=\"2\"} 5\n", "is 2, {{"},
      {"eval instant at 1m 1 + 1\n 3\n", "the scalar is another"},
      {"eval instant at 1m 1 + 1\n {} 2\n", "the result is a scalar"},
      {"eval instant at 1m vector(2)\n 2\n", "the result is a vector"},
      {"eval instant at 1m \"a\"\n expect string \"b\"\n", "the string is another"},
      {"eval range from 0 to 2m step 1m a\n a{x=\"1\"} 1 2 4\n a{x=\"2\"} 4 5 6\n", "at 120 s is 3, 4 was"},
      {"eval range from 0 to 2m step 1m a\n a{x=\"1\"} 1 2\n a{x=\"2\"} 4 5 6\n", "a{x=\"1\"}"},
      {"eval range from 0 to 2m step 1m a\n a{x=\"1\"} 1 _ 3\n a{x=\"2\"} 4 5 6\n", "a{x=\"1\"}"},
      {"eval range from 0 to 2m step 1m a{x=\"1\"} > 1\n a{x=\"1\"} 1 2 3\n", "has no float at 0 s"},
      {"eval range from 0 to 2m step 1m a\n a{x=\"1\"} 1 2 3 4\n a{x=\"2\"} 4 5 6\n", "fewer steps"},
      {"eval instant at 2m a{x=\"1\"}[2m]\n expect range vector from 1m to 2m step 1m\n a{x=\"1\"} 2 4\n",
       "at 120 s is 3, 4 was expected"},
      {"eval instant at 2m a{x=\"1\"}[2m]\n expect range vector from 30s to 2m step 90s\n a{x=\"1\"} 2 3\n",
       "has no float at 30 s"},
      // histograms
      {"eval instant at 1m h\n h {{schema:1 sum:8 count:8 buckets:[2 4 2] counter_reset_hint:reset}}\n",
       "counter_reset_hint:not_reset"},
      {"eval instant at 1m g\n g {{count:3 sum:4 buckets:[1 2] counter_reset_hint:unknown}}\n",
       "counter_reset_hint:gauge"},
      {"eval instant at 1m h\n h {{schema:1 sum:8 count:8 buckets:[2 5 2]}}\n", "buckets:[2 5 2]"},
      {"eval instant at 1m h\n h {{schema:1 sum:8 count:8 buckets:[2 4 2] offset:1}}\n", "offset:1"},
      {"eval instant at 1m h\n h {{schema:1 sum:8 count:9 buckets:[2 4 2]}}\n", "count:9"},
      {"eval instant at 1m h\n h {{schema:1 sum:8.1 count:8 buckets:[2 4 2]}}\n", "sum:8.1"},
      {"eval instant at 1m h\n h {{schema:0 sum:8 count:8 buckets:[2 4 2]}}\n", "h is {{schema:1"},
      {"eval instant at 1m h\n h {{schema:1 sum:8 count:8 z_bucket_w:1 buckets:[2 4 2]}}\n", "z_bucket_w:1"},
      {"eval instant at 1m h\n h 8\n", "8 was expected"},
      {"eval range from 0 to 1m step 1m g\n g {{count:3 sum:4 buckets:[1 2]}} {{count:3 sum:4 buckets:[2 "
       "1]}}\n",
       "at 60 s is"},
      // series
      {"eval instant at 1m a\n a{x=\"1\"} 2\n a{x=\"2\"} 5\n a{x=\"3\"} 7\n",
       "the series a{x=\"3\"} is missing"},
      {"eval instant at 1m a\n a{x=\"1\"} 2\n", "the series a{x=\"2\"} was not expected"},
      {"eval instant at 1m a\n", "was not expected"},
      {"eval instant at 1m b\n b 1\n", "the series b is missing"},
      {"eval instant at 1m a{x=\"1\"}\n {x=\"1\"} 2\n", "the series a{x=\"1\"} was not expected"},
      {"eval instant at 1m -a{x=\"1\"}\n a{x=\"1\"} -2\n", "the series {x=\"1\"} was not expected"},
      {"eval range from 0 to 2m step 1m a\n a{x=\"1\"} 1 2 3\n", "the series a{x=\"2\"} was not expected"},
      {"eval range from 0 to 2m step 1m a{x=\"1\"}\n a{x=\"1\"} 1 2 3\n a{x=\"2\"} 4 5 6\n",
       "the series a{x=\"2\"} is missing"},
      {"eval range from 0 to 2m step 1m a{x=\"1\"}\n a{x=\"1\"} 1 2 3\n b _ _ _\n",
       "the series b is missing"},
      // order
      {"eval instant at 1m sort_desc(a)\n expect ordered\n a{x=\"1\"} 2\n a{x=\"2\"} 5\n",
       "was expected at position 2, not 1"},
      {"eval_ordered instant at 1m sort(a)\n a{x=\"2\"} 5\n a{x=\"1\"} 2\n", "was expected at position"},
      // annotations
      {"eval instant at 1m rate(a{x=\"1\"}[2m])\n expect no_info\n {x=\"1\"} 0.01666666\n",
       "no info was expected"},
      {"eval instant at 1m rate(a{x=\"1\"}[2m])\n expect warn\n {x=\"1\"} 0.01666666\n",
       "there is no warning"},
      {"eval_warn instant at 1m a{x=\"1\"}\n a{x=\"1\"} 2\n", "there is no warning"},
      {"eval instant at 1m rate(a{x=\"1\"}[2m])\n expect info msg: something else\n {x=\"1\"} 0.01666666\n",
       "no info is like something else"},
      {"eval instant at 1m rate(a{x=\"1\"}[2m])\n expect info\n expect info regex: lost\n {x=\"1\"} "
       "0.01666666\n",
       "no info is like lost"},
      {"eval instant at 1m a{x=\"1\"}\n expect info\n a{x=\"1\"} 2\n", "there is no info"},
      {"eval instant at 1m quantile(2, a{x=\"1\"})\n expect no_warn\n {} Inf\n", "no warning was expected"},
      {"eval instant at 1m quantile(2, a) + quantile(3, a)\n expect warn regex: got 2\n {} Inf\n",
       "this warning was not expected: PromQL warning: quantile value should be between 0 and 1, got 3"},
      // failures
      {"eval instant at 1m a\n expect fail\n", "it should have failed"},
      {"eval range from 0 to 1m step 1m a\n expect fail\n", "it should have failed"},
      {"eval_fail instant at 1m a\n expected_fail_message nothing\n", "it should have failed"},
      {"eval instant at 1m a + on () a\n expect fail msg: many-to-many\n", "it failed otherwise"},
      {"eval instant at 1m a + on () a\n expect fail regex: ^many-to-many$\n", "it failed otherwise"},
      {"eval_fail instant at 1m a + on () a\n expected_fail_regexp nothing\n", "it failed otherwise"},
      {"eval instant at 1m a + on () a\n {} 4\n", "it failed"},
      {"eval range from 0 to 1m step 1m a + on () a\n {} 4 5\n", "it failed"},
  };
  for (const auto& row : rows) check_found(row.block, row.why, run(row.block));
}

TEST_CASE("an answer that is wrong in one of the ways to ask only fails the case") {
  const std::string_view vector = "eval instant at 1m a\n a{x=\"1\"} 2\n a{x=\"2\"} 5\n";
  const std::string_view matrix = "eval range from 0 to 2m step 1m a\n a{x=\"1\"} 1 2 3\n a{x=\"2\"} 4 5 6\n";
  const auto is_range = [](const QueryRequest& r) { return r.step != 0; };
  const auto is_pinned = [](const QueryRequest& r) { return r.query.contains('@'); };
  const struct {
    std::string_view what;
    std::string_view block;
    std::string_view why;
    Tamper tamper;
  } rows[] = {
      {"a value in range queries", vector, "is 6, 5 was expected",
       [&](const QueryRequest& r, QueryResult& got) {
         if (is_range(r)) got.series[1].v[1] = 6;
       }},
      {"a series missing in range queries", vector, "is missing",
       [&](const QueryRequest& r, QueryResult& got) {
         if (is_range(r)) got.series.pop_back();
       }},
      {"a point missing in range queries", vector, "is missing",
       [&](const QueryRequest& r, QueryResult& got) {
         if (!is_range(r)) return;
         got.series[1].t.erase(got.series[1].t.begin() + 1);
         got.series[1].v.erase(got.series[1].v.begin() + 1);
       }},
      {"an unsorted matrix beside an instant query", vector, "must be sorted",
       [&](const QueryRequest& r, QueryResult& got) {
         if (is_range(r)) std::ranges::reverse(got.series);
       }},
      {"an unsorted matrix", matrix, "must be sorted",
       [](const QueryRequest&, QueryResult& got) { std::ranges::reverse(got.series); }},
      {"a value pinned by @", vector, "is 7, 2 was expected",
       [&](const QueryRequest& r, QueryResult& got) {
         if (is_pinned(r) && !is_range(r)) got.series[0].v[0] = 7;
       }},
      {"a warning pinned by @", "eval instant at 1m a{x=\"1\"}\n expect no_warn\n a{x=\"1\"} 2\n",
       "no warning was expected",
       [&](const QueryRequest& r, QueryResult& got) {
         if (is_pinned(r)) got.annotations.add({AnnotationKind::warning, "PromQL warning: odd"});
       }},
      {"a series that comes twice", vector, "came twice",
       [](const QueryRequest&, QueryResult& got) { got.series.insert(got.series.begin(), got.series[0]); }},
      {"a series that comes twice in a matrix", matrix, "came twice",
       [](const QueryRequest&, QueryResult& got) { got.series.insert(got.series.begin(), got.series[0]); }},
      {"a point at another time", matrix, "has no float at 120 s",
       [](const QueryRequest&, QueryResult& got) { got.series[1].t[2] += 1; }},
      {"a point too many", matrix, "a{x=\"2\"}",
       [](const QueryRequest&, QueryResult& got) {
         got.series[1].t.push_back(180'000);
         got.series[1].v.push_back(6);
       }},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    check_found(row.block, row.why, run(row.block, row.tamper));
  }
}
