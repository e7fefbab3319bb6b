// count_values: as many output series as there are groups and different values. Output labels
// depend on values, so the input is read to its end before they are known.
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "model/histogram_text.h"
#include "model/labels.h"
#include "model/value.h"
#include "query/engine/aggregation.h"
#include "query/engine/grouping.h"

namespace narthex::query {

namespace {

class CountValues final : public VectorOperator {
 public:
  CountValues(EvalContext& context, const AggregateSpec& spec, VectorOperatorPtr child, std::string label)
      : context_(context),
        child_(std::move(child)),
        label_(std::move(label)),
        grouping_(context.query, spec.grouping, spec.without),
        share_(context.query.budget) {}

  Result<std::vector<SeriesInfo>> open() override {
    if (!is_utf8_name(label_))
      return fail(Code::execution, fmt::format("invalid label name {}", quote(label_)));
    label_name_ = context_.query.pool.name(label_);
    if (!grouping_.is_without()) grouping_.add_name(label_name_);
    auto series = child_->open();
    if (!series) return series;
    known_bytes_ = context_.query.pool.size_bytes();
    StepColumn column;
    for (std::size_t i = 0;; ++i) {
      auto more = child_->next(column);
      if (!more) return pass(more);
      if (!*more) break;
      if (auto counted = count((*series)[i].labels, column); !counted) return pass(counted);
    }
    return std::move(infos_);
  }

  Result<bool> next(StepColumn& out) override {
    if (next_ == counts_.size()) return false;
    out.reset(context_.steps.count());
    for (const auto& [step, n] : counts_[next_]) out.set(step, n);
    ++next_;
    return true;
  }

 private:
  using CountsPerStep = boost::unordered_flat_map<std::uint32_t, double>;

  Result<void> count(const LabelIds& labels, const StepColumn& column) {
    std::uint64_t known_bits = 0;
    std::uint32_t group = 0;
    bool is_known = false;
    std::uint64_t new_points = 0;
    column.present.for_each([&](std::size_t step) {
      if (const auto* h = column.histogram(step)) {
        is_known = false;
        double& n = counts_[group_of(labels, to_text(*h))][static_cast<std::uint32_t>(step)];
        if (n == 0) ++new_points;
        ++n;
        return;
      }
      const auto bits = std::bit_cast<std::uint64_t>(column.values[step]);
      if (!is_known || bits != known_bits) {  // runs of one value are the rule
        group = group_of(labels, format_plain(column.values[step]));
        known_bits = bits;
        is_known = true;
      }
      double& n = counts_[group][static_cast<std::uint32_t>(step)];
      if (n == 0) ++new_points;
      ++n;
    });
    return share_.add(new_points, new_points * 2 * sizeof(double) + bytes_of_new_groups());
  }

  /// Since it was asked last: their labels, kept here and in the index, and the first block of
  /// their table.
  std::uint64_t bytes_of_new_groups() {
    constexpr std::uint64_t kTableBytes = 400;
    std::uint64_t bytes = index_.size_bytes() + context_.query.pool.size_bytes();
    for (; charged_groups_ < infos_.size(); ++charged_groups_)
      list_bytes_ += kTableBytes + label_list_bytes(infos_[charged_groups_].labels.size());
    bytes += list_bytes_;
    const std::uint64_t more = bytes - std::min(bytes, known_bytes_);
    known_bytes_ += more;
    return more;
  }

  std::uint32_t group_of(const LabelIds& labels, std::string_view value) {
    LabelIds with = labels;
    context_.query.pool.set(with, label_name_, value);
    LabelIds grouped = grouping_.labels(with);
    const auto [number, is_new] = index_.insert(grouped);
    if (is_new) {
      infos_.push_back({std::move(grouped), false});
      counts_.emplace_back();
    }
    return number;
  }

  EvalContext& context_;
  VectorOperatorPtr child_;
  std::string label_;
  NameId label_name_{};
  Grouping grouping_;
  BudgetShare share_;
  LabelIdsIndex index_;
  std::vector<SeriesInfo> infos_;
  std::vector<CountsPerStep> counts_;
  std::size_t charged_groups_ = 0;  ///< whose lists are in list_bytes_
  std::uint64_t list_bytes_ = 0;
  std::uint64_t known_bytes_ = 0;  ///< of groups and pool, charged or held before
  std::size_t next_ = 0;
};

}  // namespace

VectorOperatorPtr make_count_values(EvalContext& context, const AggregateSpec& spec, VectorOperatorPtr child,
                                    std::string label) {
  return std::make_unique<CountValues>(context, spec, std::move(child), std::move(label));
}

}  // namespace narthex::query
