#include "query/functions/info.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "query/engine/label_ops.h"
#include "query/engine/selector.h"

namespace narthex::query {

namespace {

constexpr std::string_view kTargetInfo = "target_info";
constexpr std::uint32_t kNone = ~std::uint32_t{0};

std::string quote_pattern(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\.+*?()|[]{}^$").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

/// The matchers on __name__ that choose info series: never without a positive one.
Result<std::vector<Matcher>> name_matchers(const InfoSpec& spec) {
  std::vector<Matcher> names;
  bool any_positive = false;
  for (const auto& m : spec.matchers) {
    if (m.name() != kMetricName) continue;
    names.push_back(m);
    any_positive = any_positive || m.op() == MatchOp::equal || m.op() == MatchOp::regex;
  }
  if (any_positive) return names;
  if (names.empty())
    return std::vector{Matcher::literal(MatchOp::equal, std::string(kMetricName), std::string(kTargetInfo))};
  auto any_info = Matcher::make(MatchOp::regex, std::string(kMetricName), ".+_info");
  if (!any_info) return pass(any_info);
  names.insert(names.begin(), std::move(*any_info));
  return names;
}

class Info final : public VectorOperator {
 public:
  Info(EvalContext& context, VectorOperatorPtr base, InfoSpec spec)
      : context_(context),
        base_(std::move(base)),
        spec_(std::move(spec)),
        base_columns_(context.query.budget),
        info_columns_(context.query.budget),
        share_(context.query.budget),
        instance_(context.query.pool.name(kInstanceLabel)),
        job_(context.query.pool.name(kJobLabel)) {}

  Result<std::vector<SeriesInfo>> open() override {
    auto base = base_->open();
    if (!base) return base;
    if (auto read = drain(*base_, base_columns_); !read) return pass(read);
    base_infos_ = std::move(*base);
    auto names = name_matchers(spec_);
    if (!names) return pass(names);
    find_ignored(*names);
    for (const auto& m : spec_.matchers)
      if (m.name() != kMetricName) data_matchers_.push_back(m);
    if (auto read = read_info_series(std::move(*names)); !read) return pass(read);
    number_signatures();
    for (std::size_t step = 0; step < context_.steps.count(); ++step) {
      if (auto going_on = context_.query.deadline.check(); !going_on) return pass(going_on);
      if (auto combined = combine(step); !combined) return pass(combined);
    }
    order_by_base();
    return std::move(out_infos_);
  }

  Result<bool> next(StepColumn& out) override {
    if (next_ == out_columns_.size()) return false;
    out = std::move(out_columns_[next_++]);
    return true;
  }

 private:
  /// Series that are info series themselves pass unchanged.
  void find_ignored(const std::vector<Matcher>& names) {
    for (const auto& s : base_infos_) {
      const auto name = context_.query.pool.get(s.labels, context_.query.metric_name);
      ignored_.push_back(std::ranges::all_of(names, [&](const Matcher& m) { return m.matches(name); }));
    }
  }

  /// Reads the info series with the instances and jobs that the base series have.
  Result<void> read_info_series(std::vector<Matcher> names) {
    std::map<NameId, std::set<std::string_view>> wanted;
    for (std::size_t i = 0; i < base_infos_.size(); ++i) {
      if (ignored_[i] || !base_columns_[i].present.any()) continue;
      for (const auto label : {instance_, job_})
        if (const auto value = context_.query.pool.get(base_infos_[i].labels, label); !value.empty())
          wanted[label].insert(value);
    }
    if (wanted.empty()) return {};
    SelectorSpec select;
    for (const auto& [label, values] : wanted) {
      std::string pattern;
      for (const auto value : values) {
        if (!pattern.empty()) pattern += '|';
        pattern += quote_pattern(value);
      }
      auto matcher =
          Matcher::make(MatchOp::regex, std::string(context_.query.pool.text(label)), std::move(pattern));
      if (!matcher) return pass(matcher);
      select.matchers.push_back(std::move(*matcher));
    }
    select.matchers.insert(select.matchers.end(), data_matchers_.begin(), data_matchers_.end());
    std::ranges::move(names, std::back_inserter(select.matchers));
    select.at = spec_.at;
    select.offset = spec_.offset;
    info_ = make_instant_selector(context_, std::move(select), InstantValue::timestamp_in_ms);
    auto infos = info_->open();
    if (!infos) return pass(infos);
    info_infos_ = std::move(*infos);
    return drain(*info_, info_columns_);
  }

  /// Metric name, instance and job of an info series, and of each base series with each name.
  void number_signatures() {
    const auto& query = context_.query;
    NameSet identifying;
    identifying.add(instance_);
    identifying.add(job_);
    LabelIdsIndex index;
    std::vector<std::string_view> names;
    const auto number = [&](const LabelIds& labels, std::string_view name) {
      LabelIds signature = keep_names(query.pool, labels, identifying);
      context_.query.pool.set(signature, query.metric_name, name);
      return index.insert(signature).first;
    };
    for (const auto& s : info_infos_) {
      const auto name = query.pool.get(s.labels, query.metric_name);
      info_signature_.push_back(number(s.labels, name));
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
    for (const auto& s : base_infos_) {
      base_signatures_.emplace_back();
      for (const auto name : names) base_signatures_.back().push_back(number(s.labels, name));
    }
    newest_.resize(index.size());
    cache_.resize(base_infos_.size());
  }

  Result<void> combine(std::size_t step) {
    const auto present = [&](std::size_t i) { return base_columns_[i].present.test(step); };
    bool any = false;
    for (std::size_t i = 0; i < base_infos_.size() && !any; ++i) any = present(i);
    if (!any) return {};
    if (auto found = find_newest(step); !found) return found;
    for (std::size_t i = 0; i < base_infos_.size(); ++i) {
      if (!present(i)) continue;
      auto out = ignored_[i] ? output(base_infos_[i].labels, base_infos_[i].drop_name) : enrich(i);
      if (!out) return pass(out);
      if (*out == kNone) continue;
      out_base_[*out] = std::min(out_base_[*out], i);
      StepColumn& column = out_columns_[*out];
      if (column.present.test(step)) return fail(Code::execution, std::string(kSameLabelset));
      column.copy(step, base_columns_[i]);
      if (auto charged = share_.add(1, 0); !charged) return charged;
    }
    return {};
  }

  /// Of several info series with one signature the one with the newest sample counts.
  Result<void> find_newest(std::size_t step) {
    std::ranges::fill(newest_, kNone);
    for (std::uint32_t i = 0; i < info_infos_.size(); ++i) {
      if (!info_columns_[i].present.test(step)) continue;
      auto& newest = newest_[info_signature_[i]];
      if (newest == kNone) {
        newest = i;
        continue;
      }
      const double known = info_columns_[newest].values[step];
      const double other = info_columns_[i].values[step];
      if (known == other)
        return fail(
            Code::execution,
            fmt::format("found duplicate series for info metric: existing {} @ {:.0f}, new {} @ {:.0f}",
                        text(info_infos_[newest].labels), known, text(info_infos_[i].labels), other));
      if (known < other) newest = i;
    }
    return {};
  }

  /// @return  the output series of base series i with the info series of this step; kNone if
  ///          a label asked for is missing
  Result<std::uint32_t> enrich(std::size_t i) {
    std::vector<std::uint32_t> chosen;
    for (const auto signature : base_signatures_[i])
      if (newest_[signature] != kNone) chosen.push_back(newest_[signature]);
    Cached& cached = cache_[i];
    if (cached.valid && cached.chosen == chosen) return cached.output;
    auto found = enrich_with(i, chosen);
    if (found) cached = {true, std::move(chosen), *found};
    return found;
  }

  Result<std::uint32_t> enrich_with(std::size_t i, const std::vector<std::uint32_t>& chosen) {
    auto& pool = context_.query.pool;
    const auto& base = base_infos_[i];
    if (chosen.empty() &&
        !std::ranges::all_of(data_matchers_, [](const Matcher& m) { return m.matches_empty(); }))
      return kNone;
    LabelIds added;
    for (const auto info : chosen) {
      for (const auto pair : info_infos_[info].labels) {
        const auto name = pool.name_of(pair);
        if (name == context_.query.metric_name || !is_asked_for(pool.text(name))) continue;
        const auto known = pool.get(added, name);
        if (!known.empty() && known != pool.value(pair))
          return fail(Code::execution, fmt::format("conflicting label: {}", pool.text(name)));
        if (pool.get(base.labels, name).empty()) pool.set(added, name, pool.value(pair));
      }
    }
    LabelIds labels = base.labels;
    for (const auto pair : added) pool.set(labels, pool.name_of(pair), pool.value(pair));
    return output(labels, base.drop_name);
  }

  [[nodiscard]] bool is_asked_for(std::string_view name) const {
    return data_matchers_.empty() ||
           std::ranges::any_of(data_matchers_, [&](const Matcher& m) { return m.name() == name; });
  }

  Result<std::uint32_t> output(const LabelIds& labels, bool drop_name) {
    const auto [number, is_new] = out_index_.insert(labels);
    if (!is_new) return number;
    StepColumn column;
    column.reset(context_.steps.count());
    if (auto charged = share_.add(0, column.size_bytes()); !charged) return pass(charged);
    out_columns_.push_back(std::move(column));
    out_infos_.push_back({labels, drop_name});
    out_base_.push_back(base_infos_.size());
    return number;
  }

  /// In the order of the base series, which is that of any single step: sums over a range add up as those of
  /// its steps alone.
  void order_by_base() {
    std::vector<std::size_t> order(out_columns_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, {}, [this](std::size_t out) { return out_base_[out]; });
    std::vector<SeriesInfo> infos;
    std::vector<StepColumn> columns;
    for (const std::size_t out : order) {
      infos.push_back(std::move(out_infos_[out]));
      columns.push_back(std::move(out_columns_[out]));
    }
    out_infos_ = std::move(infos);
    out_columns_ = std::move(columns);
  }

  [[nodiscard]] std::string text(const LabelIds& labels) const {
    return context_.query.pool.labels(labels).to_string();
  }

  struct Cached {
    bool valid = false;
    std::vector<std::uint32_t> chosen;
    std::uint32_t output = kNone;
  };

  EvalContext& context_;
  VectorOperatorPtr base_;
  InfoSpec spec_;
  VectorOperatorPtr info_;
  HeldColumns base_columns_;
  HeldColumns info_columns_;
  BudgetShare share_;
  NameId instance_;
  NameId job_;
  std::vector<Matcher> data_matchers_;
  std::vector<SeriesInfo> base_infos_;
  std::vector<SeriesInfo> info_infos_;
  std::vector<bool> ignored_;
  std::vector<std::uint32_t> info_signature_;
  std::vector<std::vector<std::uint32_t>> base_signatures_;
  std::vector<std::uint32_t> newest_;  ///< info series per signature at the current step
  std::vector<Cached> cache_;          ///< per base series: what the last step gave
  LabelIdsIndex out_index_;
  std::vector<SeriesInfo> out_infos_;
  std::vector<StepColumn> out_columns_;
  std::vector<std::size_t> out_base_;  ///< the first base series that each comes of
  std::size_t next_ = 0;
};

}  // namespace

VectorOperatorPtr make_info(EvalContext& context, VectorOperatorPtr base, InfoSpec spec) {
  return std::make_unique<Info>(context, std::move(base), std::move(spec));
}

}  // namespace narthex::query
