#include "query/functions/labels.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/labels.h"
#include "model/regex.h"
#include "query/engine/merge.h"

namespace narthex::query {

namespace {

/// Passes values on and lets relabel() change each series' labels.
class Relabeling : public VectorOperator {
 public:
  Relabeling(EvalContext& context, VectorOperatorPtr child)
      : query_(context.query), child_(std::move(child)), share_(context.query.budget) {}

  Result<std::vector<SeriesInfo>> open() final {
    if (auto ready = prepare(); !ready) return pass(ready);
    auto series = child_->open();
    if (!series) return series;
    const std::size_t before = query_.pool.size_bytes();
    for (auto& s : *series) {
      if (auto done = relabel(s); !done) return pass(done);
      // New texts may be of any length.
      if (auto charged = share_.set_bytes(query_.pool.size_bytes() - before); !charged) return pass(charged);
    }
    return series;
  }
  Result<bool> next(StepColumn& out) final { return child_->next(out); }

 protected:
  virtual Result<void> prepare() = 0;
  /// Errors: limit.
  virtual Result<void> relabel(SeriesInfo& series) = 0;

  void set(SeriesInfo& series, NameId target, std::string_view value) const {
    query_.pool.set(series.labels, target, value);
    if (target == query_.metric_name) series.drop_name = false;  // a name given on purpose stays
  }
  /// Before a text is made that may be long: texts made of texts grow without bounds.
  [[nodiscard]] Result<void> reserve(std::size_t text_bytes) const {
    constexpr std::size_t kLongText = 16 * 1024;
    return text_bytes < kLongText ? Result<void>()
                                  : BudgetShare(share_.budget(), share_.at()).add(0, text_bytes);
  }
  QueryState& query_;

 private:
  VectorOperatorPtr child_;
  BudgetShare share_;
};

class LabelReplace final : public Relabeling {
 public:
  LabelReplace(EvalContext& context, VectorOperatorPtr child, LabelReplaceSpec spec)
      : Relabeling(context, std::move(child)), spec_(std::move(spec)), regex_share_(context.query.budget) {}

 private:
  Result<void> prepare() override {
    auto regex = Regex::compile(spec_.pattern, query_.regex_memory);
    if (!regex)
      return fail(Code::execution,
                  fmt::format("invalid regular expression in label_replace(): {}", spec_.pattern));
    if (auto charged = regex_share_.add(0, regex->size_bytes()); !charged) return charged;
    regex_.emplace(std::move(*regex));
    if (!is_utf8_name(spec_.target))
      return fail(Code::execution,
                  fmt::format("invalid destination label name in label_replace(): {}", spec_.target));
    target_ = query_.pool.name(spec_.target);
    source_ = query_.pool.name(spec_.source);
    return {};
  }

  Result<void> relabel(SeriesInfo& series) override {
    const auto value = query_.pool.get(series.labels, source_);
    const auto references = static_cast<std::size_t>(std::ranges::count(spec_.replacement, '$'));
    if (auto fits = reserve(spec_.replacement.size() + references * value.size()); !fits) return fits;
    if (auto replaced = regex_->expand(value, spec_.replacement)) set(series, target_, *replaced);
    return {};
  }

  LabelReplaceSpec spec_;
  BudgetShare regex_share_;
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

  Result<void> relabel(SeriesInfo& series) override {
    std::size_t bytes = sources_.size() * spec_.separator.size();
    for (const NameId source : sources_) bytes += query_.pool.get(series.labels, source).size();
    if (auto fits = reserve(bytes); !fits) return fits;
    std::string joined;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if (i > 0) joined += spec_.separator;
      joined += query_.pool.get(series.labels, sources_[i]);
    }
    set(series, target_, joined);
    return {};
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
