#include "rules/manager.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "net/task_group.h"
#include "rules/group_loop.h"
#include "rules/notifier.h"
#include "rules/rule_loader.h"
#include "sync/mutex.h"
#include "telemetry/log.h"

namespace narthex::rules {

namespace asio = boost::asio;

struct RuleManager::Impl {
  Impl(asio::any_io_executor with_executor, sync::ThreadPool& with_pool, QueryFunction query,
       query::ParserOptions with_parser, storage::Appendable& store, io::FileSystem& with_fs,
       const Clock& with_clock, RuleOptions with_options, prometheus::Registry* registry)
      : executor(with_executor),
        pool(with_pool),
        fs(with_fs),
        clock(with_clock),
        options(std::move(with_options)),
        parser(with_parser),
        notifier(
            executor, pool, fs, clock,
            {static_cast<std::size_t>(options.queue_capacity), static_cast<std::size_t>(options.batch_size),
             options.drain_on_shutdown, "Prometheus/" + options.version},
            registry),
        tasks(executor, "rules"),
        services(std::make_shared<GroupServices>(GroupServices{
            std::move(query), [this](std::vector<Notification> alerts) { notifier.send(std::move(alerts)); },
            store, clock, std::make_shared<RuleMetrics>(registry), options.resend_delay})) {}

  void exchange(std::map<std::string, LoadedGroup> groups) NARTHEX_REQUIRES(mutex);

  const asio::any_io_executor executor;
  sync::ThreadPool& pool;
  io::FileSystem& fs;
  const Clock& clock;
  const RuleOptions options;
  const query::ParserOptions parser;
  Notifier notifier;
  net::TaskGroup tasks;
  const std::shared_ptr<const GroupServices> services;

  mutable sync::Mutex mutex;
  std::map<std::string, std::shared_ptr<GroupLoop>> loops NARTHEX_GUARDED_BY(mutex);
  std::vector<std::weak_ptr<GroupLoop>> leaving NARTHEX_GUARDED_BY(mutex);  ///< retired, not yet gone
  bool stopped NARTHEX_GUARDED_BY(mutex) = false;
};

RuleManager::RuleManager(asio::any_io_executor executor, sync::ThreadPool& pool, QueryFunction query,
                         query::ParserOptions parser, storage::Appendable& store, io::FileSystem& fs,
                         const Clock& clock, RuleOptions options, prometheus::Registry* registry)
    : impl_(std::make_shared<Impl>(std::move(executor), pool, std::move(query), parser, store, fs, clock,
                                   std::move(options), registry)) {}
RuleManager::~RuleManager() = default;

Result<void> RuleManager::apply(std::shared_ptr<const config::Config> config) {
  auto groups = load_all_groups(impl_->fs, *config, impl_->options.external_url, impl_->parser);
  if (!groups) return pass(groups);
  auto alerting = impl_->notifier.prepare(*config);
  if (!alerting) return pass(alerting);
  const sync::MutexLock lock(impl_->mutex);
  if (impl_->stopped) return fail(Code::unavailable, "rules: the server is stopping");
  impl_->notifier.apply(*std::move(alerting));
  impl_->exchange(*std::move(groups));
  return {};
}

void RuleManager::Impl::exchange(std::map<std::string, LoadedGroup> groups) {
  for (auto& [key, loaded] : groups) {
    auto group = std::make_shared<Group>(std::move(loaded.settings), std::move(loaded.rules), services);
    std::shared_ptr<GroupLoop>& loop = loops[key];
    if (loop) {
      if (!loop->group()->equals(*group)) loop->replace(std::move(group));
      continue;
    }
    loop = std::make_shared<GroupLoop>(executor, pool, clock, std::move(group));
    tasks.spawn(GroupLoop::run(loop));
  }
  std::erase_if(leaving, [](const auto& loop) { return loop.expired(); });
  for (auto at = loops.begin(); at != loops.end();) {
    if (groups.contains(at->first)) {
      ++at;
      continue;
    }
    at->second->retire();
    leaving.push_back(at->second);
    at = loops.erase(at);
  }
}

asio::awaitable<void> RuleManager::stop() {
  const auto impl = impl_;
  {
    const sync::MutexLock lock(impl->mutex);
    impl->stopped = true;
    for (const auto& [key, loop] : impl->loops) loop->stop();
    for (const auto& weak : impl->leaving)
      if (const auto loop = weak.lock()) loop->stop();
  }
  co_await impl->tasks.close();
  co_await impl->notifier.stop();
  telemetry::info("Rule manager stopped");
}

std::vector<GroupStatus> RuleManager::groups() const {
  std::vector<std::shared_ptr<Group>> all;
  {
    const sync::MutexLock lock(impl_->mutex);
    for (const auto& [key, loop] : impl_->loops) all.push_back(loop->group());
  }
  std::vector<GroupStatus> out;
  for (const auto& group : all) out.push_back(group->status());
  std::ranges::sort(out, {}, [](const GroupStatus& g) { return std::tie(g.file, g.name); });
  return out;
}

AlertmanagerStatus RuleManager::alertmanagers() const {
  return impl_->notifier.status();
}

Result<std::size_t> check_rule_file(io::FileSystem& fs, const std::string& path, bool legacy_names,
                                    const query::ParserOptions& parser) {
  config::Global global;
  global.legacy_names = legacy_names;
  const auto groups = load_groups(fs, path, global, "", parser);
  if (!groups) return std::unexpected(groups.error());
  std::size_t count = 0;
  for (const LoadedGroup& group : *groups) count += group.rules.size();
  return count;
}

}  // namespace narthex::rules
