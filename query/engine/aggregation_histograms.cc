#include "query/engine/aggregation_histograms.h"

#include "query/engine/annotation_texts.h"
#include "query/histogram/arithmetic.h"

namespace narthex::query {

HistogramTotals::HistogramTotals(EvalContext& context, bool mean, const Annotator& annotator, Span argument)
    : mean_(mean), argument_(argument), annotator_(annotator), share_(context.query.budget) {}

Result<void> HistogramTotals::take(std::uint32_t group, StepColumn& column, const StepBitmap& floats_seen,
                                   std::string_view metric_name) {
  Group& totals = groups_[group];
  std::uint64_t samples = 0;
  std::uint64_t bytes = 0;
  column.present.for_each([&](std::size_t step) {
    const FloatHistogram* h = column.histogram(step);
    const auto key = static_cast<std::uint32_t>(step);
    if (!h) {
      const auto known = totals.find(key);
      if (known != totals.end() && known->second.incompatible) column.present.clear(step);
      return;
    }
    const auto [at, is_new] = totals.try_emplace(key);
    Total& total = at->second;
    if (is_new) {
      samples += counted_samples(*h);
      bytes += sizeof(Total) + 2 * counted_bytes(*h);
      if (floats_seen.size() > 0 && floats_seen.test(step)) return;
      if (mean_)
        total.value.emplace(HistogramMean(*h));
      else
        total.value.emplace(HistogramSum(*h));
    } else if (total.value && !total.incompatible) {
      add(total, *h, metric_name);
    } else {
      return;
    }
    total.any_reset = total.any_reset || h->hint == CounterResetHint::reset;
    total.any_not_reset = total.any_not_reset || h->hint == CounterResetHint::not_reset;
  });
  column.drop_histograms();
  return share_.add(samples, bytes);
}

void HistogramTotals::add(Total& total, const FloatHistogram& h, std::string_view metric_name) const {
  const auto added = std::visit([&](auto& value) { return value.add(h); }, *total.value);
  if (!added) {
    annotator_.warn(texts::mixed_exponential_custom(metric_name), argument_);
    total.incompatible = true;
  } else if (added->bounds_reconciled) {
    annotator_.info(texts::mismatched_custom_buckets(texts::kAggregation), argument_);
  }
}

void HistogramTotals::write(std::uint32_t group, StepColumn& out) const {
  for (const auto& [step, total] : groups_[group]) {
    if (out.present.test(step)) {
      annotator_.warn(texts::mixed_floats_histograms_in_aggregation(), argument_);
      out.present.clear(step);
      continue;
    }
    if (total.incompatible || !total.value) continue;
    FloatHistogram h = std::visit([](const auto& value) { return value.value(); }, *total.value);
    compact(h);
    if (total.any_reset && total.any_not_reset)
      annotator_.warn(texts::counter_reset_collision(texts::kAggregation), argument_);
    out.set_histogram(step, std::move(h));
  }
}

}  // namespace narthex::query
