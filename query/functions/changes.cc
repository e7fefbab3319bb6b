// changes and resets: how often neighbouring samples of a window differ, or fall.
//
// Both are counted once along the series; a window is the difference of two counts.
#include <algorithm>
#include <cmath>

#include "query/functions/range_functions.h"

namespace narthex::query {

namespace {

class Changes final : public RangeFunction {
 public:
  Changes(bool resets, bool anchored) : resets_(resets), anchored_(anchored) {}

  Result<void> run(const RangeInput& in, StepColumn& out) override {
    count_along(in);
    for (std::size_t step = 0; step < in.windows.size(); ++step) {
      const auto& w = in.windows[step];
      if (w.empty()) continue;
      std::size_t first = w.first;
      if (anchored_) {
        // From the newest sample at or before the window's start; nothing after it: no result.
        const auto times = in.times(step);
        const auto after =
            static_cast<std::size_t>(std::ranges::upper_bound(times, in.window_start(step)) - times.begin());
        if (after == times.size()) continue;
        if (after > 0) first += after - 1;
      }
      out.set(step, static_cast<double>(counts_[w.last - 1] - counts_[first]));
    }
    return {};
  }

 private:
  /// counts_[i]: events at samples 1..i.
  void count_along(const RangeInput& in) {
    counts_.assign(in.v.size(), 0);
    for (std::size_t i = 1; i < in.v.size(); ++i) counts_[i] = counts_[i - 1] + (happens(in, i) ? 1 : 0);
  }

  [[nodiscard]] bool happens(const RangeInput& in, std::size_t i) const {
    const double a = in.v[i - 1];
    const double b = in.v[i];
    if (!resets_) return b != a && !(std::isnan(a) && std::isnan(b));
    return b < a ||
           (!in.st.empty() && is_start_timestamp_reset(in.st[i - 1], in.t[i - 1], in.st[i], in.t[i]));
  }

  bool resets_;
  bool anchored_;
  std::vector<std::uint32_t> counts_;
};

}  // namespace

RangeFunctionPtr make_changes_function(FunctionId id, const RangeCallSite& site) {
  return std::make_unique<Changes>(id == FunctionId::resets, site.anchored);
}

}  // namespace narthex::query
