#include "query/promqltest/notation.h"

#include <fmt/format.h>

#include <span>
#include <string_view>

#include "model/labels.h"
#include "model/value.h"

namespace narthex::query {
namespace {

constexpr std::string_view kNothing = "nothing";
/// Series that a message shows.
constexpr std::size_t kMostSeries = 20;

std::string number(double v) {
  return is_stale_nan(v) ? "stale" : format_general(v);
}

/// The counts from the first to the last populated bucket, with the gaps filled.
struct Row {
  std::int32_t offset = 0;
  std::vector<double> counts;
};

Row to_row(std::span<const HistogramSpan> spans, std::span<const double> buckets) {
  constexpr std::size_t kMostBuckets = 1000;
  Row row;
  std::int32_t index = 0;
  std::size_t next = 0;
  for (const HistogramSpan& span : spans) {
    index += span.offset;
    for (std::uint32_t i = 0; i < span.length && next < buckets.size(); ++i, ++index, ++next) {
      if (row.counts.empty()) row.offset = index;
      const auto at = static_cast<std::size_t>(index - row.offset);
      if (at >= kMostBuckets) return row;
      row.counts.resize(at + 1);
      row.counts[at] = buckets[next];
    }
  }
  return row;
}

std::string list(std::span<const double> values) {
  std::string out = "[";
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ' ';
    out += number(values[i]);
  }
  out += ']';
  return out;
}

std::string_view hint_word(CounterResetHint hint) {
  switch (hint) {
    case CounterResetHint::unknown:
      return "";
    case CounterResetHint::reset:
      return "reset";
    case CounterResetHint::not_reset:
      return "not_reset";
    case CounterResetHint::gauge:
      return "gauge";
  }
  return "";
}

std::string at_time(Timestamp t) {
  return fmt::format("@{}", format_plain(static_cast<double>(t) / 1000));
}

std::string series_line(const ResultSeries& series) {
  std::string out = series.labels.to_metric_string();
  for (std::size_t i = 0; i < series.v.size(); ++i) {
    out += ' ';
    out += number(series.v[i]);
    if (i < series.t.size()) out += at_time(series.t[i]);
  }
  for (const auto& [t, h] : series.histograms) {
    out += ' ';
    out += to_notation(h);
    out += at_time(t);
  }
  return out;
}

std::string value_text(const SequenceValue& v) {
  if (v.omitted) return "_";
  return v.histogram ? to_notation(*v.histogram) : number(v.value);
}

/// One line for each, the rest counted.
template <class Range, class ToLine>
std::string lines(const Range& range, ToLine to_line) {
  std::string out;
  std::size_t shown = 0;
  for (const auto& item : range) {
    if (shown == kMostSeries) {
      out += fmt::format("\nand {} more", range.size() - shown);
      break;
    }
    if (shown++ > 0) out += '\n';
    out += to_line(item);
  }
  return out.empty() ? std::string(kNothing) : out;
}

}  // namespace

std::string to_notation(const FloatHistogram& h) {
  std::string out = "{{";
  const auto add = [&](std::string_view key, std::string_view value) {
    if (out.size() > 2) out += ' ';
    out += key;
    out += ':';
    out += value;
  };
  if (h.schema != 0) add("schema", std::to_string(h.schema));
  if (h.count != 0) add("count", number(h.count));
  if (h.sum != 0) add("sum", number(h.sum));
  if (h.zero_count != 0) add("z_bucket", number(h.zero_count));
  if (h.zero_threshold != 0) add("z_bucket_w", number(h.zero_threshold));
  if (h.schema == kCustomBucketsSchema) add("custom_values", list(h.custom_values));
  if (const auto hint = hint_word(h.hint); !hint.empty()) add("counter_reset_hint", hint);
  const Row positive = to_row(h.positive_spans, h.positive_buckets);
  if (positive.offset != 0) add("offset", std::to_string(positive.offset));
  if (!positive.counts.empty()) add("buckets", list(positive.counts));
  const Row negative = to_row(h.negative_spans, h.negative_buckets);
  if (negative.offset != 0) add("n_offset", std::to_string(negative.offset));
  if (!negative.counts.empty()) add("n_buckets", list(negative.counts));
  out += "}}";
  return out;
}

std::string to_notation(const EvalCommand& expected) {
  if (expected.scalar) return number(*expected.scalar);
  if (expected.string) return quote(*expected.string);
  return lines(expected.series, [](const ExpectedSeries& series) {
    std::string line = series.labels.to_metric_string();
    for (const SequenceValue& v : series.values) {
      line += ' ';
      line += value_text(v);
    }
    return line;
  });
}

std::string to_notation(const QueryResult& result) {
  if (result.type == ValueType::scalar) return number(result.scalar);
  if (result.type == ValueType::string) return quote(result.string);
  return lines(result.series, series_line);
}

}  // namespace narthex::query
