// What a function over a range vector sees: one series' samples and, for each step, which of
// them lie in the window.
//
// Windows are left-open: (end - range, end]. They slide forward only, so functions keep two
// pointers, a deque or a list of resets instead of starting anew at every step.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "query/engine/query_state.h"
#include "query/engine/step_column.h"
#include "query/promql/ast.h"

namespace narthex::query {

/// How the windows of a range vector lie in time.
struct WindowShape {
  DurationMs range = 0;
  DurationMs offset = 0;
  std::optional<Timestamp> at;
  DurationMs before = 0;  ///< anchored, smoothed: also samples this much before the window
  DurationMs after = 0;   ///< smoothed: and this much after it
  bool from_subquery = false;
};

/// Samples [first, last) of a series.
struct WindowBounds {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  [[nodiscard]] bool empty() const { return first == last; }
  [[nodiscard]] std::uint32_t size() const { return last - first; }
};

struct RangeInput {
  std::span<const Timestamp> t;
  std::span<const double> v;
  std::span<const Timestamp> st;          ///< start timestamps; empty if there are none or they are not used
  std::span<const WindowBounds> windows;  ///< per step; with anchored and smoothed the lookback is in it
  const Steps& steps;
  /// The window's end at a step is look_at(step), its start that minus `range`, without lookback.
  DurationMs range;
  DurationMs offset;
  std::optional<Timestamp> at;
  std::string_view metric_name;  ///< "" if there is none
  /// Native histograms among the samples, ascending; v means nothing there.
  std::span<const storage::HistogramSample> histograms = {};
  /// Not 0: inputs of one call with the same number have the same times and windows.
  std::uint64_t cut = 0;

  [[nodiscard]] Timestamp window_end(std::size_t step) const { return at.value_or(steps.at(step)) - offset; }
  [[nodiscard]] Timestamp window_start(std::size_t step) const { return window_end(step) - range; }
  [[nodiscard]] std::span<const double> values(std::size_t step) const {
    return v.subspan(windows[step].first, windows[step].size());
  }
  [[nodiscard]] std::span<const Timestamp> times(std::size_t step) const {
    return t.subspan(windows[step].first, windows[step].size());
  }
};

/// One call of a range function in a query; may keep buffers between series.
class RangeFunction {
 public:
  virtual ~RangeFunction() = default;
  /// Once, before the first series. scalars[i][step] are the other arguments, in order.
  /// Errors: execution (an argument is out of its bounds).
  virtual Result<void> prepare(std::vector<std::vector<double>> /*scalars*/) { return {}; }
  /// For a step whose window has histograms only, which run() is not shown.
  /// Errors: execution (an argument is out of its bounds at this step).
  virtual Result<void> check_arguments(std::size_t /*step*/) const { return {}; }
  /// Sets in `out` (all absent) the steps that have a result. Windows may be empty.
  /// Errors: execution.
  virtual Result<void> run(const RangeInput& in, StepColumn& out) = 0;
  /// Of what it keeps between series that grows with the steps.
  [[nodiscard]] virtual std::uint64_t size_bytes() const { return 0; }
};
using RangeFunctionPtr = std::unique_ptr<RangeFunction>;

}  // namespace narthex::query
