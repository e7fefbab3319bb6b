#include "scrape/manager.h"

#include <prometheus/counter.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "model/check.h"
#include "net/discovery/discovery.h"
#include "net/on_pool.h"
#include "scrape/scrape_pool.h"
#include "sync/mutex.h"
#include "telemetry/log.h"
#include "telemetry/registry.h"

namespace narthex::scrape {

namespace {

std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211ULL;
  }
  return hash;
}

// Two servers with the same targets scrape them at different times.
std::uint64_t server_seed(const Labels& external_labels) {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  return fnv1a(std::string(host.data()) + external_labels.to_string());
}

}  // namespace

struct ScrapeManager::Impl {
  Impl(const ScrapeThreads& threads, storage::Appendable* store, io::FileSystem& fs, const Clock& given_clock,
       ScrapeOptions given_options, telemetry::Registry* registry)
      : metrics(registry),
        options(std::move(given_options)),
        clock(given_clock),
        hold_room(options.most_held_bytes, metrics),
        page_pool(threads.pool),
        discovery(threads.discovery, page_pool, fs, clock, {"scrape", options.discovery_reload_interval},
                  registry) {
    check(!threads.scrapes.empty(), "somebody has to scrape");
    for (const auto& executor : threads.scrapes)
      contexts.push_back(
          std::make_unique<ScrapeContext>(executor, page_pool, store, hold_room, clock, options, metrics));
  }

  Result<void> apply_to_pools(const config::Config& config) NARTHEX_REQUIRES(mutex);
  Result<void> start_or_reload(const config::ScrapeConfig& wanted, std::uint64_t seed)
      NARTHEX_REQUIRES(mutex);
  net::Awaitable<void> sync(net::Discovery::Snapshot snapshot);
  std::shared_ptr<const config::ScrapeConfig> job_of(const std::string& name);
  std::vector<std::shared_ptr<Target>> targets();

  ScrapeMetrics metrics;
  const ScrapeOptions options;
  const Clock& clock;
  HoldRoom hold_room;
  sync::ThreadPool& page_pool;
  /// One per thread that scrapes.
  std::vector<std::unique_ptr<ScrapeContext>> contexts;
  net::Discovery discovery;

  sync::Mutex mutex;
  std::map<std::string, std::unique_ptr<ScrapePool>> pools NARTHEX_GUARDED_BY(mutex);
  bool started NARTHEX_GUARDED_BY(mutex) = false;
  bool stopped NARTHEX_GUARDED_BY(mutex) = false;
};

ScrapeManager::ScrapeManager(ScrapeThreads threads, storage::Appendable* store, io::FileSystem& fs,
                             const Clock& clock, ScrapeOptions options, telemetry::Registry* registry)
    : impl_(std::make_shared<Impl>(threads, store, fs, clock, std::move(options), registry)) {}
ScrapeManager::~ScrapeManager() = default;

void ScrapeManager::use_store(storage::Appendable& store) {
  for (const auto& context : impl_->contexts) {
    const storage::Appendable* before = context->store.exchange(&store);
    check(before == nullptr, "scraping has a store already");
  }
  sync::MutexLock lock(impl_->mutex);
  for (const auto& [name, pool] : impl_->pools) pool->take_in_held();
}

Result<void> ScrapeManager::apply(std::shared_ptr<const config::Config> config) {
  Result<void> applied;
  bool start = false;
  {
    sync::MutexLock lock(impl_->mutex);
    if (impl_->stopped) return fail(Code::unavailable, "scraping has been stopped");
    applied = impl_->apply_to_pools(*config);
    start = !std::exchange(impl_->started, true);
  }
  // Borrows from the manager's parts, which outlive the discovery's tasks: stop() waits for them.
  if (start)
    impl_->discovery.start(
        [impl = impl_.get()](net::Discovery::Snapshot snapshot) { return impl->sync(std::move(snapshot)); });
  std::map<std::string, config::Discovery> jobs;
  for (const auto& job : config->scrape_configs) jobs[job.job_name] = job.discovery;
  impl_->discovery.apply(std::move(jobs));
  return applied;
}

Result<void> ScrapeManager::Impl::apply_to_pools(const config::Config& config) {
  const std::uint64_t seed = server_seed(config.global.external_labels);
  std::map<std::string, const config::ScrapeConfig*> wanted;
  for (const auto& job : config.scrape_configs) wanted[job.job_name] = &job;
  std::erase_if(pools, [&](auto& entry) {
    if (wanted.contains(entry.first)) return false;
    entry.second->stop();
    return true;
  });
  Result<void> result;
  for (const auto& [name, job] : wanted) {
    auto done = start_or_reload(*job, seed);
    if (done) continue;
    telemetry::error("error reloading scrape pool", {{"scrape_pool", name}, {"err", done.error().text}});
    if (result) result = pass(done, "scrape pool " + name);
  }
  return result;
}

Result<void> ScrapeManager::Impl::start_or_reload(const config::ScrapeConfig& wanted, std::uint64_t seed) {
  const auto it = pools.find(wanted.job_name);
  const bool known = it != pools.end();
  if (known && *it->second->job() == wanted) {
    it->second->set_seed(seed);
    return {};
  }
  (known ? metrics.reloads : metrics.pools).Increment();
  ScrapePool::Settings settings{std::make_shared<const config::ScrapeConfig>(wanted), {}, seed};
  for (const auto& context : contexts) {
    auto client = net::HttpClient::make(context->executor, wanted.http);
    if (!client) {
      (known ? metrics.reloads_failed : metrics.pools_failed).Increment();
      return pass(client);
    }
    settings.clients.push_back(std::move(*client));
  }
  if (known)
    it->second->reload(std::move(settings));
  else
    pools.emplace(wanted.job_name, std::make_unique<ScrapePool>(contexts, std::move(settings)));
  return {};
}

std::shared_ptr<const config::ScrapeConfig> ScrapeManager::Impl::job_of(const std::string& name) {
  sync::MutexLock lock(mutex);
  const auto it = pools.find(name);
  return it == pools.end() ? nullptr : it->second->job();
}

net::Awaitable<void> ScrapeManager::Impl::sync(net::Discovery::Snapshot snapshot) {
  for (const auto& [name, groups] : snapshot) {
    const auto job = job_of(name);
    if (!job) continue;
    auto work = [&job, found = &groups]() { return build_targets(job, *found); };
    BuiltTargets built = co_await net::on_pool(page_pool, std::move(work));
    sync::MutexLock lock(mutex);
    const auto it = pools.find(name);
    // Reloaded meanwhile: another snapshot is on its way.
    if (stopped || it == pools.end() || it->second->job() != job) continue;
    it->second->sync(std::move(built));
  }
}

boost::asio::awaitable<void> ScrapeManager::stop() {
  const auto impl = impl_;
  {
    sync::MutexLock lock(impl->mutex);
    impl->stopped = true;
  }
  co_await impl->discovery.stop();
  for (const auto& context : impl->contexts) co_await context->tasks.close();
}

std::vector<std::shared_ptr<Target>> ScrapeManager::Impl::targets() {
  std::vector<std::shared_ptr<Target>> all;
  sync::MutexLock lock(mutex);
  for (const auto& [name, pool] : pools) {
    auto active = pool->active();
    all.insert(all.end(), std::make_move_iterator(active.begin()), std::make_move_iterator(active.end()));
  }
  return all;
}

std::vector<TargetStatus> ScrapeManager::active() const {
  std::vector<TargetStatus> rows;
  for (const auto& target : impl_->targets()) rows.push_back(target->status(impl_->options.external_url));
  return rows;
}

std::vector<DroppedTarget> ScrapeManager::dropped() const {
  std::vector<DroppedTarget> all;
  sync::MutexLock lock(impl_->mutex);
  for (const auto& [name, pool] : impl_->pools) {
    auto dropped = pool->dropped();
    all.insert(all.end(), std::make_move_iterator(dropped.begin()), std::make_move_iterator(dropped.end()));
  }
  return all;
}

std::map<std::string, std::uint64_t> ScrapeManager::dropped_counts() const {
  std::map<std::string, std::uint64_t> counts;
  sync::MutexLock lock(impl_->mutex);
  for (const auto& [name, pool] : impl_->pools) counts[name] = pool->dropped_count();
  return counts;
}

std::vector<std::string> ScrapeManager::pools() const {
  std::vector<std::string> names;
  sync::MutexLock lock(impl_->mutex);
  for (const auto& [name, pool] : impl_->pools) names.push_back(name);
  return names;
}

std::uint64_t ScrapeManager::cache_bytes() const {
  return static_cast<std::uint64_t>(std::max(0.0, impl_->metrics.cache_bytes.Value()));
}

std::vector<TargetMetadata> ScrapeManager::metadata(const std::string& metric) const {
  std::vector<TargetMetadata> all;
  for (const auto& target : impl_->targets()) {
    const auto metadata = target->metadata();
    if (!metadata) continue;
    for (auto& [family, entry] : metadata->list(metric))
      all.push_back({target->public_labels(), std::move(family), std::move(entry)});
  }
  return all;
}

}  // namespace narthex::scrape
