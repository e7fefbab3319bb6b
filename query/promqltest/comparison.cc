#include "query/promqltest/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <span>

#include "model/value.h"
#include "query/promqltest/notation.h"

namespace narthex::query {
namespace {

using Mismatch = std::optional<std::string>;

constexpr double kTolerance = 1e-6;

/// Populated buckets by index.
std::map<std::int32_t, double> populated(std::span<const HistogramSpan> spans,
                                         std::span<const double> counts) {
  std::map<std::int32_t, double> buckets;
  std::int32_t index = 0;
  std::size_t next = 0;
  for (const HistogramSpan& span : spans) {
    index += span.offset;
    for (std::uint32_t i = 0; i < span.length && next < counts.size(); ++i, ++index, ++next)
      if (counts[next] != 0) buckets[index] = counts[next];
  }
  return buckets;
}

bool buckets_match(const std::map<std::int32_t, double>& a, const std::map<std::int32_t, double>& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x.first == y.first && almost_equal(x.second, y.second);
  });
}

const ExpectedSeries* find(const EvalCommand& want, const Labels& labels) {
  const auto it = std::ranges::find(want.series, labels, &ExpectedSeries::labels);
  return it == want.series.end() ? nullptr : &*it;
}

/// Once each series of the result is known to be an expected one: whether all are there, once.
Mismatch not_each_once(const EvalCommand& want, const QueryResult& got) {
  if (got.series.size() > want.series.size())
    return fmt::format("{} series were expected, but some came twice", want.series.size());
  for (const ExpectedSeries& series : want.series)
    if (std::ranges::find(got.series, series.labels, &ResultSeries::labels) == got.series.end())
      return fmt::format("the series {} is missing", series.labels.to_metric_string());
  return std::nullopt;
}

Mismatch value_mismatch(const Labels& labels, const SequenceValue& want, const ResultSeries& got) {
  const bool is_histogram = !got.histograms.empty();
  const auto shown = [&](std::string_view kind_of_got) {
    return fmt::format("{} is {}, {} was expected", labels.to_metric_string(), kind_of_got,
                       want.histogram ? to_notation(*want.histogram) : format_general(want.value));
  };
  if (is_histogram != (want.histogram != nullptr))
    return shown(is_histogram ? to_notation(got.histograms[0].second)
                              : format_general(got.v.empty() ? 0 : got.v[0]));
  if (is_histogram) {
    if (almost_equal(want, got.histograms[0].second)) return std::nullopt;
    return shown(to_notation(got.histograms[0].second));
  }
  if (got.v.size() != 1) return fmt::format("{} has {} values", labels.to_metric_string(), got.v.size());
  if (almost_equal(want.value, got.v[0])) return std::nullopt;
  return shown(format_general(got.v[0]));
}

Mismatch vector_mismatch(const EvalCommand& want, const QueryResult& got) {
  if (want.scalar) return "a scalar was expected, the result is a vector";
  for (std::size_t i = 0; i < got.series.size(); ++i) {
    const ResultSeries& series = got.series[i];
    const ExpectedSeries* expected = find(want, series.labels);
    if (!expected) return fmt::format("the series {} was not expected", series.labels.to_metric_string());
    if (want.ordered && expected - want.series.data() != static_cast<std::ptrdiff_t>(i))
      return fmt::format("the series {} was expected at position {}, not {}",
                         series.labels.to_metric_string(), expected - want.series.data() + 1, i + 1);
    if (auto wrong = value_mismatch(series.labels, expected->values[0], series)) return wrong;
  }
  return not_each_once(want, got);
}

Mismatch points_mismatch(const EvalCommand::Range& range, const ExpectedSeries& want,
                         const ResultSeries& got) {
  const std::string name = want.labels.to_metric_string();
  std::size_t floats = 0;
  std::size_t histograms = 0;
  for (std::size_t i = 0; i < want.values.size(); ++i) {
    const Timestamp t = range.start + static_cast<DurationMs>(i) * range.step;
    if (t > range.end)
      return fmt::format("{} values are expected for {}, but the range has fewer steps", want.values.size(),
                         name);
    const SequenceValue& v = want.values[i];
    if (v.omitted) continue;
    const std::string seconds = format_plain(static_cast<double>(t) / 1000);
    if (v.histogram) {
      if (histograms >= got.histograms.size() || got.histograms[histograms].first != t)
        return fmt::format("{} has no histogram at {} s", name, seconds);
      if (!almost_equal(v, got.histograms[histograms].second))
        return fmt::format("{} at {} s is {}, {} was expected", name, seconds,
                           to_notation(got.histograms[histograms].second), to_notation(*v.histogram));
      ++histograms;
      continue;
    }
    if (floats >= got.t.size() || got.t[floats] != t)
      return fmt::format("{} has no float at {} s", name, seconds);
    if (!almost_equal(v.value, got.v[floats]))
      return fmt::format("{} at {} s is {}, {} was expected", name, seconds, format_general(got.v[floats]),
                         format_general(v.value));
    ++floats;
  }
  if (floats != got.t.size() || histograms != got.histograms.size())
    return fmt::format("{} has {} floats and {} histograms, {} and {} were expected", name, got.t.size(),
                       got.histograms.size(), floats, histograms);
  return std::nullopt;
}

Mismatch matrix_mismatch(const EvalCommand& want, const QueryResult& got) {
  if (want.ordered) return "an ordered result was expected, but a matrix has no order of its own";
  if (want.scalar) return "a scalar was expected, the result is a matrix";
  if (!std::ranges::is_sorted(got.series, {}, &ResultSeries::labels))
    return "the series of a matrix must be sorted by labels";
  // An instant query without range has no step at which a point may lie.
  EvalCommand::Range range{0, -1, 0};
  if (want.range_vector) {
    range = *want.range_vector;
  } else if (want.is_range) {
    range = {want.start, want.end, want.step};
  }
  for (const ResultSeries& series : got.series) {
    const ExpectedSeries* expected = find(want, series.labels);
    if (!expected) return fmt::format("the series {} was not expected", series.labels.to_metric_string());
    if (auto wrong = points_mismatch(range, *expected, series)) return wrong;
  }
  return not_each_once(want, got);
}

Mismatch kind_mismatch(std::string_view kind, std::span<const TextMatch> want, bool none,
                       const std::vector<std::string>& got) {
  if (none && !got.empty()) return fmt::format("no {} was expected, but there is: {}", kind, got[0]);
  if (want.empty()) return std::nullopt;
  if (got.empty()) return fmt::format("there is no {}, but one was expected", kind);
  for (const TextMatch& match : want)
    if (std::ranges::none_of(got, [&](const std::string& text) { return match.matches(text); }))
      return fmt::format("no {} is like {}, but there is: {}", kind, match.wanted, got[0]);
  for (const std::string& text : got)
    if (std::ranges::none_of(want, [&](const TextMatch& match) { return match.matches(text); }))
      return fmt::format("this {} was not expected: {}", kind, text);
  return std::nullopt;
}

}  // namespace

bool almost_equal(double a, double b) {
  if (is_stale_nan(a) || is_stale_nan(b)) return is_stale_nan(a) && is_stale_nan(b);
  if (std::isnan(a) && std::isnan(b)) return true;
  if (a == b) return true;
  constexpr double kSmallestNormal = std::numeric_limits<double>::min();
  const double sum = std::abs(a) + std::abs(b);
  const double difference = std::abs(a - b);
  if (a == 0 || b == 0 || sum < kSmallestNormal) return difference < kTolerance * kSmallestNormal;
  return difference / std::min(sum, std::numeric_limits<double>::max()) < kTolerance;
}

bool almost_equal(const SequenceValue& want, const FloatHistogram& got) {
  if (!want.histogram) return false;
  const FloatHistogram& h = *want.histogram;
  return h.schema == got.schema && almost_equal(h.count, got.count) && almost_equal(h.sum, got.sum) &&
         (h.schema != kCustomBucketsSchema || h.custom_values == got.custom_values) &&
         h.zero_threshold == got.zero_threshold && almost_equal(h.zero_count, got.zero_count) &&
         buckets_match(populated(h.negative_spans, h.negative_buckets),
                       populated(got.negative_spans, got.negative_buckets)) &&
         buckets_match(populated(h.positive_spans, h.positive_buckets),
                       populated(got.positive_spans, got.positive_buckets)) &&
         (!want.hint_given || h.hint == got.hint);
}

std::optional<std::string> mismatch(const EvalCommand& want, const QueryResult& got) {
  switch (got.type) {
    case ValueType::scalar:
      if (!want.scalar) return "a vector or matrix was expected, the result is a scalar";
      if (almost_equal(*want.scalar, got.scalar)) return std::nullopt;
      return "the scalar is another";
    case ValueType::string:
      if (want.string.value_or("") == got.string) return std::nullopt;
      return "the string is another";
    case ValueType::vector:
      return vector_mismatch(want, got);
    case ValueType::matrix:
      return matrix_mismatch(want, got);
    case ValueType::none:
      return "the query has no result";
  }
  return std::nullopt;
}

std::optional<std::string> annotation_mismatch(const EvalCommand& want, const Annotations& got) {
  if (auto wrong = kind_mismatch("warning", want.warn, want.no_warn, got.texts(AnnotationKind::warning, 0)))
    return wrong;
  return kind_mismatch("info", want.info, want.no_info, got.texts(AnnotationKind::info, 0));
}

}  // namespace narthex::query
