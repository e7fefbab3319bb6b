#include "scrape/scrape_pool.h"

#include <fmt/format.h>
#include <prometheus/counter.h>

#include <set>
#include <utility>

#include "telemetry/log.h"

namespace narthex::scrape {

BuiltTargets build_targets(const std::shared_ptr<const config::ScrapeConfig>& job,
                           const net::TargetGroups& groups) {
  BuiltTargets built;
  const std::uint64_t keep = job->limits.keep_dropped_targets;
  for (const auto& group : groups) {
    for (std::size_t i = 0; i < group->targets.size(); ++i) {
      auto labels = target_labels(*job, discovered_labels(*job, *group, group->targets[i]));
      if (!labels) {
        ++built.failures;
        telemetry::error(
            "Creating target failed",
            {{"scrape_pool", job->job_name},
             {"err", fmt::format("instance {} in group {}: {}", i, group->source, labels.error().text)}});
        continue;
      }
      if (*labels) {
        built.active.push_back(std::make_shared<Target>(std::move(**labels), job, group, i));
        continue;
      }
      ++built.dropped_count;
      if (keep == 0 || built.dropped.size() < keep) built.dropped.push_back({group, i});
    }
  }
  return built;
}

ScrapePool::ScrapePool(const Contexts& contexts, Settings settings)
    : contexts_(contexts), settings_(std::move(settings)) {
  metrics().set_target_limit(settings_.job->job_name, settings_.job->limits.targets);
}

void ScrapePool::sync(BuiltTargets targets) {
  const auto start = now();
  dropped_ = std::move(targets.dropped);
  dropped_count_ = targets.dropped_count;
  std::set<std::uint64_t> wanted;
  std::vector<std::shared_ptr<Target>> fresh;
  for (auto& target : targets.active) {
    if (!wanted.insert(target->hash()).second) continue;  // found twice
    const auto known = active_.find(target->hash());
    if (known == active_.end())
      fresh.push_back(std::move(target));
    else
      known->second.target->adopt_discovery(*target);
  }
  std::erase_if(active_, [&](const auto& entry) {
    if (wanted.contains(entry.first)) return false;
    entry.second.loop->retire(true);
    return true;
  });
  for (const auto& target : fresh) active_[target->hash()].target = target;

  const std::optional<Error> forced = target_limit_error();
  for (auto& [hash, active] : active_) {
    if (active.loop) {
      active.loop->force_error(forced);
      continue;
    }
    const std::size_t place = place_of(hash);
    ScrapeContext& context = *contexts_[place];
    active.loop = std::make_shared<ScrapeLoop>(context, active.target, settings_at(place), forced);
    context.tasks.spawn(ScrapeLoop::run(active.loop));
  }
  const double seconds = std::chrono::duration<double>(now() - start).count();
  metrics().observe_sync(settings_.job->job_name, seconds, wanted.size(), targets.failures);
}

void ScrapePool::reload(Settings settings) {
  const auto start = now();
  settings_ = std::move(settings);
  metrics().set_target_limit(settings_.job->job_name, settings_.job->limits.targets);
  const std::optional<Error> forced = target_limit_error();
  for (auto& [hash, active] : active_) {
    active.loop->adopt(settings_at(place_of(hash)));
    active.loop->force_error(forced);
  }
  metrics().observe_reload(settings_.job->interval, std::chrono::duration<double>(now() - start).count());
}

void ScrapePool::take_in_held() {
  for (auto& [hash, active] : active_) active.loop->take_in_held();
}

void ScrapePool::stop() {
  for (auto& [hash, active] : active_) active.loop->retire(false);
  active_.clear();
  metrics().forget_job(settings_.job->job_name);
}

std::optional<Error> ScrapePool::target_limit_error() {
  const std::uint64_t limit = settings_.job->limits.targets;
  if (limit == 0 || active_.size() <= limit) return std::nullopt;
  metrics().exceeded_target_limit.Increment();
  return Error{Code::limit,
               fmt::format("target_limit exceeded (number of targets: {}, limit: {})", active_.size(), limit),
               std::nullopt};
}

std::vector<std::shared_ptr<Target>> ScrapePool::active() const {
  std::vector<std::shared_ptr<Target>> targets;
  targets.reserve(active_.size());
  for (const auto& [hash, active] : active_) targets.push_back(active.target);
  return targets;
}

std::vector<DroppedTarget> ScrapePool::dropped() const {
  std::vector<DroppedTarget> targets;
  targets.reserve(dropped_.size());
  for (const auto& [group, index] : dropped_)
    targets.push_back(
        {discovered_labels(*settings_.job, *group, group->targets[index]), settings_.job->job_name});
  return targets;
}

}  // namespace narthex::scrape
