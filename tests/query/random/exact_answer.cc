#include "tests/query/random/exact_answer.h"

#include <fmt/format.h>

#include <cmath>
#include <span>

#include "model/value.h"

namespace narthex::tests {
namespace {

constexpr std::string_view kHint = " hint:";

std::string shown(double v) {
  if (is_stale_nan(v)) return "stale";
  return format_general(v);
}

void show_buckets(std::string& out, std::string_view name, std::span<const HistogramSpan> spans,
                  std::span<const double> counts) {
  std::int32_t index = 0;
  std::size_t next = 0;
  for (const HistogramSpan& span : spans) {
    index += span.offset;
    for (std::uint32_t i = 0; i < span.length && next < counts.size(); ++i, ++index, ++next)
      if (counts[next] != 0) out += fmt::format(" {}[{}]:{}", name, index, shown(counts[next]));
  }
}

std::string shown(const FloatHistogram& h) {
  std::string out = fmt::format("{{schema:{} count:{} sum:{} zero:{}/{}", h.schema, shown(h.count),
                                shown(h.sum), shown(h.zero_count), shown(h.zero_threshold));
  show_buckets(out, "p", h.positive_spans, h.positive_buckets);
  show_buckets(out, "n", h.negative_spans, h.negative_buckets);
  for (const double bound : h.custom_values) out += fmt::format(" le:{}", shown(bound));
  return out + fmt::format("{}{}}}", kHint, static_cast<int>(h.hint));
}

}  // namespace

ExactAnswer ExactAnswer::at(Timestamp t) const {
  ExactAnswer out;
  out.error = error;
  for (const auto& [where, value] : points)
    if (where.second == t) out.points.emplace(where, value);
  return out;
}

ExactAnswer exact(const Result<query::QueryResult>& result) {
  ExactAnswer out;
  if (!result) {
    out.error = result.error();
    return out;
  }
  for (const query::ResultSeries& series : result->series) {
    const std::string labels = series.labels.to_string();
    out.series.push_back(labels);
    for (std::size_t i = 0; i < series.t.size(); ++i) out.points[{labels, series.t[i]}] = shown(series.v[i]);
    for (const auto& [t, h] : series.histograms) out.points[{labels, t}] = shown(h);
  }
  if (result->type == query::ValueType::scalar) {
    out.series.emplace_back("{}");
    out.points[{"{}", result->scalar_t}] = shown(result->scalar);
  }
  for (const query::Annotation& a : result->annotations.all()) out.annotations.insert(a.text);
  return out;
}

ExactAnswer without_hints(ExactAnswer answer) {
  for (auto& [where, value] : answer.points)
    if (const auto at = value.find(kHint); at != std::string::npos) value.resize(at);
  return answer;
}

std::optional<std::string> difference(const ExactAnswer& want, const ExactAnswer& got) {
  if (want.error && got.error) {
    if (want.error->text == got.error->text) return std::nullopt;
    return fmt::format("it failed as: {}\n  and then as: {}", want.error->text, got.error->text);
  }
  if (want.error) return "it failed only once: " + want.error->text;
  if (got.error) return "it failed only the second time: " + got.error->text;
  const auto name = [](const auto& where) {
    return fmt::format("{} at {}", where.first, static_cast<double>(where.second) / 1000);
  };
  for (const auto& [where, value] : want.points) {
    const auto other = got.points.find(where);
    if (other == got.points.end()) return fmt::format("{} is missing, it was {}", name(where), value);
    if (other->second != value)
      return fmt::format("{} was {}\n  and then {}", name(where), value, other->second);
  }
  for (const auto& [where, value] : got.points)
    if (!want.points.contains(where)) return fmt::format("{} is new: {}", name(where), value);
  return std::nullopt;
}

}  // namespace narthex::tests
