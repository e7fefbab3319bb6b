// SampleStats: how many samples a query looked at, in total and per step.
//
// Both numbers are those of Prometheus, whatever shortcuts the plan takes: `total` counts the
// full window at every step, `read` only what is new at a step.
//
// Threads: one at a time.
// Source: Prometheus util/stats/query_stats.go
#pragma once

#include <cstdint>
#include <vector>

#include "query/engine/steps.h"

namespace narthex::query {

class SampleStats {
 public:
  /// @param per_step  keep one number per step of `steps` too
  SampleStats(const Steps& steps, bool per_step);

  void add_total(std::size_t step, std::uint64_t n) {
    total_ += n;
    if (!total_per_step_.empty()) total_per_step_[step] += n;
  }
  void add_read(std::size_t step, std::uint64_t n) {
    read_ += n;
    if (!read_per_step_.empty()) read_per_step_[step] += n;
  }
  /// Of many steps; each of them is told to add_steps_own(), if those are kept.
  void add(std::uint64_t total, std::uint64_t read) {
    total_ += total;
    read_ += read;
  }
  [[nodiscard]] bool keeps_steps() const { return !total_per_step_.empty(); }
  void add_steps_own(std::size_t step, std::uint64_t total, std::uint64_t read) {
    total_per_step_[step] += total;
    read_per_step_[step] += read;
  }
  /// One float at this step.
  void add_sample(std::size_t step) {
    add_total(step, 1);
    add_read(step, 1);
  }

  /// Of the same steps, with nothing counted yet.
  [[nodiscard]] SampleStats fresh() const { return {steps_, keeps_steps()}; }
  /// Takes over what another of the same steps has counted.
  void take(SampleStats& other);
  /// A part that was evaluated once and holds for every step.
  void add_step_invariant(const SampleStats& part);
  /// What a subquery read: each of its steps counts at the first outer step that uses it.
  /// @param offset  of the subquery
  /// @param range   of the subquery; steps that fall between two windows are left out; 0: none are
  void add_subquery_reads(const SampleStats& subquery, DurationMs offset, DurationMs range);

  [[nodiscard]] std::uint64_t total() const { return total_; }
  [[nodiscard]] std::uint64_t read() const { return read_; }
  [[nodiscard]] const std::vector<std::uint64_t>& total_per_step() const { return total_per_step_; }
  [[nodiscard]] const std::vector<std::uint64_t>& read_per_step() const { return read_per_step_; }

 private:
  Steps steps_;
  std::uint64_t total_ = 0;
  std::uint64_t read_ = 0;
  std::vector<std::uint64_t> total_per_step_;
  std::vector<std::uint64_t> read_per_step_;
};

}  // namespace narthex::query
