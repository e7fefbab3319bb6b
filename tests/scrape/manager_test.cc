#include "scrape/manager.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <thread>

#include "net/http.h"
#include "net/wake.h"
#include "telemetry/metrics_text.h"
#include "telemetry/registry.h"
#include "tests/net/fake_server.h"
#include "tests/net/run.h"
#include "tests/scrape/recording_store.h"

using namespace narthex;
using namespace narthex::scrape;
namespace asio = boost::asio;
using test::FakeAnswer;
using test::FakeServer;
using test::http_ok;

namespace {

constexpr DurationMs kInterval = 50;

struct Fixture {
  asio::io_context io;
  sync::ThreadPool pool{2};
  test::RecordingStore store;
  storage::Appendable* const first_store;
  net::Wake committed{io.get_executor()};
  telemetry::Registry registry;
  std::string page = "a 1\n";
  bool gzip = false;
  int status = 200;
  ScrapeOptions scrape_options;
  FakeServer server{io.get_executor(), [this](const std::string&) { return answer(); }};
  ScrapeManager manager{{io.get_executor(), {io.get_executor()}, pool},
                        first_store,
                        io::local_file_system(),
                        system_clock(),
                        scrape_options,
                        &registry};

  Fixture() : Fixture(true, options()) {}
  Fixture(bool is_open, ScrapeOptions how)
      : first_store(is_open ? &store : nullptr), scrape_options(std::move(how)) {
    store.on_commit([this] { committed.wake(); });
  }

  static ScrapeOptions options() {
    ScrapeOptions options;
    options.external_url = "http://me.example:9090/";
    options.version = "9.9.9";
    options.discovery_reload_interval = 1;
    return options;
  }
  FakeAnswer answer() const {
    if (status != 200)
      return FakeAnswer{"HTTP/1.1 " + std::to_string(status) + " No Luck\r\nContent-Length: 0\r\n\r\n"};
    std::string headers = "Content-Type: text/plain; version=0.0.4\r\n";
    if (gzip) headers += "Content-Encoding: gzip\r\n";
    return FakeAnswer{http_ok(gzip ? net::gzip(page) : page, headers)};
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(server.port()); }
  config::ScrapeConfig job(const std::string& name = "j") const {
    config::ScrapeConfig job;
    job.job_name = name;
    job.interval = job.timeout = kInterval;
    job.protocols = {"PrometheusText0.0.4"};
    job.discovery.static_groups = {{{address()}, {}, "0"}};
    return job;
  }
  void apply(std::vector<config::ScrapeConfig> jobs) {
    auto config = std::make_shared<config::Config>();
    config->scrape_configs = std::move(jobs);
    CHECK(manager.apply(config));
  }
  std::string series(const std::string& name) const {
    return name + "{instance=\"" + address() + "\", job=\"j\"}";
  }
  std::size_t count(const std::string& name) const { return store.samples(series(name)).size(); }
  /// Waits until `done` holds; looks after each commit.
  template <class Done>
  net::Awaitable<void> until(Done done) {
    const auto end = std::chrono::steady_clock::now() + test::kBound;
    while (!done()) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      co_await committed.sleep_until(std::chrono::steady_clock::now() + std::chrono::milliseconds(10));
    }
  }
  void run(net::Awaitable<void> scenario) { test::run(io, stop_after(*this, std::move(scenario))); }
  static net::Awaitable<void> stop_after(Fixture& self, net::Awaitable<void> scenario) {
    std::exception_ptr thrown;
    try {
      co_await std::move(scenario);
    } catch (...) {
      thrown = std::current_exception();
    }
    co_await self.manager.stop();
    self.server.stop();
    if (thrown) std::rethrow_exception(thrown);
  }
};

net::Awaitable<void> scrape_a_few(Fixture& f) {
  f.apply({f.job()});
  auto enough = [&f] { return f.count("a") >= 3; };
  co_await f.until(enough);
  auto reported = [&f] { return f.manager.active()[0].health != Health::unknown; };
  co_await f.until(reported);
  const auto rows = f.manager.active();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].health == Health::up);
  CHECK(rows[0].last_error.empty());
  CHECK(rows[0].last_scrape > 0);
  CHECK(rows[0].url == "http://" + f.address() + "/metrics");
  CHECK(rows[0].global_url == "http://me.example:" + std::to_string(f.server.port()) + "/metrics");
  CHECK(rows[0].labels.to_string() == "{instance=\"" + f.address() + "\", job=\"j\"}");
  CHECK(f.manager.pools() == std::vector<std::string>{"j"});
}

net::Awaitable<void> refuse_some_series(Fixture& f) {
  f.page = "a 1\nb 2\n";
  f.store.refuse_series("b{");
  f.apply({f.job()});
  auto enough = [&f] { return f.count("a") >= 3 && !f.manager.active()[0].last_error.empty(); };
  co_await f.until(enough);
  const auto row = f.manager.active()[0];
  CHECK(row.health == Health::up);
  CHECK(row.last_error.starts_with("1 new series refused: a ceiling on series or memory is reached"));
  CHECK(f.count("b") == 0);
  CHECK(f.store.samples(f.series("up")).back().v == 1);
  CHECK(f.manager.cache_bytes() > 0);
  CHECK(telemetry::metrics_text(f.registry).contains("narthex_memory_bytes{part=\"scrape_caches\"}"));
}

net::Awaitable<void> fail_to_store(Fixture& f) {
  f.apply({f.job()});
  auto started = [&f] { return f.count("a") >= 1; };
  co_await f.until(started);
  f.store.fail_next_commit();
  auto noticed = [&f] { return !f.manager.active()[0].last_error.empty(); };
  co_await f.until(noticed);
  CHECK(f.manager.active()[0].health == Health::up);
  CHECK(f.manager.active()[0].last_error.starts_with("nothing of the scrape is stored: "));
  auto healed = [&f] { return f.manager.active()[0].last_error.empty(); };
  co_await f.until(healed);
}

net::Awaitable<void> fail_and_recover(Fixture& f) {
  f.apply({f.job()});
  auto started = [&f] { return f.count("a") >= 1; };
  co_await f.until(started);
  f.status = 404;
  auto down = [&f] { return f.manager.active()[0].health == Health::down; };
  co_await f.until(down);
  const auto rows = f.manager.active();
  CHECK(rows[0].health == Health::down);
  CHECK(rows[0].last_error == "server returned HTTP status 404 No Luck");
  CHECK(f.store.values(f.series("a")).ends_with("stale"));
  f.status = 200;
  f.gzip = true;
  f.page = "# TYPE a gauge\na 7\n";
  auto back = [&f] { return f.store.values(f.series("a")).ends_with("7"); };
  co_await f.until(back);
  const auto metadata = f.manager.metadata("a");
  REQUIRE(metadata.size() == 1);
  CHECK(metadata[0].metadata.type == "gauge");
}

net::Awaitable<void> lose_the_target(Fixture& f) {
  f.apply({f.job()});
  auto started = [&f] { return f.count("a") >= 2; };
  co_await f.until(started);
  auto job = f.job();
  job.discovery.static_groups.clear();
  f.apply({job});
  auto marked = [&f] { return f.store.values(f.series("up")).ends_with("stale"); };
  co_await f.until(marked);
  CHECK(f.store.values(f.series("a")).ends_with("stale"));
  CHECK(f.manager.active().empty());
  // Two intervals and a tenth lie between the last scrape and the commit of the markers; their
  // own time is that of the scrape that did not come.
  const auto samples = f.store.samples(f.series("a"));
  CHECK(samples.back().t > samples[samples.size() - 2].t);
}

net::Awaitable<void> stop_without_markers(Fixture& f) {
  f.apply({f.job()});
  auto started = [&f] { return f.count("a") >= 2; };
  co_await f.until(started);
}

net::Awaitable<void> reload_what_changed(Fixture& f) {
  f.apply({f.job("j"), f.job("k")});
  auto started = [&f] { return f.count("a") >= 1; };
  co_await f.until(started);
  const std::size_t lookups = f.store.lookups();

  auto changed = f.job("k");
  changed.params = {{"x", {"y"}}};
  f.apply({f.job("j"), changed});
  const std::size_t before = f.count("a");
  auto more = [&f, before] { return f.count("a") >= before + 3; };
  co_await f.until(more);
  CHECK(!f.store.values(f.series("a")).ends_with("stale"));
  bool asked = false;
  for (const auto& request : f.server.requests()) asked |= request.starts_with("GET /metrics?x=y ");
  CHECK(asked);
  // The target of k is another one now; that of j goes on with what it knows.
  CHECK(f.store.lookups() <= lookups + 2 * 6);

  // A change that touches labels begins anew, without a gap.
  auto relabeled = f.job("j");
  relabeled.honor_labels = true;
  f.apply({relabeled});
  const std::size_t then = f.count("a");
  auto again = [&f, then] { return f.count("a") >= then + 3; };
  co_await f.until(again);
  CHECK(f.manager.pools() == std::vector<std::string>{"j"});
}

net::Awaitable<void> limit_targets(Fixture& f) {
  auto job = f.job();
  job.limits.targets = 1;
  job.limits.keep_dropped_targets = 1;
  job.discovery.static_groups = {{{f.address(), "127.0.0.1:1", "drop:1", "drop:2"}, {}, "0"}};
  job.relabel = {
      RelabelRule{{"__address__"}, ";", *Regex::compile("drop.*"), "", "$1", 0, RelabelAction::drop, false}};
  f.apply({job});
  auto forced = [&f] {
    const auto rows = f.manager.active();
    return rows.size() == 2 && rows[0].health == Health::down && rows[1].health == Health::down;
  };
  co_await f.until(forced);
  for (const auto& row : f.manager.active())
    CHECK(row.last_error == "target_limit exceeded (number of targets: 2, limit: 1)");
  CHECK(f.server.requests().empty());
  CHECK(f.manager.dropped().size() == 1);
  CHECK(f.manager.dropped_counts()["j"] == 2);
}

net::Awaitable<void> limit_body(Fixture& f) {
  auto job = f.job();
  job.extra_scrape_metrics = true;
  job.limits.body_size = 10;
  f.page = "a 1\nb 222\n";  // exactly 10
  f.apply({job});
  auto first = [&f] { return f.count("up") >= 2; };
  co_await f.until(first);
  CHECK(f.manager.active()[0].last_error == "body size limit exceeded");
  CHECK(f.store.values(f.series("scrape_body_size_bytes")).starts_with("-1"));
  f.gzip = true;
  f.page = std::string(100'000, '\n');
  const std::size_t before = f.count("up");
  auto more = [&f, before] { return f.count("up") >= before + 2; };
  co_await f.until(more);
  CHECK(f.manager.active()[0].last_error == "body size limit exceeded");
  f.page = "a 1\n";
  auto good = [&f] { return f.count("a") >= 1; };
  co_await f.until(good);
}

net::Awaitable<void> bad_certificates(Fixture& f) {
  auto bad = f.job("bad");
  bad.http.tls.ca_file = "/nowhere/ca.pem";
  auto config = std::make_shared<config::Config>();
  config->scrape_configs = {bad, f.job()};
  const auto applied = f.manager.apply(config);
  REQUIRE(!applied);
  CHECK(applied.error().text.find("/nowhere/ca.pem") != std::string::npos);
  auto good = [&f] { return f.count("a") >= 1; };
  co_await f.until(good);
}

/// A start that takes its time: the store opens when the test says so.
struct ClosedFixture : Fixture {
  ClosedFixture() : Fixture(false, options()) {}
  net::Awaitable<void> until_asked(std::size_t times) {
    auto enough = [this, times] { return server.requests().size() >= times; };
    co_await until(enough);
  }
  /// Samples of `a` before the store was open.
  std::size_t count_held(Timestamp opened) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        store.samples(series("a")), [opened](const test::StoredSample& s) { return s.t < opened; }));
  }
};

net::Awaitable<void> hold_until_open(ClosedFixture& f) {
  f.apply({f.job()});
  co_await f.until_asked(4);
  CHECK(f.store.commits() == 0);
  CHECK(f.manager.active()[0].health == Health::unknown);
  const Timestamp opened = system_clock().now();
  f.manager.use_store(f.store);
  auto more = [&f, opened] { return f.count("a") >= f.count_held(opened) + 2; };
  co_await f.until(more);
  CHECK(f.count_held(opened) >= 3);
  CHECK(f.count("up") == f.count("a"));
  CHECK(f.manager.active()[0].health == Health::up);
  const std::string metrics = telemetry::metrics_text(f.registry);
  CHECK(metrics.contains("narthex_memory_bytes{part=\"held_scrapes\"} 0"));
  CHECK(metrics.contains("narthex_scrapes_held_dropped_total 0"));
}

net::Awaitable<void> lose_a_held_target(ClosedFixture& f) {
  f.apply({f.job()});
  co_await f.until_asked(2);
  auto job = f.job();
  job.discovery.static_groups.clear();
  f.apply({job});
  auto gone = [&f] { return f.manager.active().empty(); };
  co_await f.until(gone);
  f.manager.use_store(f.store);
  auto marked = [&f] { return f.store.values(f.series("up")).ends_with("stale"); };
  co_await f.until(marked);
  CHECK(f.store.values(f.series("a")).starts_with("1 "));
  CHECK(f.store.values(f.series("a")).ends_with(" stale"));
}

net::Awaitable<void> stop_while_closed(ClosedFixture& f) {
  f.apply({f.job()});
  co_await f.until_asked(2);
}

}  // namespace

TEST_CASE_FIXTURE(ClosedFixture, "before the store is open targets are scraped, and their pages held") {
  run(hold_until_open(*this));
}

TEST_CASE_FIXTURE(ClosedFixture, "what was held of a target that is gone by then is stored, and ends stale") {
  run(lose_a_held_target(*this));
}

TEST_CASE_FIXTURE(ClosedFixture, "a manager whose store never opens can be stopped") {
  run(stop_while_closed(*this));
  CHECK(store.commits() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a target is scraped on its schedule, with the headers Prometheus sends") {
  run(scrape_a_few(*this));
  REQUIRE(!server.requests().empty());
  const std::string& request = server.requests()[0];
  for (const char* line :
       {"GET /metrics HTTP/1.1\r\n", "\r\nUser-Agent: Prometheus/9.9.9\r\n",
        "\r\nAccept: text/plain;version=0.0.4;q=0.6,*/*;q=0.5\r\n", "\r\nAccept-Encoding: gzip\r\n",
        "\r\nX-Prometheus-Scrape-Timeout-Seconds: 0.05\r\n"}) {
    CAPTURE(line);
    CHECK(request.find(line) != std::string::npos);
  }
  CHECK(server.connections() == 1);
  const std::string metrics = telemetry::metrics_text(registry);
  CHECK(metrics.find("prometheus_target_scrape_pool_targets{scrape_job=\"j\"} 1") != std::string::npos);
  CHECK(metrics.find("prometheus_target_interval_length_seconds_count{interval=\"50ms\"}") !=
        std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "series that the store refuses leave their target up, and are told as its error") {
  run(refuse_some_series(*this));
}
TEST_CASE_FIXTURE(Fixture, "a scrape that the store refuses leaves its target up, and says why") {
  run(fail_to_store(*this));
}
TEST_CASE_FIXTURE(Fixture, "a target that fails is down, and comes back") {
  run(fail_and_recover(*this));
}

TEST_CASE_FIXTURE(Fixture, "the series of a target that is gone become stale") {
  run(lose_the_target(*this));
}

TEST_CASE_FIXTURE(Fixture, "shutdown leaves no markers") {
  run(stop_without_markers(*this));
  CHECK(!store.values(series("a")).ends_with("stale"));
  CHECK(!store.values(series("up")).ends_with("stale"));
}

TEST_CASE_FIXTURE(Fixture, "a reload leaves alone what did not change") {
  run(reload_what_changed(*this));
}

TEST_CASE_FIXTURE(Fixture, "over the target limit no target is scraped") {
  run(limit_targets(*this));
}

TEST_CASE_FIXTURE(Fixture, "bodies as long as the limit are refused, inflated ones too") {
  run(limit_body(*this));
}

TEST_CASE_FIXTURE(Fixture, "a job that cannot start is an error, and the others scrape") {
  run(bad_certificates(*this));
}
