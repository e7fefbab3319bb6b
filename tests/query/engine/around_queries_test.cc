// What surrounds a running query: the query log, the list of running ones, the profile.
#include <doctest/doctest.h>

#include <functional>
#include <thread>

#include "io/fault_file_system.h"
#include "query/engine/profile.h"
#include "query/engine/query_queue.h"
#include "telemetry/registry.h"
#include "tests/query/engine/engine_fixture.h"

namespace narthex::tests {

namespace {

double value_of(prometheus::Registry& registry, std::string_view name) {
  for (const auto& family : registry.Collect())
    if (family.name == name) return family.metric[0].gauge.value + family.metric[0].counter.value;
  return -1;
}

/// A store whose querier calls a function before it is made: a query that can be looked at.
class ObservedStore final : public storage::Queryable {
 public:
  ObservedStore(storage::Queryable& store, std::function<void()> when_asked)
      : store_(store), when_asked_(std::move(when_asked)) {}
  Result<std::unique_ptr<storage::Querier>> querier(TimeRange range) override {
    when_asked_();
    return store_.querier(range);
  }

 private:
  storage::Queryable& store_;
  std::function<void()> when_asked_;
};

/// Bytes and times are what they are.
std::string without_costs(std::string text) {
  for (std::size_t at = 0; (at = text.find("\"bytes\":", at)) != std::string::npos;)
    text.replace(at, text.find(",\"children\"", at) - at, "COSTS");
  return text;
}

}  // namespace

TEST_CASE("an evaluated query is logged as one JSON line with Prometheus' members") {
  EngineFixture f;
  f.clock.set(1'700'000'000'000);
  f.load("m", kMinute, {1, 2, 3});
  io::FaultFileSystem disk;
  telemetry::Registry registry;
  query::Engine engine(f.options, f.clock, &registry);
  CHECK(value_of(registry, "prometheus_engine_query_log_enabled") == 0);
  auto log = query::QueryLog::open(disk, "/query.log", f.clock);
  REQUIRE(log.has_value());
  engine.set_query_log(*log);
  CHECK(value_of(registry, "prometheus_engine_query_log_enabled") == 1);

  auto request = f.request("m < 10", 60'500, 120'500, 30'000);
  request.origin = {query::QueryOrigin::Kind::http, "10.0.0.1", "GET", "/api/v1/query_range", "", ""};
  REQUIRE(engine.run(f.store, request, {}));
  const std::string line = *disk.read_file("/query.log");
  const std::size_t source = line.find("query_log.cc:");
  REQUIRE(source != std::string::npos);
  CHECK(line.substr(0, source) == R"({"time":"2023-11-14T22:13:20.000Z","level":"INFO","source":")");
  CHECK(line.substr(line.find("\",\"msg\"")) ==
        R"(","msg":"promql query logged","params":{"end":"1970-01-01T00:02:00.500Z","query":"m < 10",)"
        R"("start":"1970-01-01T00:01:00.500Z","step":30},"stats":{"timings":{"evalTotalTime":0,)"
        R"("resultSortTime":0,"queryPreparationTime":0,"innerEvalTime":0,"execQueueTime":0,)"
        R"("execTotalTime":0},"samples":{"totalQueryableSamples":3,"samplesRead":3,"peakSamples":3}},)"
        R"("spanID":"0000000000000000","traceID":"00000000000000000000000000000000",)"
        R"("httpRequest":{"clientIP":"10.0.0.1","method":"GET","path":"/api/v1/query_range"}})"
        "\n");

  auto failing = f.request("topk(NaN, m)");
  failing.origin = {query::QueryOrigin::Kind::rule, "", "", "", "rules.yml", "g"};
  REQUIRE(!engine.run(f.store, failing, {}));
  const std::string both = *disk.read_file("/query.log");
  CHECK(both.find(R"("error":"Parameter value is NaN","stats":)") != std::string::npos);
  CHECK(both.ends_with(R"("ruleGroup":{"file":"rules.yml","name":"g"}})"
                       "\n"));

  // What cannot be parsed was never evaluated.
  REQUIRE(!engine.run(f.store, f.request("m +"), {}));
  CHECK(disk.read_file("/query.log")->size() == both.size());
  engine.set_query_log(nullptr);
  REQUIRE(engine.run(f.store, request, {}));
  CHECK(disk.read_file("/query.log")->size() == both.size());
}

TEST_CASE("a running query is listed with who asks and how far it is, and ends when cancelled") {
  EngineFixture f;
  f.clock.set(5'000);
  f.load("m", kMinute, {1, 2, 3});
  query::Engine engine(f.options, f.clock, nullptr);
  std::vector<query::RunningQuery> seen;
  ObservedStore store(f.store, [&] {
    seen = engine.running().list();
    REQUIRE(seen.size() == 1);
    CHECK_FALSE(engine.running().cancel(seen[0].id + 1));
    CHECK(engine.running().cancel(seen[0].id));
    CHECK(engine.running().list()[0].is_cancelled);
  });
  auto request = f.request("sum(m)", 0, kMinute, kMinute);
  request.origin.kind = query::QueryOrigin::Kind::rule;
  request.origin.group = "g";
  const auto result = engine.run(store, request, {});
  REQUIRE(!result);
  CHECK(result.error().code == Code::cancelled);
  CHECK(result.error().text == "query was canceled in expression evaluation");
  CHECK(seen[0].query == "sum(m)");
  CHECK(seen[0].since == 5'000);
  CHECK(seen[0].step == kMinute);
  CHECK(seen[0].is_running);
  CHECK(seen[0].origin.group == "g");
  CHECK(engine.running().list().empty());
}

TEST_CASE("slots go to those who wait in the order in which they came") {
  query::QueryQueue queue(1);
  const sync::StopSource stop;
  const query::QueryDeadline deadline(system_clock(), system_clock().steady() + std::chrono::minutes(5), {},
                                      stop.token());
  const auto first = queue.take(deadline);
  REQUIRE(first.has_value());
  std::vector<int> order;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const auto slot = queue.take(deadline);
      order.push_back(i);  // one at a time: the slot is held
      queue.give_back(*slot);
    });
    while (queue.count_waiting() < static_cast<std::size_t>(i) + 1) std::this_thread::yield();
  }
  queue.give_back(*first);
  for (auto& t : threads) t.join();
  CHECK(order == std::vector<int>{0, 1, 2, 3});
}

TEST_CASE("a cancelled query leaves the queue without a slot") {
  query::QueryQueue queue(1);
  const sync::StopSource stop;
  const query::QueryDeadline deadline(system_clock(), system_clock().steady() + std::chrono::minutes(5), {},
                                      stop.token());
  REQUIRE(queue.take(deadline).has_value());
  stop.stop(sync::StopReason::request);
  const auto late = queue.take(deadline);
  REQUIRE(!late);
  CHECK(late.error().text == "query was canceled in query queue");
  CHECK(queue.count_waiting() == 0);
}

TEST_CASE("a profile tells each operator's series and samples; a plan the operators alone") {
  EngineFixture f;
  for (int i = 0; i < 3; ++i) f.load(fmt::format("m{{i=\"{}\",j=\"{}\"}}", i, i % 2), kMinute, {1, 2, 3});
  auto request = f.request("sum by (j) (rate(m[2m])) * 2", kMinute, 2 * kMinute, kMinute);
  request.profile = query::ProfileLevel::measured;
  auto result = f.ask(request);
  REQUIRE(result);
  REQUIRE(result->profile);
  CHECK(without_costs(profile_json(*result->profile, request.query)) ==
        R"J({"operator":"binary","detail":"*","expr":"sum by (j) (rate(m[2m])) * 2","position":"1:1",)J"
        R"J("stepInvariant":false,"series":2,"samples":4,COSTS,"children":[)J"
        R"J({"operator":"aggregation","detail":"sum by (j)","expr":"sum by (j) (rate(m[2m]))",)J"
        R"J("position":"1:1","stepInvariant":false,"series":2,"samples":4,COSTS,"children":[)J"
        R"J({"operator":"function","detail":"rate","expr":"rate(m[2m])","position":"1:13",)J"
        R"J("stepInvariant":false,"series":3,"samples":6,COSTS,"children":[)J"
        R"J({"operator":"range_selector","expr":"m[2m]","position":"1:18","stepInvariant":false,)J"
        R"J("series":3,"samples":9,COSTS,"children":[]}]}]},)J"
        R"J({"operator":"number","detail":"2","expr":"2","position":"1:28","stepInvariant":false,)J"
        R"J("series":0,"samples":2,COSTS,"children":[]}]})J");
  CHECK(result->profile->root()->bytes > 0);
  const auto plain = f.ask(f.request("sum by (j) (rate(m[2m])) * 2", kMinute, 2 * kMinute, kMinute));
  CHECK(f.text(plain) == f.text(result));
  CHECK_FALSE(plain->profile);

  request.query = "sum by (j) (rate(m[2m])) * 2 > bool (m @ 60 == 3)";
  request.profile = query::ProfileLevel::plan;
  result = f.ask(request);
  REQUIRE(result);
  CHECK(result->series.empty());
  CHECK(result->stats.samples_read == 0);
  const std::string plan = profile_json(*result->profile, request.query);
  CHECK(plan.find(R"("operator":"binary","detail":"\u003e bool","expr")") != std::string::npos);
  CHECK(plan.find(R"("seconds")") == std::string::npos);
  CHECK(plan.find(R"("expr":"m @ 60 == 3","position":"1:38","stepInvariant":true)") != std::string::npos);
}

TEST_CASE("series are named by ids where that takes less than their labels") {
  EngineFixture f;
  const std::string shared(200, 'x');
  for (int i = 0; i < 500; ++i)
    f.load(fmt::format(R"(m{{i="{}",long="{}"}})", i, shared), kMinute, {static_cast<double>(i)});
  struct Row {
    const char* query;
    bool by_ids;
  };
  for (const Row& row : {Row{"m", true}, Row{"m * 2", true}, Row{"sum(m)", false}, Row{"nothing", false}}) {
    CAPTURE(row.query);
    auto request = f.request(row.query);
    const auto plain = f.ask(request);
    request.may_keep_ids = true;
    const auto kept = f.ask(request);
    REQUIRE(plain.has_value());
    REQUIRE(kept.has_value());
    CHECK(plain->pool == nullptr);
    CHECK((kept->pool != nullptr) == row.by_ids);
    REQUIRE(kept->series.size() == plain->series.size());
    for (std::size_t i = 0; i < plain->series.size(); ++i) {
      CHECK(kept->labels_of(i) == plain->series[i].labels);
      CHECK(kept->labels_of(i) == plain->labels_of(i));
      CHECK(kept->series[i].v == plain->series[i].v);
    }
  }
}

}  // namespace narthex::tests
