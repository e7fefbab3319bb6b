#include "net/discovery/discovery.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <optional>
#include <set>
#include <utility>

#include "net/discovery/directory_watch.h"
#include "net/discovery/discovery_metrics.h"
#include "net/discovery/file_source.h"
#include "net/on_pool.h"
#include "net/task_group.h"
#include "net/wake.h"
#include "sync/mutex.h"
#include "telemetry/log.h"

namespace narthex::net {

namespace asio = boost::asio;

namespace {

using Time = std::chrono::steady_clock::time_point;

Time steady_now() {
  return std::chrono::steady_clock::now();
}

struct Source {
  explicit Source(config::FileDiscovery config) : files(std::move(config)) {}
  FileSource files;
  Time next_refresh{};  ///< at once
};

// What one call of apply() asks for.
struct Plan {
  std::map<std::string, TargetGroups> static_groups;                ///< by job
  std::map<std::string, std::vector<config::FileDiscovery>> files;  ///< by job
};

}  // namespace

struct Discovery::Impl {
  Impl(asio::any_io_executor executor, sync::ThreadPool& with_pool, io::FileSystem& with_fs,
       const Clock& with_clock, Options with_options, prometheus::Registry* registry)
      : pool(with_pool),
        fs(with_fs),
        clock(with_clock),
        options(std::move(with_options)),
        metrics(registry, options.name),
        watch(executor),
        wake(executor),
        tasks(executor, "discovery of " + options.name) {}

  static Awaitable<void> run(std::shared_ptr<Impl> self) { co_await self->discover(); }
  static Awaitable<void> follow_changes(std::shared_ptr<Impl> self) { co_await self->read_changes(); }

  Awaitable<void> discover();
  Awaitable<void> read_changes();
  void adopt(Plan next);
  void mark_changed();
  Awaitable<void> refresh_due();
  Awaitable<void> publish();
  [[nodiscard]] Time next_event() const;
  [[nodiscard]] Snapshot snapshot() const;

  sync::ThreadPool& pool;
  io::FileSystem& fs;
  const Clock& clock;
  const Options options;
  DiscoveryMetrics metrics;
  DirectoryWatch watch;
  Wake wake;
  TaskGroup tasks;

  sync::Mutex mutex;
  std::optional<Plan> next_plan NARTHEX_GUARDED_BY(mutex);
  std::set<std::string> changed_directories NARTHEX_GUARDED_BY(mutex);

  // Below: of the coroutine discover() only.
  Consumer consumer;
  bool planned = false;
  Plan plan;
  std::vector<std::unique_ptr<Source>> sources;
  bool unsent = false;
  Time may_send{};
};

Discovery::Discovery(asio::any_io_executor executor, sync::ThreadPool& pool, io::FileSystem& fs,
                     const Clock& clock, Options options, prometheus::Registry* registry)
    : impl_(std::make_shared<Impl>(std::move(executor), pool, fs, clock, std::move(options), registry)) {}
Discovery::~Discovery() = default;

void Discovery::start(Consumer consumer) {
  impl_->consumer = std::move(consumer);
  impl_->tasks.spawn(Impl::run(impl_));
  impl_->tasks.spawn(Impl::follow_changes(impl_));
}

void Discovery::apply(std::map<std::string, config::Discovery> jobs) {
  Plan plan;
  for (auto& [job, discovery] : jobs) {
    TargetGroups& groups = plan.static_groups[job];
    for (auto& group : discovery.static_groups)
      groups.push_back(std::make_shared<const config::TargetGroup>(std::move(group)));
    plan.files[job] = std::move(discovery.files);
  }
  {
    sync::MutexLock lock(impl_->mutex);
    impl_->next_plan = std::move(plan);
  }
  impl_->wake.wake();
}

Awaitable<void> Discovery::stop() {
  co_await impl_->tasks.close();
}

Awaitable<void> Discovery::Impl::discover() {
  for (;;) {
    std::optional<Plan> next;
    {
      sync::MutexLock lock(mutex);
      next = std::exchange(next_plan, std::nullopt);
    }
    if (next) adopt(std::move(*next));
    mark_changed();
    co_await refresh_due();
    if (unsent && planned && steady_now() >= may_send) co_await publish();
    co_await wake.sleep_until(next_event());
  }
}

// Keeps sources that are still wanted, with what they know.
void Discovery::Impl::adopt(Plan next) {
  std::vector<std::unique_ptr<Source>> kept;
  std::set<std::string> jobs;
  std::set<std::string> directories;
  for (const auto& [job, all_files] : next.files) {
    jobs.insert(job);
    for (const config::FileDiscovery& files : all_files) {
      const auto same = [&](const auto& source) { return source && source->files.config() == files; };
      if (std::ranges::any_of(kept, same)) continue;  // two jobs share one source
      const auto old = std::ranges::find_if(sources, same);
      kept.push_back(old != sources.end() ? std::move(*old) : std::make_unique<Source>(files));
      directories.merge(kept.back()->files.directories());
    }
  }
  plan = std::move(next);
  planned = true;
  sources = std::move(kept);
  metrics.keep_jobs(jobs);
  if (const std::size_t failed = watch.watch(directories); failed > 0) metrics.watch_failed(failed);
  // A reload is seen at once, whatever was sent before.
  unsent = true;
  may_send = {};
}

void Discovery::Impl::mark_changed() {
  std::set<std::string> changed;
  {
    sync::MutexLock lock(mutex);
    changed = std::exchange(changed_directories, {});
  }
  if (changed.empty()) return;
  for (const auto& source : sources) {
    const auto directories = source->files.directories();
    if (std::ranges::any_of(directories, [&](const auto& d) { return changed.contains(d); }))
      source->next_refresh = {};
  }
}

Awaitable<void> Discovery::Impl::refresh_due() {
  bool any = false;
  for (const auto& source : sources) {
    if (source->next_refresh > steady_now()) continue;
    any = true;
    const Time started = steady_now();
    auto read = [this, files = &source->files]() { return files->refresh(fs); };
    const FileSource::Refresh result = co_await on_pool(pool, std::move(read));
    source->next_refresh = steady_now() + std::chrono::milliseconds(std::max<DurationMs>(
                                              source->files.config().refresh_interval, 1));
    metrics.files_read(std::chrono::duration<double>(steady_now() - started).count(), result.errors);
    if (!result.changed) continue;
    metrics.received_update();
    if (!unsent && steady_now() < may_send) metrics.delayed_update();
    unsent = true;
  }
  if (!any) co_return;
  // A directory made anew under an old name needs a new watch.
  std::set<std::string> directories;
  for (const auto& source : sources) directories.merge(source->files.directories());
  if (const std::size_t failed = watch.watch(directories); failed > 0) metrics.watch_failed(failed);
}

Awaitable<void> Discovery::Impl::publish() {
  Snapshot all = snapshot();
  for (const auto& [job, groups] : all) {
    std::size_t targets = 0;
    for (const auto& group : groups) targets += group->targets.size();
    metrics.discovered(job, targets, clock.now());
  }
  metrics.sent_update();
  unsent = false;
  may_send = steady_now() + std::chrono::milliseconds(options.update_interval);
  co_await consumer(std::move(all));
}

Time Discovery::Impl::next_event() const {
  Time next = unsent && planned ? may_send : Time::max();
  for (const auto& source : sources) next = std::min(next, source->next_refresh);
  return next;
}

Discovery::Snapshot Discovery::Impl::snapshot() const {
  Snapshot all;
  for (const auto& [job, groups] : plan.static_groups) {
    TargetGroups& out = all[job];
    out = groups;
    for (const config::FileDiscovery& files : plan.files.at(job)) {
      const auto source =
          std::ranges::find_if(sources, [&](const auto& s) { return s->files.config() == files; });
      const TargetGroups found = (*source)->files.groups();
      out.insert(out.end(), found.begin(), found.end());
    }
  }
  return all;
}

Awaitable<void> Discovery::Impl::read_changes() {
  for (;;) {
    auto changed = co_await watch.next_changes();
    if (!changed) {
      if (changed.error().code == Code::cancelled) co_return;
      metrics.watch_failed(1);
      telemetry::warn("Changes of target files are seen at their refresh interval only",
                      {{"err", changed.error().text}});
      co_return;
    }
    {
      sync::MutexLock lock(mutex);
      changed_directories.merge(*changed);
    }
    wake.wake();
  }
}

}  // namespace narthex::net
