#include <doctest/doctest.h>

#include <algorithm>

#include "telemetry/registry.h"
#include "tests/query/engine/engine_fixture.h"

namespace narthex::tests {

namespace {

/// A clock that moves by a second whenever it is read.
class HastyClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return 0; }
  [[nodiscard]] std::chrono::nanoseconds steady() const override { return std::chrono::seconds(reads_++); }

 private:
  mutable std::int64_t reads_ = 0;
};

}  // namespace

TEST_CASE("a query over max-samples ends with Prometheus' text, one below it does not") {
  EngineFixture f;
  for (int i = 0; i < 10; ++i) f.load(fmt::format("m{{i=\"{}\"}}", i), kMinute, {1, 2, 3, 4, 5});
  const std::string refused =
      "error: query processing would load too many samples into memory in query execution";
  const struct {
    std::string_view query;
    std::uint64_t max_samples;
    bool fits;
  } rows[] = {
      {"m", 50, true},
      {"m", 49, false},
      {R"(m{i="1"}[5m])", 5, true},
      {R"(m{i="1"}[5m])", 4, false},
      {R"(sum_over_time(m{i="1"}[5m]))", 9, true},
      {R"(sum_over_time(m{i="1"}[5m]))", 4, false},
      {"sum(m)", 50, true},
      {"sum by (i) (m)", 50, true},
      {"topk(2, m)", 50, true},
      {"sum_over_time(m[5m] @ 240)", 50, true},
      {"m + on(i) m", 150, true},
      {"m + on(i) m", 70, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    CAPTURE(row.max_samples);
    f.options.max_samples = row.max_samples;
    const bool is_matrix = row.query.ends_with("]");
    const auto got = is_matrix ? f.at(row.query, 4 * kMinute) : f.over(row.query, 0, 4 * kMinute, kMinute);
    CHECK((got == refused) == !row.fits);
  }
}

TEST_CASE("a query over its memory limit ends with an error that names the limit") {
  EngineFixture f;
  f.load("m", kMinute, {1, 2, 3});
  f.options.max_bytes = 100'000;
  CHECK(f.at("m", 0) == "m 1@0");
  const auto refused = f.at("sum_over_time(m[1000d:1s])", kMinute);
  CHECK(
      refused ==
      "error: 1:15: query needs too much memory: it holds 40 bytes, wants 3456000000 more here, and may hold "
      "100000 (half of --query.max-memory): select fewer series, a shorter time or larger steps");
}

TEST_CASE("the column that an operator works on is charged at its place in the query") {
  EngineFixture f;
  f.load("m_total", kMinute, {1, 2, 3});
  // Four columns for the grid, one each for the whole, `m_total` and `rate`; the last does not fit.
  f.options.max_bytes = 50'000;
  CHECK(f.over("m_total + rate(m_total[5m])", 0, 999 * kMinute, kMinute)
            .starts_with(
                "error: 1:11: query needs too much memory: it holds 48000 bytes, wants 8000 more here"));
}

TEST_CASE("the memory of a query's result is given back with the result, and all queries share one pool") {
  EngineFixture f;
  for (int i = 0; i < 100; ++i) f.load(fmt::format("m{{i=\"{}\"}}", i), kMinute, {1, 2, 3});
  f.options.max_memory = 200'000;
  f.options.max_bytes = 150'000;
  query::Engine engine(f.options, f.clock, nullptr);
  {
    const auto first = engine.run(f.store, f.request("m", 0, 500 * kMinute, kMinute), {});
    REQUIRE(first);
    CHECK(engine.memory_used() > 0);
    const auto held = engine.memory_used();
    {
      const auto second = engine.run(f.store, f.request("m"), {});
      REQUIRE(second);
      CHECK(engine.memory_used() > held);
    }
    CHECK(engine.memory_used() == held);
    std::vector<Result<query::QueryResult>> more;
    while (more.empty() || more.back()) more.push_back(engine.run(f.store, f.request("m"), {}));
    CHECK(more.back().error().code == Code::limit);
    CHECK(more.back().error().text.find("queries need too much memory together: they hold ") !=
          std::string::npos);
    CHECK(more.back().error().text.find("--query.max-memory allows 200000") != std::string::npos);
  }
  CHECK(engine.memory_used() == 0);
}

TEST_CASE("timeout and cancellation end a query with Prometheus' texts") {
  EngineFixture f;
  for (int i = 0; i < 300; ++i) f.load(fmt::format("m{{i=\"{}\"}}", i), kMinute, {1});

  const HastyClock hasty;
  f.options.threads = 1;  // whose clock it is
  f.options.timeout = 10'000;
  query::Engine slow(f.options, hasty, nullptr);
  const auto late = slow.run(f.store, f.request("sum(m)"), {});
  REQUIRE(!late);
  CHECK(late.error().code == Code::timeout);
  CHECK(late.error().text == "query timed out in expression evaluation");

  const sync::StopSource stop;
  stop.stop(sync::StopReason::client_gone);
  const auto gone = f.ask(f.request("m"), stop.token());
  REQUIRE(!gone);
  CHECK(gone.error().code == Code::cancelled);
  CHECK(gone.error().text == "query was canceled in query execution");
}

TEST_CASE("the shorter of the engine's and the request's timeout counts") {
  EngineFixture f;
  f.load("m", kMinute, {1});
  const HastyClock hasty;
  query::Engine engine(f.options, hasty, nullptr);
  auto request = f.request("m");
  CHECK(engine.run(f.store, request, {}).has_value());
  request.timeout = 1'000;
  const auto late = engine.run(f.store, request, {});
  REQUIRE(!late);
  CHECK(late.error().code == Code::timeout);
}

TEST_CASE("errors of evaluation carry Prometheus' texts") {
  EngineFixture f;
  f.load(R"(m{x="1"})", kMinute, {1, 2, 3});
  f.load(R"(m{x="2"})", kMinute, {4, 5, 6});
  const struct {
    std::string_view query;
    std::string_view want;
    Code code;
  } rows[] = {
      {"topk(NaN, m)", "Parameter value is NaN", Code::execution},
      {"topk(1e30, m)", "Scalar value 1e+30 overflows int64", Code::execution},
      {"limit_ratio(NaN, m)", "Ratio value is NaN", Code::execution},
      {R"(count_values("", m))", R"(invalid label name "")", Code::execution},
      {R"(label_replace(m, "y", "", "x", "("))", "invalid regular expression in label_replace(): (",
       Code::execution},
      {R"(label_replace(m, "", "", "x", ""))",
       "invalid destination label name in label_replace(): ", Code::execution},
      {R"(label_join(m, "y", "-", ""))", "invalid source label name in label_join(): ", Code::execution},
      {"double_exponential_smoothing(m[5m], 1, 0.5)",
       "invalid smoothing factor. Expected: 0 < sf < 1, got: 1.000000", Code::execution},
      {"max_over_time(m[5m] anchored)",
       "anchored modifier can only be used with: changes, delta, increase, rate, resets - not with "
       "max_over_time",
       Code::execution},
      {"resets(m[5m] smoothed)",
       "smoothed modifier can only be used with: delta, increase, rate - not with resets", Code::execution},
      {"m[step()-1m]", "1:3: duration must be greater than 0", Code::invalid},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    const auto result = f.instant(row.query, 2 * kMinute);
    REQUIRE(!result);
    CHECK(result.error().code == row.code);
    if (row.code == Code::execution) CHECK(result.error().text == row.want);
  }
  const auto matrix = f.range("m[5m]", 0, kMinute, kMinute);
  REQUIRE(!matrix);
  CHECK(matrix.error().text ==
        "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector");
}

TEST_CASE("arguments are checked where there are native histograms only") {
  EngineFixture f;
  f.store.add(*query::parse_metric("h"), kMinute, FloatHistogram{});
  const auto result = f.instant("double_exponential_smoothing(h[5m], 0.5, 1.5)", 2 * kMinute);
  REQUIRE(!result);
  CHECK(result.error().text == "invalid trend factor. Expected: 0 < tf < 1, got: 1.500000");
}

TEST_CASE("statistics count samples as Prometheus does") {
  EngineFixture f;
  f.options.per_step_stats = true;
  for (int i = 0; i < 3; ++i) f.load(fmt::format("m{{i=\"{}\"}}", i), 10'000, std::vector<double>(60, 1.0));
  const struct {
    std::string_view query;
    Timestamp start;
    Timestamp end;
    DurationMs step;
    std::uint64_t total;
    std::uint64_t read;
  } rows[] = {
      {R"(m{i="0"})", 200'000, 200'000, 0, 1, 1},
      {"m", 200'000, 200'000, 0, 3, 3},
      {R"(m{i="0"}[60s])", 200'000, 200'000, 0, 6, 6},
      {R"(m{i="0"}[60s] @ 100)", 200'000, 200'000, 0, 6, 6},
      {R"(max_over_time(m{i="0"}[60s])[20s:5s])", 201'000, 201'000, 0, 24, 8},
      {R"(max_over_time(m{i="0"}[59s])[20s:5s])", 201'000, 201'000, 0, 24, 8},
      {R"(sum by (i) (max_over_time(m{i="0"}[60s])) + m{i="0"})", 201'000, 201'000, 0, 7, 7},
      {R"(m{i="0"})", 201'000, 220'000, 5'000, 4, 4},
      {R"(timestamp(m{i="0"}))", 201'000, 220'000, 5'000, 4, 4},
      {R"(max_over_time(m{i="0"}[60s]))", 201'000, 220'000, 5'000, 24, 7},
      {R"(m{i="0"} @ 100)", 201'000, 220'000, 5'000, 4, 1},
      {R"(sum_over_time(m{i="0"}[60s] @ 100))", 201'000, 220'000, 5'000, 24, 6},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    CAPTURE(row.step);
    auto request = f.request(row.query, row.start, row.end, row.step);
    request.per_step_stats = true;
    const auto result = f.ask(request);
    REQUIRE(result);
    CHECK(result->stats.total_queryable_samples == row.total);
    CHECK(result->stats.samples_read == row.read);
    std::uint64_t sum = 0;
    for (const auto& [t, n] : result->stats.total_per_step) sum += n;
    CHECK(sum == row.total);
  }
}

TEST_CASE("the engine counts its queries under Prometheus' names") {
  EngineFixture f;
  f.load("m", kMinute, {1, 2});
  telemetry::Registry registry;
  query::Engine engine(f.options, f.clock, &registry);
  REQUIRE(engine.run(f.store, f.request("m"), {}));
  std::vector<std::string> names;
  double samples = 0;
  for (const auto& family : registry.Collect()) {
    names.push_back(family.name);
    if (family.name == "prometheus_engine_query_samples_total") samples = family.metric[0].counter.value;
  }
  for (const char* name :
       {"prometheus_engine_queries", "prometheus_engine_queries_concurrent_max",
        "prometheus_engine_query_duration_seconds", "prometheus_engine_query_duration_histogram_seconds",
        "prometheus_engine_query_samples_total", "prometheus_engine_query_samples_read_total",
        "prometheus_engine_query_log_enabled"}) {
    CAPTURE(name);
    CHECK(std::ranges::find(names, name) != names.end());
  }
  CHECK(samples == 1);
}

}  // namespace narthex::tests
