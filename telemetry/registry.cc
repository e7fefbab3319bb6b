#include "telemetry/registry.h"

#include <algorithm>

namespace narthex::telemetry {

DurationSummary& Registry::summary(const std::string& name, const std::string& help,
                                   const prometheus::Labels& labels, const std::vector<double>& quantiles) {
  const sync::MutexLock lock(mutex_);
  auto family = std::ranges::find(families_, name, &Family::name);
  if (family == families_.end()) family = families_.insert(family, {name, help, quantiles, {}});
  auto& members = family->members;
  auto member = std::ranges::find(members, labels, &Member::labels);
  if (member == members.end()) member = members.insert(member, {labels, std::make_unique<DurationSummary>()});
  return *member->summary;
}

std::vector<prometheus::MetricFamily> Registry::Collect() const {
  std::vector<prometheus::MetricFamily> collected = prometheus::Registry::Collect();
  const sync::MutexLock lock(mutex_);
  for (const Family& family : families_) {
    prometheus::MetricFamily& out = collected.emplace_back();
    out.name = family.name;
    out.help = family.help;
    out.type = prometheus::MetricType::Summary;
    for (const Member& member : family.members) {
      const auto state = member.summary->state(family.quantiles);
      prometheus::ClientMetric& metric = out.metric.emplace_back();
      for (const auto& [label, value] : member.labels) metric.label.push_back({label, value});
      metric.summary.sample_count = state.count;
      metric.summary.sample_sum = state.sum;
      for (std::size_t i = 0; i < family.quantiles.size(); ++i)
        metric.summary.quantile.push_back({family.quantiles[i], state.quantiles[i]});
    }
  }
  return collected;
}

}  // namespace narthex::telemetry
