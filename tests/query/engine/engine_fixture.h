// An engine over a model store, with short ways to load series and to ask.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/value.h"
#include "query/engine/engine.h"
#include "query/promql/parser.h"
#include "tests/query/model_store.h"

namespace narthex::tests {

/// What a gap in a list of values stands for.
inline constexpr double kGap = 1e300;

struct EngineFixture {
  /// The server's defaults; everything experimental may be written.
  EngineFixture() { options.parser = {true, true, true, true}; }

  /// values[i] at i * step; kGap: no sample.
  void load(std::string_view metric, DurationMs step, const std::vector<double>& values) {
    const auto labels = query::parse_metric(metric);
    for (std::size_t i = 0; i < values.size(); ++i)
      if (values[i] != kGap) store.add(*labels, static_cast<Timestamp>(i) * step, values[i]);
  }

  [[nodiscard]] Result<query::QueryResult> ask(query::QueryRequest request,
                                               const sync::StopToken& stop = {}) {
    query::Engine engine(options, clock, nullptr);
    return engine.run(store, request, stop);
  }
  static query::QueryRequest request(std::string_view query, Timestamp start = 0, Timestamp end = 0,
                                     DurationMs step = 0) {
    query::QueryRequest r;
    r.query = query;
    r.start = start;
    r.end = end;
    r.step = step;
    return r;
  }
  [[nodiscard]] Result<query::QueryResult> instant(std::string_view query, Timestamp at) {
    return ask(request(query, at, at));
  }
  [[nodiscard]] Result<query::QueryResult> range(std::string_view query, Timestamp start, Timestamp end,
                                                 DurationMs step) {
    return ask(request(query, start, end, step));
  }

  /// The result in one line: `{a="x"} 1@0 2@60, {} 5@0` (seconds), `scalar 5`, or `error: ...`.
  static std::string text(const Result<query::QueryResult>& result) {
    if (!result) return "error: " + result.error().text;
    if (result->type == query::ValueType::scalar) return "scalar " + format_general(result->scalar);
    if (result->type == query::ValueType::string) return "string " + result->string;
    std::string out;
    for (const auto& series : result->series) {
      if (!out.empty()) out += ", ";
      out += series.labels.to_metric_string().empty() ? "{}" : series.labels.to_metric_string();
      for (std::size_t i = 0; i < series.t.size(); ++i)
        out += fmt::format(" {}@{}", format_general(series.v[i]), static_cast<double>(series.t[i]) / 1000);
    }
    return out;
  }
  std::string at(std::string_view query, Timestamp t) { return text(instant(query, t)); }
  std::string over(std::string_view query, Timestamp start, Timestamp end, DurationMs step) {
    return text(range(query, start, end, step));
  }

  static std::vector<std::string> notes(const Result<query::QueryResult>& result) {
    std::vector<std::string> out;
    if (result)
      for (const auto& a : result->annotations.all()) out.push_back(a.text);
    return out;
  }

  query::EngineOptions options;
  ManualClock clock{0};
  ModelStore store;
};

inline constexpr DurationMs kMinute = 60'000;

}  // namespace narthex::tests
