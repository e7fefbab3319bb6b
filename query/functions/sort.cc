#include "query/functions/sort.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>

namespace narthex::query {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// The digits, or the non-digits, that `text` begins with.
std::string_view first_chunk(std::string_view text) {
  std::size_t n = 1;
  while (n < text.size() && is_digit(text[n]) == is_digit(text[0])) ++n;
  return text.substr(0, n);
}

std::optional<std::int64_t> as_number(std::string_view chunk) {
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(chunk.data(), chunk.data() + chunk.size(), n);
  if (error != std::errc{} || end != chunk.data() + chunk.size() || !is_digit(chunk[0])) return std::nullopt;
  return n;
}

template <class T>
int three_way(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

class Sort final : public VectorOperator {
 public:
  Sort(EvalContext& context, FunctionId id, VectorOperatorPtr child, const std::vector<std::string>& labels,
       Span call)
      : context_(context),
        id_(id),
        child_(std::move(child)),
        call_(call),
        columns_(context.query.budget),
        annotator_(context.query.annotator()) {
    for (const auto& l : labels) labels_.push_back(context.query.pool.name(l));
  }

  Result<std::vector<SeriesInfo>> open() override {
    auto series = child_->open();
    if (!series) return series;
    if (!context_.single_step()) {
      annotator_.warn("sort is ineffective for range queries since results are always ordered by labels",
                      call_);
      return series;
    }
    if (auto read = drain(*child_, columns_); !read) return pass(read);
    if (sorts_values())
      for (std::size_t i = 0; i < columns_.size(); ++i) columns_[i].drop_histograms();
    sorted_ = true;
    order_.resize(series->size());
    std::iota(order_.begin(), order_.end(), 0u);
    std::ranges::sort(order_, [&](std::uint32_t a, std::uint32_t b) {
      const int order = sorts_values() ? compare_values(a, b) : compare_labels(*series, a, b);
      return order != 0 ? order < 0 : a < b;
    });
    std::vector<SeriesInfo> out;
    for (const auto i : order_) out.push_back(std::move((*series)[i]));
    return out;
  }

  Result<bool> next(StepColumn& out) override {
    if (!sorted_) {
      auto more = child_->next(out);
      if (more && *more && sorts_values()) out.drop_histograms();
      return more;
    }
    if (next_ == order_.size()) return false;
    out = columns_.take(order_[next_++]);
    return true;
  }

 private:
  [[nodiscard]] bool sorts_values() const { return id_ == FunctionId::sort || id_ == FunctionId::sort_desc; }

  /// NaN comes last in either direction.
  [[nodiscard]] int compare_values(std::uint32_t a, std::uint32_t b) const {
    const double x = columns_[a].values[0];
    const double y = columns_[b].values[0];
    if (std::isnan(x) || std::isnan(y)) return (std::isnan(x) ? 1 : 0) - (std::isnan(y) ? 1 : 0);
    return id_ == FunctionId::sort ? three_way(x, y) : three_way(y, x);
  }

  [[nodiscard]] int compare_labels(const std::vector<SeriesInfo>& series, std::uint32_t a,
                                   std::uint32_t b) const {
    const auto& pool = context_.query.pool;
    int order = 0;
    for (std::size_t i = 0; i < labels_.size() && order == 0; ++i)
      order = compare_natural(pool.get(series[a].labels, labels_[i]), pool.get(series[b].labels, labels_[i]));
    if (order == 0) {
      const auto whole = pool.compare(series[a].labels, series[b].labels);
      order = whole < 0 ? -1 : whole > 0 ? 1 : 0;
    }
    return id_ == FunctionId::sort_by_label ? order : -order;
  }

  EvalContext& context_;
  FunctionId id_;
  VectorOperatorPtr child_;
  Span call_;
  HeldColumns columns_;
  Annotator annotator_;
  std::vector<NameId> labels_;
  bool sorted_ = false;
  std::vector<std::uint32_t> order_;
  std::size_t next_ = 0;
};

}  // namespace

VectorOperatorPtr make_sort(EvalContext& context, FunctionId id, VectorOperatorPtr child,
                            const std::vector<std::string>& labels, Span call) {
  return std::make_unique<Sort>(context, id, std::move(child), labels, call);
}

int compare_natural(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    const auto chunk_a = first_chunk(a);
    const auto chunk_b = first_chunk(b);
    const auto number_a = as_number(chunk_a);
    const auto number_b = as_number(chunk_b);
    const int order = number_a && number_b ? three_way(*number_a, *number_b) : three_way(chunk_a, chunk_b);
    if (order != 0) return order;
    a.remove_prefix(chunk_a.size());
    b.remove_prefix(chunk_b.size());
  }
  return three_way(a.size(), b.size());
}

}  // namespace narthex::query
