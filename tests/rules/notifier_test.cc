#include "rules/notifier.h"

#include <doctest/doctest.h>
#include <prometheus/registry.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "telemetry/metrics_text.h"
#include "tests/net/fake_server.h"
#include "tests/net/run.h"

using namespace narthex;
using namespace narthex::rules;
namespace asio = boost::asio;

namespace {

constexpr std::string_view kAlertName = "\"alertname\":";

Notification alert(const std::string& name) {
  return {{{"alertname", name}, {"replica", "r1"}}, {}, 1'000, 2'500, "http://p/graph"};
}

/// Counts the alerts in a request.
std::size_t count_alerts(const std::string& request) {
  std::size_t count = 0;
  for (std::size_t at = request.find(kAlertName); at != std::string::npos;
       at = request.find(kAlertName, at + 1))
    ++count;
  return count;
}

/// A notifier and a fake Alertmanager, both on one context that the test turns.
struct World {
  explicit World(SendLoopOptions options, int status = 200)
      : am(io.get_executor(),
           [status](const std::string&) {
             if (status == 200) return test::FakeAnswer(test::http_ok(""));
             return test::FakeAnswer("HTTP/1.1 " + std::to_string(status) +
                                     " No\r\nContent-Length: 0\r\n\r\n");
           }),
        notifier(io.get_executor(), pool, io::local_file_system(), system_clock(), options, &registry) {}

  void apply(const std::string& more = "") {
    const std::string address = am.url("").substr(std::string_view("http://").size());
    auto config = config::parse_config(
        "alerting: {alertmanagers: [{static_configs: [{targets: ['" + address + "']}]" + more + "}]}",
        "p.yml", {});
    if (!config) FAIL(config.error().text);
    auto prepared = notifier.prepare(*config);
    REQUIRE(prepared);
    notifier.apply(*std::move(prepared));
    turn_until([&] { return notifier.status().active_urls.size() == 1; });
  }
  void turn_until(const std::function<bool()>& holds) {
    const auto until = std::chrono::steady_clock::now() + test::kBound;
    io.restart();
    while (!holds()) {
      REQUIRE(std::chrono::steady_clock::now() < until);
      io.run_for(std::chrono::milliseconds(2));
    }
  }
  void stop() {
    test::run(io, notifier.stop());
    am.stop();
  }
  [[nodiscard]] std::size_t received() const {
    std::size_t count = 0;
    for (const std::string& request : am.requests()) count += count_alerts(request);
    return count;
  }
  [[nodiscard]] std::string metric(const std::string& name) const {
    const std::string text = telemetry::metrics_text(registry);
    const std::string line = name + "{alertmanager=\"" + am.url("/api/v2/alerts") + "\"} ";
    const std::size_t at = text.find(line);
    if (at == std::string::npos) return "none";
    return text.substr(at + line.size(), text.find('\n', at) - at - line.size());
  }

  asio::io_context io;
  sync::ThreadPool pool{1};
  prometheus::Registry registry;
  test::FakeServer am;
  Notifier notifier;
};

}  // namespace

TEST_CASE("alerts travel in batches, in order") {
  World w({.queue_capacity = 100, .batch_size = 2, .user_agent = "t"});
  w.apply();
  std::vector<Notification> alerts;
  for (int i = 0; i < 5; ++i) alerts.push_back(alert(std::string("a").append(std::to_string(i))));
  w.notifier.send(alerts);
  w.turn_until([&] { return w.received() == 5; });
  REQUIRE(w.am.requests().size() == 3);
  CAPTURE(w.am.requests()[0]);
  CHECK(w.am.requests()[0].ends_with(
      R"([{"annotations":{},"endsAt":"1970-01-01T00:00:02.500Z","startsAt":"1970-01-01T00:00:01.000Z",)"
      R"("generatorURL":"http://p/graph","labels":{"alertname":"a0","replica":"r1"}},)"
      R"({"annotations":{},"endsAt":"1970-01-01T00:00:02.500Z","startsAt":"1970-01-01T00:00:01.000Z",)"
      R"("generatorURL":"http://p/graph","labels":{"alertname":"a1","replica":"r1"}}])"));
  w.turn_until([&] { return w.metric("prometheus_notifications_sent_total") == "5"; });
  CHECK(w.metric("prometheus_notifications_queue_length") == "0");
  CHECK(telemetry::metrics_text(w.registry).find("prometheus_notifications_alertmanagers_discovered 1\n") !=
        std::string::npos);
  w.stop();
}

TEST_CASE("a full queue drops the oldest") {
  World w({.queue_capacity = 3, .batch_size = 10, .user_agent = "t"});
  w.apply();
  w.notifier.send({alert("a"), alert("b"), alert("c"), alert("d"), alert("e")});
  CHECK(w.metric("prometheus_notifications_dropped_total") == "2");
  w.turn_until([&] { return w.received() == 3; });
  CHECK(w.am.requests()[0].find("\"alertname\":\"a\"") == std::string::npos);
  CHECK(w.am.requests()[0].find("\"alertname\":\"e\"") != std::string::npos);
  w.stop();
}

TEST_CASE("a bad answer counts as error and drop") {
  World w({.user_agent = "t"}, 500);
  w.apply();
  w.notifier.send({alert("a")});
  w.turn_until([&] { return w.metric("prometheus_notifications_errors_total") == "1"; });
  CHECK(w.metric("prometheus_notifications_dropped_total") == "1");
  CHECK(w.metric("prometheus_notifications_sent_total") == "0");
  w.stop();
}

TEST_CASE("what is queued is sent on the way out, unless told otherwise") {
  for (const bool drain : {true, false}) {
    CAPTURE(drain);
    World w({.batch_size = 1, .drain = drain, .user_agent = "t"});
    w.apply();
    // Nothing turns the context between send() and stop(): the queue is full when it comes.
    w.notifier.send({alert("a"), alert("b"), alert("c")});
    w.stop();
    // Without draining, the batch under way when it is told still arrives.
    CHECK((drain ? w.received() == 3 : w.received() <= 1));
    w.notifier.send({alert("late")});
    CHECK(w.notifier.status().active_urls.empty());
  }
}

TEST_CASE("each Alertmanager section relabels for itself") {
  World w({.user_agent = "t"});
  w.apply(
      ", alert_relabel_configs: [{action: drop, source_labels: [alertname], regex: quiet}, "
      "{action: labeldrop, regex: replica}]");
  w.notifier.send({alert("quiet"), alert("loud")});
  w.turn_until([&] { return w.received() == 1; });
  CHECK(w.am.requests()[0].find("\"labels\":{\"alertname\":\"loud\"}") != std::string::npos);
  w.stop();
}

TEST_CASE("a section whose client cannot be made is refused before anything changes") {
  World w({.user_agent = "t"});
  const auto config = config::parse_config(
      "alerting: {alertmanagers: [{tls_config: {ca_file: /nonexistent/ca.pem}}]}", "p.yml", {});
  REQUIRE(config);
  const auto prepared = w.notifier.prepare(*config);
  REQUIRE(!prepared);
  CHECK(prepared.error().text.find("/nonexistent/ca.pem") != std::string::npos);
  w.stop();
}
