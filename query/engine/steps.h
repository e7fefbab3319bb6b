// Steps: the grid of times at which an expression is evaluated.
//
// A query has one grid, each subquery its own, and a step-invariant part a grid of one step.
// Threads: values.
#pragma once

#include <cstddef>

#include "model/time.h"

namespace narthex::query {

struct Steps {
  Timestamp start = 0;
  Timestamp end = 0;        ///< as asked for; the last step may lie before it
  DurationMs interval = 1;  ///< above 0

  /// 0 if `end` lies before `start` (a subquery whose range holds no grid point).
  [[nodiscard]] std::size_t count() const {
    return end < start ? 0 : static_cast<std::size_t>((end - start) / interval) + 1;
  }
  [[nodiscard]] Timestamp at(std::size_t step) const {
    return start + static_cast<DurationMs>(step) * interval;
  }
  [[nodiscard]] Timestamp last() const { return start + (end - start) / interval * interval; }
  /// The grid of a step-invariant part: its first step alone.
  [[nodiscard]] Steps first_only() const { return {start, start, interval}; }
};

}  // namespace narthex::query
