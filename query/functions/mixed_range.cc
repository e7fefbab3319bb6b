#include "query/functions/mixed_range.h"

namespace narthex::query {

namespace {

class WithHistograms final : public RangeFunction {
 public:
  WithHistograms(RangeFunctionPtr of_floats, FunctionId id, const RangeCallSite& site)
      : of_floats_(std::move(of_floats)), id_(id), site_(site) {}

  Result<void> prepare(std::vector<std::vector<double>> scalars) override {
    return of_floats_->prepare(std::move(scalars));
  }

  Result<void> run(const RangeInput& in, StepColumn& out) override {
    if (in.histograms.empty()) return of_floats_->run(in, out);
    if (!mixed_) mixed_ = std::make_unique<Mixed>(make_histogram_function(id_, site_));
    auto& [of_histograms, series] = *mixed_;
    series.part(in);
    for (std::size_t step = 0; step < in.windows.size(); ++step) {
      if (series.histograms(step).empty()) continue;
      if (auto good = of_floats_->check_arguments(step); !good) return good;
      if (of_histograms)
        series.hide_floats(step);
      else if (!series.floats(step).empty())
        site_.annotator.info(texts::ignored_in_mixed_range(in.metric_name), site_.first_argument);
    }
    if (auto ran = of_floats_->run(series.float_input(in), out); !ran) return ran;
    if (!of_histograms) return {};
    for (std::size_t step = 0; step < in.windows.size(); ++step)
      if (!series.histograms(step).empty()) of_histograms->at_step(series, in, step, out);
    return {};
  }

  [[nodiscard]] std::uint64_t size_bytes() const override { return of_floats_->size_bytes(); }

 private:
  struct Mixed {
    HistogramFunctionPtr of_histograms;  ///< null: they are ignored
    PartedSeries series;
  };
  RangeFunctionPtr of_floats_;
  FunctionId id_;
  RangeCallSite site_;
  std::unique_ptr<Mixed> mixed_;  ///< null: no series had histograms yet
};

}  // namespace

RangeFunctionPtr with_histograms(RangeFunctionPtr of_floats, FunctionId id, const RangeCallSite& site) {
  return std::make_unique<WithHistograms>(std::move(of_floats), id, site);
}

HistogramFunctionPtr make_histogram_function(FunctionId id, const RangeCallSite& site) {
  switch (id) {
    case FunctionId::rate:
    case FunctionId::increase:
    case FunctionId::delta:
      return site.anchored || site.smoothed ? make_histogram_extended_rate(id, site)
                                            : make_histogram_rate(id, site);
    case FunctionId::irate:
    case FunctionId::idelta:
      return make_histogram_rate(id, site);
    case FunctionId::changes:
    case FunctionId::resets:
      return make_histogram_changes(id, site);
    default:
      return make_histogram_over_time(id, site);
  }
}

}  // namespace narthex::query
