#include "apps/narthex/server_process.h"

#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_future.hpp>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <thread>

#include "apps/narthex/features.h"
#include "apps/narthex/runtime_facts.h"
#include "io/file_system.h"
#include "query/engine/engine.h"
#include "rules/manager.h"
#include "scrape/manager.h"
#include "sync/mutex.h"
#include "sync/thread_pool.h"
#include "telemetry/log.h"
#include "telemetry/metrics_text.h"
#include "telemetry/process_metrics.h"
#include "tsdb/db.h"
#include "web/api/api.h"
#include "web/api/build_info.h"
#include "web/server/server.h"
#include "web/site.h"

namespace narthex::apps {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kIoThreads = 2;
/// Requests beside queries: metadata, targets, pages.
constexpr std::size_t kSpareRequestThreads = 4;
constexpr std::size_t kRuleThreads = 4;

enum class Event : std::uint8_t { quit, reload };

/// What the main thread waits for.
class EventQueue {
 public:
  void push(Event event) {
    {
      sync::MutexLock lock(mutex_);
      events_.push_back(event);
    }
    wake_.notify_one();
  }
  Event pop() {
    std::unique_lock lock(mutex_.native());
    wake_.wait(lock, [this] { return has_event(); });
    return take();
  }

 private:
  // Under mutex_, which the analysis cannot see through the condition variable's own lock.
  bool has_event() const NARTHEX_TSA(no_thread_safety_analysis) { return !events_.empty(); }
  Event take() NARTHEX_TSA(no_thread_safety_analysis) {
    const Event event = events_.front();
    events_.pop_front();
    return event;
  }

  sync::Mutex mutex_;
  std::condition_variable wake_;
  std::deque<Event> events_ NARTHEX_GUARDED_BY(mutex_);
};

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

}  // namespace

struct ServerProcess::Impl {
  Impl(Flags f, std::shared_ptr<const config::Config> c)
      : flags(std::move(f)), features(read_features(flags)), config(std::move(c)) {}

  Flags flags;
  Features features;
  const Clock& clock = system_clock();
  io::FileSystem& fs = io::local_file_system();
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();

  telemetry::ProcessMetrics process_metrics{*registry};
  prometheus::Gauge& reload_success = gauge(*registry, "prometheus_config_last_reload_successful",
                                            "Whether the last configuration reload attempt was successful.");
  prometheus::Gauge& reload_time = gauge(*registry, "prometheus_config_last_reload_success_timestamp_seconds",
                                         "Timestamp of the last successful configuration reload.");

  std::atomic<web::Readiness> readiness = web::Readiness::starting;
  EventQueue events;
  Timestamp start_time = 0;
  std::string external_url;

  mutable sync::Mutex config_mutex;
  std::shared_ptr<const config::Config> config NARTHEX_GUARDED_BY(config_mutex);
  Timestamp last_reload NARTHEX_GUARDED_BY(config_mutex) = 0;
  bool reload_succeeded NARTHEX_GUARDED_BY(config_mutex) = true;
  /// Held for the whole of a reload: one at a time.
  sync::Mutex reload_mutex;

  asio::io_context io{static_cast<int>(kIoThreads)};
  std::vector<std::thread> io_threads;
  // Declared before what posts to them, so that they are joined after it has gone.
  std::unique_ptr<sync::ThreadPool> request_pool;
  std::unique_ptr<sync::ThreadPool> ingest_pool;
  std::unique_ptr<sync::ThreadPool> rule_pool;

  std::unique_ptr<tsdb::Db> db;
  std::unique_ptr<query::Engine> engine;
  std::unique_ptr<scrape::ScrapeManager> scrape;
  std::unique_ptr<rules::RuleManager> rules;
  std::unique_ptr<web::Api> api;
  std::atomic<const web::Api*> ready_api = nullptr;
  std::unique_ptr<web::Site> site;
  std::unique_ptr<web::Server> server;

  Result<void> start_listening();
  Result<void> open_database();
  void make_services();
  void make_api();
  Result<void> apply(const std::shared_ptr<const config::Config>& fresh);
  Result<void> reload();
  void note_reload(bool succeeded);
  Result<void> stop();
  void wait_for(asio::awaitable<void> work) { asio::co_spawn(io, std::move(work), asio::use_future).get(); }

  [[nodiscard]] std::shared_ptr<const config::Config> current_config() const {
    sync::MutexLock lock(config_mutex);
    return config;
  }
  [[nodiscard]] DurationMs retention() const;
  [[nodiscard]] web::RuntimeStatus runtime_status() const;
};

DurationMs ServerProcess::Impl::retention() const {
  if (const auto configured = current_config()->tsdb.retention_time) return *configured;
  return features.config.retention_time;
}

web::RuntimeStatus ServerProcess::Impl::runtime_status() const {
  web::RuntimeStatus status;
  status.start_time = start_time;
  status.working_directory = working_directory();
  status.hostname = host_name();
  status.storage_retention = format_duration(retention());
  status.threads = kIoThreads + request_pool->size() + ingest_pool->size() + rule_pool->size();
  sync::MutexLock lock(config_mutex);
  status.reload_succeeded = reload_succeeded;
  status.last_reload = last_reload;
  return status;
}

Result<void> ServerProcess::Impl::start_listening() {
  web::SiteOptions options{.route_prefix = effective_route_prefix(flags.route_prefix, external_url),
                           .page_title = flags.page_title,
                           .cors_origin = *Regex::compile(".*"),
                           .lifecycle = flags.enable_lifecycle};
  auto origin = Regex::compile(flags.cors_origin);
  if (!origin) return pass(origin, "flag --web.cors.origin");
  options.cors_origin = std::move(*origin);
  web::SiteActions actions{.readiness = [this] { return readiness.load(); },
                           .reload = [this] { return reload(); },
                           .quit = [this] { events.push(Event::quit); },
                           .metrics_text =
                               [this] {
                                 process_metrics.refresh();
                                 // The API is there once the database is.
                                 if (ready_api.load() != nullptr) db->refresh_metrics();
                                 return telemetry::metrics_text(*registry);
                               }};
  site = std::make_unique<web::Site>(
      std::move(options), std::move(actions), [this] { return ready_api.load(); }, *registry);
  web::ServerOptions server_options;
  server_options.addresses = flags.listen_addresses;
  server_options.max_connections = flags.max_connections;
  server_options.read_timeout = std::chrono::milliseconds(flags.read_timeout);
  server = std::make_unique<web::Server>(
      io.get_executor(), *request_pool, std::move(server_options),
      [this](const web::Request& request) { return site->handle(request); }, *registry);
  if (auto listening = server->listen(); !listening) return listening;
  for (const std::string& address : server->addresses())
    telemetry::info("Listening on", {{"address", address}});
  return {};
}

Result<void> ServerProcess::Impl::open_database() {
  const auto began = clock.steady();
  tsdb::DbOptions options;
  options.wal = flags.wal;
  options.min_block_range = flags.min_block_duration;
  options.retention.time = retention();
  options.no_lockfile = flags.no_lockfile;
  options.background_interval = flags.block_reload_interval;
  options.max_exemplars = current_config()->tsdb.max_exemplars;
  options.snapshots.enabled = flags.head_snapshot_interval > 0;
  options.snapshots.interval = flags.head_snapshot_interval;
  auto opened = tsdb::Db::open(fs, flags.storage_path, options, clock, registry.get());
  if (!opened) return pass(opened, "opening storage");
  db = std::move(*opened);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock.steady() - began);
  telemetry::info("TSDB started", {{"path", flags.storage_path},
                                   {"series", std::to_string(db->head_stats().series)},
                                   {"blocks", std::to_string(db->blocks().size())},
                                   {"took", format_duration(took.count())}});
  return {};
}

void ServerProcess::Impl::make_services() {
  query::EngineOptions options;
  options.lookback = flags.lookback;
  options.timeout = flags.query_timeout;
  options.max_samples = flags.query_max_samples;
  options.max_concurrency = flags.query_max_concurrency;
  options.default_subquery_step = current_config()->global.evaluation_interval;
  options.parser = features.parser;
  options.delayed_name_removal = features.delayed_name_removal;
  options.use_start_timestamps = features.use_start_timestamps;
  options.per_step_stats = features.per_step_stats;
  engine = std::make_unique<query::Engine>(options, clock, registry.get());

  scrape::ScrapeOptions scraping;
  scraping.external_url = external_url;
  scraping.version = web::kVersion;
  scraping.discovery_reload_interval = flags.discovery_reload_interval;
  scraping.adjust_timestamps = flags.scrape_adjust_timestamps;
  scraping.timestamp_tolerance = flags.scrape_timestamp_tolerance;
  scraping.metadata_wal_records = features.metadata_wal_records;
  scrape = std::make_unique<scrape::ScrapeManager>(io.get_executor(), *ingest_pool, *db, fs, clock, scraping,
                                                   registry.get());

  rules::RuleOptions ruling;
  ruling.external_url = external_url;
  ruling.resend_delay = flags.rule_resend_delay;
  ruling.queue_capacity = flags.notification_queue_capacity;
  ruling.batch_size = flags.notification_batch_size;
  ruling.drain_on_shutdown = flags.drain_notification_queue;
  rules = std::make_unique<rules::RuleManager>(io.get_executor(), *rule_pool, *engine, *db, *db, fs, clock,
                                               ruling, registry.get());
}

void ServerProcess::Impl::make_api() {
  api = std::make_unique<web::Api>(web::ApiSources{
      .engine = *engine,
      .db = *db,
      .scrape = *scrape,
      .rule_groups = [this] { return rules->groups(); },
      .alertmanagers = [this] { return rules->alertmanagers(); },
      .config = [this] { return current_config(); },
      .runtime = [this] { return runtime_status(); },
      .flags = flags.all,
      .clock = clock,
  });
  ready_api = api.get();
}

Result<void> ServerProcess::Impl::apply(const std::shared_ptr<const config::Config>& fresh) {
  // Rules first: they are checked whole before anything changes.
  if (auto applied = rules->apply(fresh); !applied) return pass(applied, "rules");
  engine->set_default_subquery_step(fresh->global.evaluation_interval);
  db->set_max_exemplars(fresh->tsdb.max_exemplars);
  if (auto applied = scrape->apply(fresh); !applied) return pass(applied, "scrape_configs");
  return {};
}

void ServerProcess::Impl::note_reload(bool succeeded) {
  const Timestamp now = clock.now();
  reload_success.Set(succeeded ? 1 : 0);
  if (succeeded) reload_time.Set(static_cast<double>(now) / 1000);
  sync::MutexLock lock(config_mutex);
  reload_succeeded = succeeded;
  if (succeeded) last_reload = now;
}

Result<void> ServerProcess::Impl::reload() {
  sync::MutexLock one_at_a_time(reload_mutex);
  telemetry::info("Loading configuration file", {{"filename", flags.config_file}});
  auto loaded = config::load_config(fs, flags.config_file, features.config);
  Result<void> outcome;
  if (loaded) {
    auto fresh = std::make_shared<const config::Config>(std::move(*loaded));
    outcome = apply(fresh);
    if (outcome) {
      sync::MutexLock lock(config_mutex);
      config = std::move(fresh);
    }
  } else {
    outcome = pass(loaded);
  }
  note_reload(outcome.has_value());
  if (outcome) {
    telemetry::info("Completed loading of configuration file", {{"filename", flags.config_file}});
  } else {
    telemetry::error("Error reloading config: the old one stays in force", {{"err", outcome.error().text}});
  }
  return outcome;
}

Result<void> ServerProcess::Impl::stop() {
  readiness = web::Readiness::stopping;
  telemetry::info("Stopping: no new scrapes and rule evaluations");
  if (scrape) wait_for(scrape->stop());
  if (rules) wait_for(rules->stop());
  telemetry::info("Stopping: web server");
  if (server) wait_for(server->stop());
  Result<void> closed;
  if (db) closed = db->close();
  telemetry::info("See you next time!");
  return closed;
}

ServerProcess::ServerProcess(Flags flags, std::shared_ptr<const config::Config> config)
    : impl_(std::make_unique<Impl>(std::move(flags), std::move(config))) {}
ServerProcess::~ServerProcess() = default;

Result<void> ServerProcess::run() {
  Impl& self = *impl_;
  self.start_time = self.clock.now();
  telemetry::info("Starting Narthex",
                  {{"version", std::string(web::kVersion)}, {"revision", std::string(web::kRevision)}});
  auto url = effective_external_url(self.flags.external_url, self.flags.listen_addresses.front());
  if (!url) return pass(url);
  self.external_url = std::move(*url);
  auto& ready_gauge =
      gauge(*self.registry, "prometheus_ready",
            "Whether Prometheus startup was fully completed and the server is ready for normal operation.");
  prometheus::BuildGauge()
      .Name("prometheus_build_info")
      .Help(
          "A metric with a constant '1' value labeled by version, revision, branch, goversion from which it "
          "was built.")
      .Register(*self.registry)
      .Add({{"version", std::string(web::kVersion)},
            {"revision", std::string(web::kRevision)},
            {"branch", std::string(web::kBranch)},
            {"goversion", std::string(web::kGoVersion)}})
      .Set(1);

  self.request_pool =
      std::make_unique<sync::ThreadPool>(self.flags.query_max_concurrency + kSpareRequestThreads);
  self.ingest_pool = std::make_unique<sync::ThreadPool>();
  self.rule_pool = std::make_unique<sync::ThreadPool>(kRuleThreads);
  auto work = asio::make_work_guard(self.io);
  for (std::size_t i = 0; i < kIoThreads; ++i) self.io_threads.emplace_back([&self] { self.io.run(); });

  asio::signal_set signals(self.io, SIGTERM, SIGINT, SIGHUP);
  std::function<void()> wait_for_signal = [&] {
    signals.async_wait([&](const boost::system::error_code& ec, int number) {
      if (ec) return;
      self.events.push(number == SIGHUP ? Event::reload : Event::quit);
      wait_for_signal();
    });
  };
  wait_for_signal();

  Result<void> outcome = self.start_listening();
  if (outcome) outcome = self.open_database();
  if (outcome) {
    self.make_services();
    outcome = self.apply(self.current_config());
  }
  if (outcome) {
    self.note_reload(true);
    self.make_api();
    self.readiness = web::Readiness::ready;
    ready_gauge.Set(1);
    telemetry::info("Server is ready to receive web requests.");
    for (Event event = self.events.pop(); event != Event::quit; event = self.events.pop()) {
      // Its error is in the log and in the metrics already.
      (void)self.reload();
    }
  }
  auto stopped = self.stop();
  signals.cancel();
  work.reset();
  self.io.stop();
  for (std::thread& thread : self.io_threads) thread.join();
  // In this order: work that is still queued on a pool uses what comes after it here.
  self.request_pool.reset();
  self.ingest_pool.reset();
  self.rule_pool.reset();
  if (!outcome) return outcome;
  return stopped;
}

}  // namespace narthex::apps
