#include "query/functions/labels.h"

#include <fmt/format.h>

#include "model/labels.h"
#include "model/regex.h"
#include "query/engine/merge.h"

namespace narthex::query {

namespace {

/// Passes values on and lets relabel() change each series' labels.
class Relabeling : public VectorOperator {
 public:
  Relabeling(EvalContext& context, VectorOperatorPtr child)
      : query_(context.query), child_(std::move(child)) {}

  Result<std::vector<SeriesInfo>> open() final {
    if (auto ready = prepare(); !ready) return pass(ready);
    auto series = child_->open();
    if (series)
      for (auto& s : *series) relabel(s);
    return series;
  }
  Result<bool> next(StepColumn& out) final { return child_->next(out); }

 protected:
  virtual Result<void> prepare() = 0;
  virtual void relabel(SeriesInfo& series) = 0;

  void set(SeriesInfo& series, NameId target, std::string_view value) const {
    query_.pool.set(series.labels, target, value);
    if (target == query_.metric_name) series.drop_name = false;  // a name given on purpose stays
  }
  QueryState& query_;

 private:
  VectorOperatorPtr child_;
};

class LabelReplace final : public Relabeling {
 public:
  LabelReplace(EvalContext& context, VectorOperatorPtr child, LabelReplaceSpec spec)
      : Relabeling(context, std::move(child)), spec_(std::move(spec)) {}

 private:
  Result<void> prepare() override {
    auto regex = Regex::compile(spec_.pattern);
    if (!regex)
      return fail(Code::execution,
                  fmt::format("invalid regular expression in label_replace(): {}", spec_.pattern));
    regex_.emplace(std::move(*regex));
    if (!is_utf8_name(spec_.target))
      return fail(Code::execution,
                  fmt::format("invalid destination label name in label_replace(): {}", spec_.target));
    target_ = query_.pool.name(spec_.target);
    source_ = query_.pool.name(spec_.source);
    return {};
  }

  void relabel(SeriesInfo& series) override {
    const auto value = query_.pool.get(series.labels, source_);
    if (auto replaced = regex_->expand(value, spec_.replacement)) set(series, target_, *replaced);
  }

  LabelReplaceSpec spec_;
  std::optional<Regex> regex_;
  NameId target_{};
  NameId source_{};
};

class LabelJoin final : public Relabeling {
 public:
  LabelJoin(EvalContext& context, VectorOperatorPtr child, LabelJoinSpec spec)
      : Relabeling(context, std::move(child)), spec_(std::move(spec)) {}

 private:
  Result<void> prepare() override {
    for (const auto& source : spec_.sources) {
      if (!is_utf8_name(source))
        return fail(Code::execution, fmt::format("invalid source label name in label_join(): {}", source));
      sources_.push_back(query_.pool.name(source));
    }
    if (!is_utf8_name(spec_.target))
      return fail(Code::execution,
                  fmt::format("invalid destination label name in label_join(): {}", spec_.target));
    target_ = query_.pool.name(spec_.target);
    return {};
  }

  void relabel(SeriesInfo& series) override {
    std::string joined;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if (i > 0) joined += spec_.separator;
      joined += query_.pool.get(series.labels, sources_[i]);
    }
    set(series, target_, joined);
  }

  LabelJoinSpec spec_;
  NameId target_{};
  std::vector<NameId> sources_;
};

}  // namespace

VectorOperatorPtr make_label_replace(EvalContext& context, VectorOperatorPtr child, LabelReplaceSpec spec) {
  return merge_same_labels(std::make_unique<LabelReplace>(context, std::move(child), std::move(spec)),
                           context);
}

VectorOperatorPtr make_label_join(EvalContext& context, VectorOperatorPtr child, LabelJoinSpec spec) {
  return merge_same_labels(std::make_unique<LabelJoin>(context, std::move(child), std::move(spec)), context);
}

}  // namespace narthex::query
