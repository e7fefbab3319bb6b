#include "rules/manager.h"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <thread>

#include "tests/net/fake_server.h"
#include "tests/net/run.h"
#include "tests/rules/memory_store.h"

using namespace narthex;
using namespace narthex::rules;
namespace asio = boost::asio;

namespace {

/// A manager on real threads and the machine's clock, its queries answered with one sample.
class Server {
 public:
  explicit Server(RuleOptions options = {})
      : manager(
            io.get_executor(), pool,
            [this](const RuleQuery& query, const sync::StopToken&) {
              return answer(std::string(query.expr));
            },
            query::ParserOptions{}, store, io::local_file_system(), system_clock(), std::move(options),
            nullptr) {
    std::string name = (std::filesystem::temp_directory_path() / "narthex-rules-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) FAIL("no temporary directory");
    folder = name;
    thread = std::thread([this] { io.run(); });
  }
  ~Server() {
    if (!stopped) stop();
    work.reset();
    thread.join();
    std::filesystem::remove_all(folder);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void stop() {
    stopped = true;
    auto done = asio::co_spawn(io, manager.stop(), asio::use_future);
    REQUIRE(done.wait_for(test::kBound) == std::future_status::ready);
    done.get();
  }
  void write(const std::string& name, std::string_view text) const {
    REQUIRE(io::replace_file(io::local_file_system(), folder + "/" + name, io::as_bytes(text)));
  }
  Result<void> apply(const std::string& alerting = "") {
    auto config = config::parse_config(
        "global: {external_labels: {dc: eu}}\nrule_files: [\"*.rules\"]\n" + alerting, folder + "/p.yml", {});
    if (!config) FAIL(config.error().text);
    return manager.apply(std::make_shared<const config::Config>(*std::move(config)));
  }
  static void wait_until(const std::function<bool()>& holds) {
    const auto until = std::chrono::steady_clock::now() + test::kBound;
    while (!holds()) {
      REQUIRE(std::chrono::steady_clock::now() < until);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
  [[nodiscard]] bool has(std::string_view text) const { return store.dump().find(text) != std::string::npos; }

  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
  sync::ThreadPool pool{2};
  test::MemoryStore store;
  std::string folder;
  RuleManager manager;
  std::thread thread;
  bool stopped = false;

 private:
  static Result<query::QueryResult> answer(const std::string& expr) {
    if (expr == "broken") return fail(Code::execution, "expanding series: broken");
    query::QueryResult out;
    out.type = query::ValueType::vector;
    out.series.push_back({{{"job", "a"}}, {0}, {1}, {}});
    return out;
  }
};

std::string group(const std::string& name, const std::string& rules) {
  return "groups:\n- name: " + name + "\n  interval: 10ms\n  rules:\n" + rules;
}

}  // namespace

TEST_CASE("groups of all rule files run on their schedule, and tell of it") {
  Server server;
  server.write("b.rules", group("g", "  - {record: one, expr: up}\n  - {record: two, expr: broken}\n"));
  server.write("a.rules", group("g", "  - {alert: Down, expr: 'up==0', labels: {severity: page}}\n"));
  REQUIRE(server.apply());
  Server::wait_until([&] {
    const auto all = server.store.all();
    const auto found = all.find({{"__name__", "one"}, {"job", "a"}});
    return found != all.end() && found->second.size() >= 3 && server.has("ALERTS{alertname=\"Down\"");
  });
  const auto groups = server.manager.groups();
  REQUIRE(groups.size() == 2);
  CHECK(groups[0].file == server.folder + "/a.rules");
  CHECK(groups[0].interval == 10);
  CHECK(groups[0].rules[0].query == "up == 0");
  CHECK(groups[0].rules[0].state == AlertState::firing);
  CHECK(groups[1].rules[0].health == RuleHealth::ok);
  CHECK(groups[1].rules[1].last_error == "expanding series: broken");
  server.stop();
  // Shutdown leaves no staleness markers.
  CHECK(!server.has("stale"));
}

TEST_CASE("a reload with a fault changes nothing and names the place") {
  Server server;
  server.write("a.rules", group("g", "  - {record: one, expr: up}\n"));
  REQUIRE(server.apply());
  const struct {
    std::string rules;
    std::string want;
  } rows[] = {
      {"  - record: x\n    expr: sum(\n",
       "a.rules:6:11: group \"g\", rule 1, \"x\": could not parse expression: 1:5: parse error: "},
      {"  - alert: X\n    expr: up\n    annotations: {s: '{{ nonsense }}'}\n",
       "a.rules:5:5: group \"g\", rule 1, \"X\": annotation \"s\": 1:4: function \"nonsense\" not defined"},
      {"  - {record: x}\n", "a.rules:5:5: groups[0].rules[0].expr: field 'expr' must be set in rule"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.rules);
    server.write("a.rules", group("g", row.rules));
    const auto applied = server.apply();
    REQUIRE(!applied);
    CHECK(applied.error().text.starts_with(server.folder + "/" + row.want));
    CHECK(applied.error().at.has_value());
    REQUIRE(server.manager.groups().size() == 1);
    CHECK(server.manager.groups()[0].rules[0].name == "one");
  }
  CHECK(!check_rule_file(io::local_file_system(), server.folder + "/a.rules", false, {}));
  server.write("a.rules", group("g", "  - {record: one, expr: up}\n"));
  CHECK(check_rule_file(io::local_file_system(), server.folder + "/a.rules", false, {}) == 1);
}

TEST_CASE("a reload keeps alerts, changes rules, and marks what is gone as stale") {
  Server server;
  server.write("a.rules", group("g", "  - {record: one, expr: up}\n  - {alert: Down, expr: up}\n"));
  server.write("b.rules", group("h", "  - {record: two, expr: up}\n"));
  REQUIRE(server.apply());
  Server::wait_until([&] { return server.has("ALERTS{") && server.has("one{") && server.has("two{"); });
  const Timestamp active_at = server.manager.groups()[0].rules[1].alerts.at(0).active_at;
  server.write("a.rules", group("g", "  - {record: three, expr: up}\n  - {alert: Down, expr: up}\n"));
  std::filesystem::remove(server.folder + "/b.rules");
  REQUIRE(server.apply());
  CHECK(server.manager.groups().size() == 1);
  const auto is_stale = [&](std::string_view name) {
    const auto all = server.store.all();
    const auto found = all.find({{"__name__", name}, {"job", "a"}});
    return found != all.end() && is_stale_nan(found->second.back().second);
  };
  Server::wait_until([&] { return is_stale("one") && is_stale("two") && server.has("three{"); });
  CHECK(server.manager.groups()[0].rules[1].alerts.at(0).active_at == active_at);
  CHECK(!is_stale("three"));
}

TEST_CASE("alerts reach Alertmanager with external labels, relabeled") {
  Server server({.external_url = "http://narthex:9090"});
  asio::io_context am_io;
  test::FakeServer am(am_io.get_executor(),
                      [](const std::string&) { return test::FakeAnswer(test::http_ok("")); });
  const std::string address = am.url("").substr(std::string_view("http://").size());
  server.write("a.rules",
               group("g", "  - {alert: Down, expr: up, annotations: {s: 'job {{ $labels.job }}'}}\n"));
  REQUIRE(
      server.apply("alerting:\n"
                   "  alert_relabel_configs: [{target_label: via, replacement: relabel}]\n"
                   "  alertmanagers:\n"
                   "  - path_prefix: /am/\n"
                   "    static_configs: [{targets: ['" +
                   address +
                   "']}]\n"
                   "  - relabel_configs: [{action: drop, source_labels: [__address__], regex: gone.*}]\n"
                   "    static_configs: [{targets: ['gone:9093']}]\n"));
  Server::wait_until([&] { return server.manager.alertmanagers().active_urls.size() == 1; });
  CHECK(server.manager.alertmanagers().active_urls[0] == am.url("/am/api/v2/alerts"));
  CHECK(server.manager.alertmanagers().dropped_urls ==
        std::vector<std::string>{"http://gone:9093/api/v2/alerts"});
  // The alert may have fired before the Alertmanager was known: a new one is sent at once.
  server.write("a.rules",
               group("g", "  - {alert: Late, expr: up, annotations: {s: 'job {{ $labels.job }}'}}\n"));
  REQUIRE(
      server.apply("alerting:\n"
                   "  alert_relabel_configs: [{target_label: via, replacement: relabel}]\n"
                   "  alertmanagers:\n"
                   "  - path_prefix: /am/\n"
                   "    static_configs: [{targets: ['" +
                   address + "']}]\n"));
  const auto until = std::chrono::steady_clock::now() + test::kBound;
  const auto arrived = [&] {
    for (const std::string& request : am.requests())
      if (request.find("\"alertname\":\"Late\"") != std::string::npos) return true;
    return false;
  };
  while (!arrived() && std::chrono::steady_clock::now() < until) am_io.run_for(std::chrono::milliseconds(5));
  REQUIRE(arrived());
  const std::string& request = am.requests().back();
  CAPTURE(request);
  CHECK(request.starts_with("POST /am/api/v2/alerts HTTP/1.1\r\n"));
  CHECK(request.find("Content-Type: application/json") != std::string::npos);
  CHECK(request.find("User-Agent: Prometheus/3.14.0") != std::string::npos);
  CHECK(request.find("[{\"annotations\":{\"s\":\"job a\"},\"endsAt\":\"") != std::string::npos);
  CHECK(request.find("\"generatorURL\":\"http://narthex:9090/graph?g0.expr=up&g0.tab=1\"") !=
        std::string::npos);
  CHECK(
      request.find("\"labels\":{\"alertname\":\"Late\",\"dc\":\"eu\",\"job\":\"a\",\"via\":\"relabel\"}}]") !=
      std::string::npos);
  am.stop();
}
