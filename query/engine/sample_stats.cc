#include "query/engine/sample_stats.h"

#include <utility>

namespace narthex::query {

SampleStats::SampleStats(const Steps& steps, bool per_step) : steps_(steps) {
  if (!per_step) return;
  total_per_step_.resize(steps.count());
  read_per_step_.resize(steps.count());
}

void SampleStats::take(SampleStats& other) {
  total_ += std::exchange(other.total_, 0);
  read_ += std::exchange(other.read_, 0);
  for (std::size_t i = 0; i < total_per_step_.size(); ++i) {
    total_per_step_[i] += std::exchange(other.total_per_step_[i], 0);
    read_per_step_[i] += std::exchange(other.read_per_step_[i], 0);
  }
}

void SampleStats::add_step_invariant(const SampleStats& part) {
  const auto steps = steps_.count();
  total_ += part.total_ * steps;
  for (auto& n : total_per_step_) n += part.total_;
  if (steps > 0) add_read(0, part.read_);
}

void SampleStats::add_subquery_reads(const SampleStats& subquery, DurationMs offset, DurationMs range) {
  const auto steps = steps_.count();
  if (steps <= 1) {
    if (steps == 1) add_read(0, subquery.read_);
    return;
  }
  for (std::size_t k = 0; k < subquery.read_per_step_.size(); ++k) {
    const auto n = subquery.read_per_step_[k];
    if (n == 0) continue;
    const Timestamp t = subquery.steps_.at(k) + offset;
    std::size_t step = 0;
    if (t > steps_.start)
      step = static_cast<std::size_t>((t - steps_.start + steps_.interval - 1) / steps_.interval);
    if (step >= steps) step = steps - 1;
    if (range > 0 && t <= steps_.at(step) - range) continue;
    add_read(step, n);
  }
}

}  // namespace narthex::query
