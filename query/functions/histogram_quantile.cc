#include "query/functions/histogram_quantile.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "model/labels.h"
#include "model/value.h"
#include "query/engine/annotation_texts.h"
#include "query/engine/label_ops.h"
#include "query/engine/merge.h"
#include "query/functions/classic_buckets.h"
#include "query/functions/quantile.h"
#include "query/histogram/statistics.h"

namespace narthex::query {

namespace {

/// The histograms of a vector, native ones before classic ones, read into columns.
class HistogramSet {
 public:
  HistogramSet(EvalContext& context, HistogramArgument argument)
      : context_(context),
        argument_(std::move(argument)),
        columns_(context.query.budget),
        annotator_(context.query.annotator()) {}

  Result<void> read() {
    auto series = argument_.vector->open();
    if (!series) return pass(series);
    if (auto read = drain(*argument_.vector, columns_); !read) return read;
    argument_.vector.reset();
    group(*series);
    for (auto& h : histograms_)
      std::ranges::sort(h.buckets, [](const Bucket& a, const Bucket& b) {
        return a.upper != b.upper ? a.upper < b.upper : a.series < b.series;
      });
    return {};
  }

  [[nodiscard]] std::size_t size() const { return natives_.size() + histograms_.size(); }
  /// The labels of the results.
  [[nodiscard]] const LabelIds& labels(std::size_t i) const {
    return i < natives_.size() ? natives_[i].labels : classic(i).labels;
  }
  /// As annotations name it; "" where names are dropped at once.
  [[nodiscard]] std::string_view name(std::size_t i) const {
    return i < natives_.size() ? natives_[i].name : classic(i).name;
  }
  [[nodiscard]] Span span() const { return argument_.span; }
  [[nodiscard]] const Annotator& annotator() const { return annotator_; }

  /// Null if there is none at this step, or a classic one with the same labels, or i is classic.
  [[nodiscard]] const FloatHistogram* native_at(std::size_t i, std::size_t step) const {
    if (i >= natives_.size()) return nullptr;
    const Native& native = natives_[i];
    const FloatHistogram* h = histogram(native.series, step);
    if (!h || !native.rival || !has_buckets(*native.rival, step)) return h;
    annotator_.warn(texts::mixed_classic_native(native.name), argument_.span);
    return nullptr;
  }

  /// Those present at a step, sorted by bound; empty if there is no classic histogram there.
  void buckets_at(std::size_t i, std::size_t step, ClassicBuckets& out) const {
    out.clear();
    if (i < natives_.size()) return;
    const Histogram& h = classic(i);
    if (h.rival && histogram(*h.rival, step)) return;
    for (const auto& b : h.buckets)
      if (is_float(b.series, step)) out.push_back({b.upper, columns_[b.series].values[step]});
  }

 private:
  struct Bucket {
    double upper = 0;
    std::size_t series = 0;
  };
  struct Histogram {
    LabelIds labels;
    std::string_view name;
    std::vector<Bucket> buckets;
    std::optional<std::size_t> rival;  ///< series of native histograms with the same labels
  };
  struct Native {
    LabelIds labels;
    std::string_view name;
    std::size_t series = 0;
    std::optional<std::size_t> rival;  ///< classic histogram with the same labels
  };

  [[nodiscard]] const Histogram& classic(std::size_t i) const { return histograms_[i - natives_.size()]; }
  [[nodiscard]] const FloatHistogram* histogram(std::size_t series, std::size_t step) const {
    const StepColumn& column = columns_[series];
    return column.present.test(step) ? column.histogram(step) : nullptr;
  }
  [[nodiscard]] bool is_float(std::size_t series, std::size_t step) const {
    return columns_[series].present.test(step) && !columns_[series].histogram(step);
  }
  [[nodiscard]] bool has_buckets(std::size_t classic_number, std::size_t step) const {
    return std::ranges::any_of(histograms_[classic_number].buckets,
                               [&](const Bucket& b) { return is_float(b.series, step); });
  }
  [[nodiscard]] LabelIds result_labels(LabelIds labels) const {
    return context_.query.delayed_name_removal ? std::move(labels)
                                               : without_metric_name(context_.query, labels);
  }
  [[nodiscard]] std::string_view name_of(const LabelIds& labels) const {
    const auto& query = context_.query;
    return query.delayed_name_removal ? query.pool.get(labels, query.metric_name) : std::string_view{};
  }

  void group(const std::vector<SeriesInfo>& series) {
    auto& query = context_.query;
    NameSet le;
    const NameId le_name = query.pool.name(kBucketLabel);
    le.add(le_name);
    LabelIdsIndex index;
    for (std::size_t i = 0; i < series.size(); ++i) {
      if (!columns_[i].any_float()) continue;
      const auto& labels = series[i].labels;
      const auto name = name_of(labels);
      const auto text = query.pool.get(labels, le_name);
      const auto upper = parse_float(text);
      if (!upper) {
        annotator_.warn(
            with_metric_name(
                fmt::format("bucket label \"le\" is missing or has a malformed value of {}", quote(text)),
                name),
            argument_.span);
        continue;
      }
      LabelIds rest = without_names(query.pool, labels, le);
      const auto [number, is_new] = index.insert(rest);
      if (is_new) histograms_.push_back({result_labels(std::move(rest)), name, {}, {}});
      histograms_[number].buckets.push_back({*upper, i});
    }
    for (std::size_t i = 0; i < series.size(); ++i) {
      if (columns_[i].histograms.empty()) continue;
      const auto number = index.insert(series[i].labels).first;
      Native native{result_labels(series[i].labels), name_of(series[i].labels), i, {}};
      if (number < histograms_.size()) {
        native.rival = number;
        histograms_[number].rival = i;
      }
      natives_.push_back(std::move(native));
    }
  }

  EvalContext& context_;
  HistogramArgument argument_;
  HeldColumns columns_;
  Annotator annotator_;
  std::vector<Histogram> histograms_;  ///< classic ones
  std::vector<Native> natives_;
};

/// A quantile argument at all steps.
Result<std::vector<double>> read_quantiles(QuantileArgument& argument, const Annotator& annotator) {
  auto values = argument.q->values();
  if (!values) return values;
  double last_bad = 0;
  bool any_bad = false;
  for (const double q : *values) {
    if (is_valid_quantile(q) ||
        (any_bad && std::bit_cast<std::uint64_t>(q) == std::bit_cast<std::uint64_t>(last_bad)))
      continue;
    annotator.warn(invalid_quantile_text(q), argument.span);
    last_bad = q;
    any_bad = true;
  }
  return values;
}

class HistogramQuantiles final : public VectorOperator {
 public:
  /// @param label  "" for histogram_quantile, which has no label for it
  HistogramQuantiles(EvalContext& context, HistogramArgument of, std::string label, bool with_label,
                     std::vector<QuantileArgument> qs)
      : context_(context),
        set_(context, std::move(of)),
        label_(std::move(label)),
        with_label_(with_label),
        arguments_(std::move(qs)) {}

  Result<std::vector<SeriesInfo>> open() override {
    for (auto& argument : arguments_) {
      auto q = read_quantiles(argument, set_.annotator());
      if (!q) return pass(q);
      quantiles_.push_back(std::move(*q));
    }
    if (auto read = set_.read(); !read) return pass(read);
    std::vector<SeriesInfo> out;
    for (std::size_t a = 0; a < quantiles_.size(); ++a) {
      if (with_label_)
        add_labelled(a, out);
      else
        for (std::size_t h = 0; h < set_.size(); ++h) add(a, h, 0, set_.labels(h), out);
    }
    return out;
  }

  Result<bool> next(StepColumn& out) override {
    if (next_ == outputs_.size()) return false;
    if (auto going_on = context_.query.deadline.check(); !going_on) return pass(going_on);
    const Output& output = outputs_[next_++];
    out.reset(context_.steps.count());
    for (std::size_t step = 0; step < out.values.size(); ++step) {
      const double q = quantiles_[output.argument][step];
      if (with_label_ && std::bit_cast<std::uint64_t>(q) != output.q_bits) continue;
      if (const auto* native = set_.native_at(output.histogram, step)) {
        out.set(step, quantile_of_native(output.histogram, q, *native));
        continue;
      }
      set_.buckets_at(output.histogram, step, buckets_);
      if (buckets_.empty()) continue;
      const auto quantile = bucket_quantile(q, buckets_);
      out.set(step, quantile.value);
      if (quantile.forced_monotonic)
        set_.annotator().forced_monotonicity(
            set_.name(output.histogram), set_.span(),
            {context_.steps.at(step), quantile.min_bucket, quantile.max_bucket, quantile.max_diff});
    }
    return true;
  }

 private:
  struct Output {
    std::size_t argument = 0;
    std::size_t histogram = 0;
    std::uint64_t q_bits = 0;  ///< with a label: only the steps with this quantile
  };

  double quantile_of_native(std::size_t i, double q, const FloatHistogram& h) const {
    const auto quantile = native_quantile(q, h);
    if (quantile.is_nan_for_nans) set_.annotator().info(texts::quantile_is_nan(set_.name(i)), set_.span());
    if (quantile.is_skewed_by_nans)
      set_.annotator().info(texts::quantile_is_skewed(set_.name(i)), set_.span());
    return quantile.value;
  }

  void add(std::size_t argument, std::size_t histogram, std::uint64_t q_bits, LabelIds labels,
           std::vector<SeriesInfo>& out) {
    outputs_.push_back({argument, histogram, q_bits});
    out.push_back({std::move(labels), true});
  }

  /// The label follows the quantile, which may change from step to step.
  void add_labelled(std::size_t argument, std::vector<SeriesInfo>& out) {
    auto& pool = context_.query.pool;
    const NameId name = pool.name(label_);
    std::vector<std::uint64_t> seen;
    for (const double q : quantiles_[argument]) {
      const auto bits = std::bit_cast<std::uint64_t>(q);
      if (!seen.empty() && (seen.back() == bits || std::ranges::find(seen, bits) != seen.end())) continue;
      seen.push_back(bits);
      for (std::size_t h = 0; h < set_.size(); ++h) {
        LabelIds labels = set_.labels(h);
        pool.set(labels, name, format_open_metrics(q));
        add(argument, h, bits, std::move(labels), out);
      }
    }
  }

  EvalContext& context_;
  HistogramSet set_;
  std::string label_;
  bool with_label_;
  std::vector<QuantileArgument> arguments_;
  std::vector<std::vector<double>> quantiles_;
  std::vector<Output> outputs_;
  ClassicBuckets buckets_;
  std::size_t next_ = 0;
};

class HistogramFraction final : public VectorOperator {
 public:
  HistogramFraction(EvalContext& context, ScalarOperatorPtr lower, ScalarOperatorPtr upper,
                    HistogramArgument of)
      : context_(context), lower_(std::move(lower)), upper_(std::move(upper)), set_(context, std::move(of)) {}

  Result<std::vector<SeriesInfo>> open() override {
    auto lower = lower_->values();
    if (!lower) return pass(lower);
    auto upper = upper_->values();
    if (!upper) return pass(upper);
    lower_values_ = std::move(*lower);
    upper_values_ = std::move(*upper);
    if (auto read = set_.read(); !read) return pass(read);
    std::vector<SeriesInfo> out;
    for (std::size_t h = 0; h < set_.size(); ++h) out.push_back({set_.labels(h), true});
    return out;
  }

  Result<bool> next(StepColumn& out) override {
    if (next_ == set_.size()) return false;
    if (auto going_on = context_.query.deadline.check(); !going_on) return pass(going_on);
    out.reset(context_.steps.count());
    for (std::size_t step = 0; step < out.values.size(); ++step) {
      if (const auto* native = set_.native_at(next_, step)) {
        const auto fraction = native_fraction(lower_values_[step], upper_values_[step], *native);
        if (fraction.leaves_out_nans)
          set_.annotator().info(texts::fraction_leaves_out_nans(set_.name(next_)), set_.span());
        out.set(step, fraction.value);
        continue;
      }
      set_.buckets_at(next_, step, buckets_);
      if (!buckets_.empty())
        out.set(step, bucket_fraction(lower_values_[step], upper_values_[step], buckets_));
    }
    ++next_;
    return true;
  }

 private:
  EvalContext& context_;
  ScalarOperatorPtr lower_;
  ScalarOperatorPtr upper_;
  HistogramSet set_;
  std::vector<double> lower_values_;
  std::vector<double> upper_values_;
  ClassicBuckets buckets_;
  std::size_t next_ = 0;
};

}  // namespace

VectorOperatorPtr make_histogram_quantile(EvalContext& context, QuantileArgument q, HistogramArgument of) {
  std::vector<QuantileArgument> qs;
  qs.push_back(std::move(q));
  return merge_after_function(
      std::make_unique<HistogramQuantiles>(context, std::move(of), "", false, std::move(qs)), context);
}

VectorOperatorPtr make_histogram_quantiles(EvalContext& context, HistogramArgument of, std::string label,
                                           std::vector<QuantileArgument> qs) {
  return merge_after_function(
      std::make_unique<HistogramQuantiles>(context, std::move(of), std::move(label), true, std::move(qs)),
      context);
}

VectorOperatorPtr make_histogram_fraction(EvalContext& context, ScalarOperatorPtr lower,
                                          ScalarOperatorPtr upper, HistogramArgument of) {
  return merge_after_function(
      std::make_unique<HistogramFraction>(context, std::move(lower), std::move(upper), std::move(of)),
      context);
}

}  // namespace narthex::query
