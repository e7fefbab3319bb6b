// What the tests of histograms in the head share: samples of any kind as text, and series that
// change their minds.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "model/value.h"
#include "storage/appender.h"
#include "tests/tsdb/head/head_fixture.h"

namespace narthex::tsdb {

using AnyValue = std::variant<double, Histogram, FloatHistogram>;
/// Time -> value as a query sees it, without buckets that are empty.
using TextPoints = std::vector<std::pair<Timestamp, std::string>>;
using TextContents = std::map<std::string, TextPoints>;

inline std::string buckets_as_text(const std::vector<HistogramSpan>& spans,
                                   const std::vector<double>& counts) {
  std::string text;
  std::int64_t bucket = 0;
  std::size_t i = 0;
  for (const HistogramSpan& span : spans) {
    bucket += span.offset;
    for (std::uint32_t k = 0; k < span.length; ++k, ++bucket, ++i) {
      if (counts.at(i) != 0) text += fmt::format(" {}:{}", bucket, counts[i]);
    }
  }
  return text;
}

inline std::string as_text(const FloatHistogram& h) {
  if (is_stale_nan(h.sum)) return "stale histogram";
  return fmt::format("schema {} zero {} {} count {} sum {} |{} |{} |{}", h.schema, h.zero_threshold,
                     h.zero_count, h.count, h.sum, buckets_as_text(h.positive_spans, h.positive_buckets),
                     buckets_as_text(h.negative_spans, h.negative_buckets), fmt::join(h.custom_values, " "));
}

inline std::string as_text(const AnyValue& value) {
  if (const auto* v = std::get_if<double>(&value)) return is_stale_nan(*v) ? "stale" : fmt::format("{}", *v);
  if (const auto* h = std::get_if<Histogram>(&value)) return as_text(to_float(*h));
  return as_text(std::get<FloatHistogram>(value));
}

inline TextPoints as_points(const storage::SampleColumns& columns) {
  TextPoints points;
  auto histogram = columns.histograms.begin();
  for (std::size_t i = 0; i < columns.t.size(); ++i) {
    if (histogram != columns.histograms.end() && histogram->index == i) {
      points.emplace_back(columns.t[i], as_text((histogram++)->value));
    } else {
      points.emplace_back(columns.t[i], as_text(AnyValue(columns.v[i])));
    }
  }
  check(histogram == columns.histograms.end(), "a histogram stands at no sample");
  return points;
}

inline TextContents read_kinds(storage::Querier& querier, TimeRange range = {}) {
  TextContents out;
  LabelPool pool;
  const std::vector<Matcher> matchers = {everything()};
  auto set = querier.select(range, matchers, pool, {});
  check(set.has_value(), "a test's select failed");
  for (std::size_t i = 0; i < (*set)->size(); ++i) {
    storage::SampleColumns columns;
    check((*set)->samples(i, range, columns).has_value(), "a test's samples failed");
    if (!columns.t.empty()) out[pool.labels((*set)->labels(i)).to_string()] = as_points(columns);
  }
  return out;
}

/// Where two differ first; empty if nowhere.
inline std::string difference(const TextContents& got, const TextContents& want) {
  for (const auto& [labels, points] : want) {
    const auto at = got.find(labels);
    if (at == got.end()) return "no " + labels;
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (i >= at->second.size()) return fmt::format("{} has {} samples of {}", labels, i, points.size());
      const auto& [t, text] = at->second[i];
      if (t == points[i].first && text == points[i].second) continue;
      return fmt::format("{} sample {}: {} {}, not {} {}", labels, i, t, text, points[i].first,
                         points[i].second);
    }
    if (at->second.size() > points.size()) return labels + " has more samples";
  }
  return got.size() > want.size() ? "there are more series" : "";
}

/// A histogram of `buckets` buckets from number `first` on, with `step` observations in each.
inline Histogram int_histogram(int first, int buckets, int step) {
  Histogram h;
  h.schema = 1;
  h.zero_threshold = 0.001;
  h.zero_count = 1;
  h.positive_spans = {{first, static_cast<std::uint32_t>(buckets)}};
  h.positive_deltas.assign(static_cast<std::size_t>(buckets), 0);
  h.positive_deltas[0] = step;
  h.count = 1 + static_cast<std::uint64_t>(buckets) * static_cast<std::uint64_t>(step);
  h.sum = step * 0.5;
  return h;
}

/// A counter of one of five kinds, which changes its kind, its buckets and starts anew now and then.
class KindWalk {
 public:
  AnyValue next(std::mt19937_64& random) {
    const auto dice = random() % 100;
    if (dice < 4) kind_ = static_cast<int>(random() % 5);
    if (dice == 5) step_ = 0;
    if (dice == 6) first_ -= 1;
    if (dice == 7) buckets_ += 2;
    if (dice == 8) buckets_ = 1 + static_cast<int>(random() % 5);
    if (dice < 12) return kStaleNan;
    step_ += static_cast<int>(random() % 3);
    switch (kind_) {
      case 0:
      case 1:
        return static_cast<double>(step_);
      case 2:
        return int_histogram(first_, buckets_, step_ + 1);
      case 3: {
        FloatHistogram h = to_float(int_histogram(first_, buckets_, step_ + 1));
        if (dice % 2 == 0) h.hint = CounterResetHint::gauge;
        return h;
      }
      default: {
        Histogram h = int_histogram(0, 3, step_ + 1);
        h.schema = kCustomBucketsSchema;
        h.zero_threshold = 0;
        h.zero_count = 0;
        h.count -= 1;
        h.custom_values = {1, 2.5};
        return h;
      }
    }
  }

 private:
  int kind_ = 0;
  int step_ = 0;
  int first_ = 0;
  int buckets_ = 3;
};

inline void append_any(storage::Appender& appender, storage::SeriesRef ref, Timestamp t,
                       const AnyValue& value) {
  if (const auto* v = std::get_if<double>(&value)) return appender.append(ref, t, *v);
  auto done = std::holds_alternative<Histogram>(value)
                  ? appender.append_histogram(ref, t, std::get<Histogram>(value))
                  : appender.append_histogram(ref, t, std::get<FloatHistogram>(value));
  check(done.has_value(), "a test's histogram is wrong");
}

}  // namespace narthex::tsdb
