// Script: a file in the language of PromQL test scripts (load, eval, clear), as commands.
//
//   load 1m
//     http_requests{job="a"} 0+10x5
//
//   eval instant at 5m rate(http_requests[5m])
//     expect no_warn
//     {job="a"} 0.1666666
//
// A block ends at an empty line; a line that begins with # counts as empty.
//
// Threads: any.
// Source: Prometheus promql/promqltest/test.go, README.md
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/histogram.h"
#include "model/labels.h"
#include "model/regex.h"
#include "model/time.h"
#include "query/promql/series_description.h"

namespace narthex::query {

struct LoadedSample {
  Timestamp t = 0;
  Timestamp st = 0;  ///< start timestamp, 0 = none
  double v = 0;      ///< if there is no histogram
  std::shared_ptr<const FloatHistogram> histogram;
};
struct LoadedSeries {
  Labels labels;
  std::vector<LoadedSample> samples;  ///< ascending by time
};

/// `load STEP` with its series; a series named twice has the samples of its last line.
struct LoadCommand {
  std::uint32_t line = 0;
  bool with_nhcb = false;
  std::vector<LoadedSeries> series;
};

struct ClearCommand {};

/// What a text must be: equal to a message, matched by a regular expression anywhere, or
/// anything.
struct TextMatch {
  std::string wanted;  ///< the message or the pattern as written; empty for anything
  std::optional<Regex> pattern;
  bool anything = false;

  [[nodiscard]] bool matches(std::string_view text) const;
};

struct ExpectedSeries {
  Labels labels;
  std::vector<SequenceValue> values;
};

struct EvalCommand {
  std::uint32_t line = 0;
  std::string query;
  bool is_range = false;
  /// When it is run: the time of an instant query, or the range.
  Timestamp start = 0;
  Timestamp end = 0;
  DurationMs step = 0;

  // What is expected.
  bool ordered = false;
  std::optional<TextMatch> fail;
  std::vector<TextMatch> warn;
  std::vector<TextMatch> info;
  bool no_warn = false;
  bool no_info = false;
  std::optional<double> scalar;
  std::optional<std::string> string;
  std::vector<ExpectedSeries> series;  ///< each label set once
  /// An instant query that must return a matrix with points at start, start + step, ...
  struct Range {
    Timestamp start = 0;
    Timestamp end = 0;
    DurationMs step = 0;
  };
  std::optional<Range> range_vector;
};

/// A block that cannot be understood: one failed case.
struct BadBlock {
  std::uint32_t line = 0;
  std::string text;
};

using Command = std::variant<ClearCommand, LoadCommand, EvalCommand, BadBlock>;

/// @param text  at most 64 MiB; more is one bad block
std::vector<Command> parse_script(std::string_view text);

}  // namespace narthex::query
