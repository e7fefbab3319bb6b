#include "query/engine/absent_over_time.h"

#include "query/engine/window_cutter.h"

namespace narthex::query {

namespace {

class AbsentOverTime final : public VectorOperator {
 public:
  AbsentOverTime(EvalContext& context, RangeSourcePtr source, const WindowShape& shape, LabelIds labels)
      : context_(context),
        source_(std::move(source)),
        shape_(shape),
        cutter_(context.steps, shape_),
        labels_(std::move(labels)) {}

  Result<std::vector<SeriesInfo>> open() override {
    found_.reset(context_.steps.count());
    if (auto series = source_->open(); !series) return series;
    storage::SampleColumns samples;
    for (;;) {
      auto more = source_->next(samples);
      if (!more) return pass(more);
      if (!*more) break;
      const CutWindows windows = cutter_.cut(samples, context_.stats);
      if (auto fits = context_.query.budget.check_passing(windows.widest); !fits) return pass(fits);
      for (std::size_t step = 0; step < windows.bounds.size(); ++step)
        if (!windows.bounds[step].empty()) found_.set(step);
    }
    done_ = found_.full();
    if (done_) return std::vector<SeriesInfo>{};
    return std::vector<SeriesInfo>{{labels_, true}};
  }

  Result<bool> next(StepColumn& out) override {
    if (done_) return false;
    done_ = true;
    out.reset(context_.steps.count());
    for (std::size_t step = 0; step < out.values.size(); ++step)
      if (!found_.test(step)) out.set(step, 1);
    return true;
  }

 private:
  EvalContext& context_;
  RangeSourcePtr source_;
  WindowShape shape_;
  WindowCutter cutter_;
  LabelIds labels_;
  StepBitmap found_;
  bool done_ = false;
};

}  // namespace

VectorOperatorPtr make_absent_over_time(EvalContext& context, RangeSourcePtr source, const WindowShape& shape,
                                        LabelIds labels) {
  return std::make_unique<AbsentOverTime>(context, std::move(source), shape, std::move(labels));
}

}  // namespace narthex::query
