#include "apps/narthex/server_process.h"

#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <algorithm>
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

#include "apps/narthex/feature_list.h"
#include "apps/narthex/features.h"
#include "apps/narthex/retention.h"
#include "apps/narthex/runtime_facts.h"
#include "io/file_system.h"
#include "net/event_threads.h"
#include "query/engine/engine.h"
#include "rules/manager.h"
#include "scrape/manager.h"
#include "sync/mutex.h"
#include "sync/thread_pool.h"
#include "telemetry/log.h"
#include "telemetry/metrics_text.h"
#include "telemetry/process_metrics.h"
#include "telemetry/registry.h"
#include "tsdb/db.h"
#include "web/api/api.h"
#include "web/api/build_info.h"
#include "web/server/server.h"
#include "web/site.h"

namespace narthex::apps {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kIoThreads = 2;
/// A thread answers some twenty thousand small queries a second.
constexpr std::size_t kMostWebThreads = 8;
/// A thread scrapes some three million samples a second.
constexpr std::size_t kMostScrapeThreads = 16;
/// Requests that are no queries: metadata, targets, pages; and the encoding of all answers.
constexpr std::size_t kRequestThreads = 4;
/// Queries that wait for a slot beside those that run; more of them wait for a thread.
constexpr std::size_t kWaitingQueryThreads = 4;
constexpr std::size_t kRuleThreads = 4;
/// Room for a repair, a segment's end and some tombstones on a disk that is full.
constexpr std::uint64_t kReserveFileBytes = 4 << 20;

/// Forms are all that is received; Prometheus takes 10 MB of them.
constexpr std::uint64_t kMaxBodyBytes = 16 << 20;

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
  std::shared_ptr<telemetry::Registry> registry = std::make_shared<telemetry::Registry>();

  telemetry::ProcessMetrics process_metrics{*registry};
  prometheus::Gauge& reload_success = gauge(*registry, "prometheus_config_last_reload_successful",
                                            "Whether the last configuration reload attempt was successful.");
  prometheus::Gauge& reload_time = gauge(*registry, "prometheus_config_last_reload_success_timestamp_seconds",
                                         "Timestamp of the last successful configuration reload.");

  std::atomic<web::Readiness> readiness = web::Readiness::starting;
  EventQueue events;
  Timestamp start_time = 0;
  bool started_with_xor2 = false;
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
  std::unique_ptr<sync::ThreadPool> query_pool;
  std::unique_ptr<net::EventThreads> web_threads;
  std::unique_ptr<net::EventThreads> scrape_threads;
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
  Result<void> start_scraping();
  Result<void> open_database();
  Result<void> make_services();
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
  /// What the flag says, else 2 percent of the disk, 1 GiB at most.
  [[nodiscard]] std::uint64_t free_space_reserve() const;
  [[nodiscard]] web::RuntimeStatus runtime_status() const;
};

std::uint64_t ServerProcess::Impl::free_space_reserve() const {
  static constexpr std::uint64_t kMost = 1 << 30;
  if (flags.free_space_reserve) return *flags.free_space_reserve;
  const auto space = fs.space(flags.storage_path);
  return space ? std::min(kMost, space->total_bytes / 50) : 0;
}

web::RuntimeStatus ServerProcess::Impl::runtime_status() const {
  web::RuntimeStatus status;
  status.start_time = start_time;
  status.working_directory = working_directory();
  status.hostname = host_name();
  status.storage_retention = retention_text(current_config()->tsdb.retention);
  status.threads = kIoThreads + web_threads->size() + scrape_threads->size() + request_pool->size() +
                   query_pool->size() + ingest_pool->size() + rule_pool->size();
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
  server_options.max_body_bytes = kMaxBodyBytes;
  server_options.read_timeout = std::chrono::milliseconds(flags.read_timeout);
  server = std::make_unique<web::Server>(
      web_threads->executors(), net::RunBy::one_thread, *request_pool, std::move(server_options),
      web::ServerHandlers{
          .handler = [this](const web::Request& request) { return site->handle(request); },
          .quick = [this](const web::Request& request) { return site->handle_at_once(request); },
          .is_slow = [this](const web::Request& request) { return site->is_query(request); },
          .slow_pool = query_pool.get()},
      *registry);
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
  const auto settings = current_config();
  options.max_block_range = max_block_range(flags.max_block_duration, settings->tsdb.retention.time);
  options.chunk_segment_bytes = flags.chunk_segment_bytes;
  options.merge_overlapping_blocks = flags.merge_overlapping_blocks;
  options.upload_list = flags.delay_compact_file;
  options.ceilings = flags.ceilings;
  // The reserve is a share of the disk that it lies on.
  if (auto made = fs.make_directories(flags.storage_path); !made) return pass(made, "opening storage");
  options.reserve = {.free_bytes = free_space_reserve(), .file_bytes = kReserveFileBytes};
  options.retention = retention_of(*settings);
  options.no_lockfile = flags.no_lockfile;
  options.background_interval = flags.block_reload_interval;
  options.max_exemplars = settings->tsdb.max_exemplars;
  options.st_storage = features.st_storage;
  options.xor2_floats = settings->tsdb.xor2_floats.value_or(features.xor2_floats);
  options.histograms_with_start = features.histograms_with_start;
  started_with_xor2 = options.xor2_floats;
  options.snapshots.enabled = flags.head_snapshot_interval > 0;
  options.snapshots.interval = flags.head_snapshot_interval;
  auto opened = tsdb::Db::open(fs, flags.storage_path, options, clock, registry.get());
  if (!opened) return pass(opened, "opening storage");
  if (options.retention.percentage > 0 && !fs.space(flags.storage_path)) {
    return fail(Code::invalid, "unable to detect total capacity of metric storage at " + flags.storage_path +
                                   ", please disable retention percentage");
  }
  db = std::move(*opened);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock.steady() - began);
  telemetry::info("TSDB started", {{"path", flags.storage_path},
                                   {"series", std::to_string(db->head_stats().series)},
                                   {"blocks", std::to_string(db->blocks().size())},
                                   {"took", format_duration(took.count())}});
  return {};
}

Result<void> ServerProcess::Impl::make_services() {
  query::EngineOptions options;
  options.lookback = flags.lookback;
  options.timeout = flags.query_timeout;
  options.max_samples = flags.query_max_samples;
  options.max_concurrency = flags.query_max_concurrency;
  options.max_memory = flags.query_max_memory;
  options.default_subquery_step = current_config()->global.evaluation_interval;
  options.parser = features.parser;
  options.delayed_name_removal = features.delayed_name_removal;
  options.use_start_timestamps = features.use_start_timestamps;
  options.per_step_stats = features.per_step_stats;
  auto active = query::ActiveQueryFile::open(fs, flags.storage_path, options.max_concurrency, clock);
  if (!active) return pass(active);
  engine = std::make_unique<query::Engine>(options, clock, registry.get(), std::move(*active));

  rules::RuleOptions ruling;
  ruling.external_url = external_url;
  ruling.resend_delay = flags.rule_resend_delay;
  ruling.queue_capacity = flags.notification_queue_capacity;
  ruling.batch_size = flags.notification_batch_size;
  ruling.drain_on_shutdown = flags.drain_notification_queue;
  rules = std::make_unique<rules::RuleManager>(io.get_executor(), *rule_pool, *engine, *db, *db, fs, clock,
                                               ruling, registry.get());
  return {};
}

/// Before there is a database: what is scraped meanwhile is held.
Result<void> ServerProcess::Impl::start_scraping() {
  scrape::ScrapeOptions scraping;
  scraping.external_url = external_url;
  scraping.version = web::kVersion;
  scraping.discovery_reload_interval = flags.discovery_reload_interval;
  scraping.adjust_timestamps = flags.scrape_adjust_timestamps;
  scraping.timestamp_tolerance = flags.scrape_timestamp_tolerance;
  scraping.metadata_wal_records = features.metadata_wal_records;
  scraping.starts = features.st_storage || features.start_zeros;
  scraping.start_zeros = features.start_zeros;
  scrape = std::make_unique<scrape::ScrapeManager>(
      scrape::ScrapeThreads{io.get_executor(), scrape_threads->executors(), *ingest_pool}, nullptr, fs, clock,
      scraping, registry.get());
  auto applied = scrape->apply(current_config());
  return applied ? applied : pass(applied, "scrape_configs");
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
      .admin_enabled = flags.enable_admin_api,
      .features = list_features(flags, features),
      .clock = clock,
  });
  ready_api = api.get();
}

Result<void> ServerProcess::Impl::apply(const std::shared_ptr<const config::Config>& fresh) {
  std::shared_ptr<query::QueryLog> query_log;
  if (const std::string& path = fresh->global.query_log_file; !path.empty()) {
    auto opened = query::QueryLog::open(fs, path, clock);
    if (!opened) return pass(opened);
    query_log = std::move(*opened);
  }
  // As in Prometheus, absence is what was in force at the start; st-storage refuses XOR.
  const bool xor2_floats = fresh->tsdb.xor2_floats.value_or(started_with_xor2);
  if (auto applied = db->use_xor2_floats(xor2_floats); !applied) return pass(applied, "storage.tsdb");
  // Rules first: they are checked whole before anything changes.
  if (auto applied = rules->apply(fresh); !applied) return pass(applied, "rules");
  engine->set_query_log(std::move(query_log));
  engine->set_default_subquery_step(fresh->global.evaluation_interval);
  db->set_max_exemplars(fresh->tsdb.max_exemplars);
  if (auto applied = db->set_out_of_order_window(fresh->tsdb.out_of_order_window); !applied) {
    return pass(applied, "storage.tsdb.out_of_order_time_window");
  }
  db->set_retention(retention_of(*fresh));
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

  self.request_pool = std::make_unique<sync::ThreadPool>(kRequestThreads);
  self.query_pool =
      std::make_unique<sync::ThreadPool>(self.flags.query_max_concurrency + kWaitingQueryThreads);
  self.ingest_pool = std::make_unique<sync::ThreadPool>();
  self.web_threads = std::make_unique<net::EventThreads>(
      std::clamp<std::size_t>(self.ingest_pool->size(), 2, kMostWebThreads), "web");
  self.scrape_threads =
      std::make_unique<net::EventThreads>(std::min(self.ingest_pool->size(), kMostScrapeThreads), "scrape");
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
  if (outcome) outcome = self.start_scraping();
  if (outcome) outcome = self.open_database();
  if (outcome) outcome = self.make_services();
  if (outcome) outcome = self.apply(self.current_config());
  if (outcome) {
    self.scrape->use_store(*self.db);
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
  self.query_pool.reset();
  self.ingest_pool.reset();
  self.rule_pool.reset();
  if (!outcome) return outcome;
  return stopped;
}

}  // namespace narthex::apps
