// changes and resets of series with native histograms. A change of kind counts as both.
// Source: Prometheus promql/functions.go, funcResets, funcChanges
#include <algorithm>
#include <cmath>

#include "query/functions/mixed_range.h"
#include "query/histogram/arithmetic.h"
#include "query/histogram/reset.h"

namespace narthex::query {

namespace {

struct Sample {
  Timestamp t = 0;
  Timestamp st = 0;
  double v = 0;
  const FloatHistogram* h = nullptr;
};

std::vector<Sample> in_order(const FloatRun& floats, const HistogramRun& histograms) {
  std::vector<Sample> all;
  all.reserve(floats.size() + histograms.size());
  for (std::size_t f = 0, h = 0; f < floats.size() || h < histograms.size();) {
    if (h == histograms.size() || (f < floats.size() && floats.t[f] < histograms.t[h])) {
      all.push_back({floats.t[f], floats.start_of(f), floats.v[f], nullptr});
      ++f;
    } else {
      all.push_back({histograms.t[h], histograms.start_of(h), 0, histograms.v[h]});
      ++h;
    }
  }
  return all;
}

class HistogramChanges final : public HistogramFunction {
 public:
  HistogramChanges(bool resets, bool anchored) : resets_(resets), anchored_(anchored) {}

  void at_step(const PartedSeries& series, const RangeInput& in, std::size_t step, StepColumn& out) override {
    const auto samples = in_order(series.floats(step), series.histograms(step));
    std::size_t first = 0;
    if (anchored_) {
      const auto after = std::ranges::upper_bound(samples, in.window_start(step), {}, &Sample::t);
      if (after == samples.end()) return;
      if (after != samples.begin()) first = static_cast<std::size_t>(after - samples.begin()) - 1;
    }
    double n = 0;
    for (std::size_t i = first + 1; i < samples.size(); ++i)
      if (happens(samples[i - 1], samples[i])) ++n;
    out.set(step, n);
  }

 private:
  [[nodiscard]] bool happens(const Sample& a, const Sample& b) const {
    if ((a.h != nullptr) != (b.h != nullptr)) return true;
    if (!resets_) {
      if (a.h) return !same_value(*b.h, *a.h);
      return b.v != a.v && !(std::isnan(a.v) && std::isnan(b.v));
    }
    if (is_start_timestamp_reset(a.st, a.t, b.st, b.t)) return true;
    return a.h ? was_reset(*b.h, *a.h) : b.v < a.v;
  }

  bool resets_;
  bool anchored_;
};

}  // namespace

HistogramFunctionPtr make_histogram_changes(FunctionId id, const RangeCallSite& site) {
  return std::make_unique<HistogramChanges>(id == FunctionId::resets, site.anchored);
}

}  // namespace narthex::query
