// Selectors: series of the store as instant vectors (with lookback) or as windows of samples.
//
// Threads: one at a time.
#pragma once

#include "query/engine/operator.h"
#include "query/promql/ast.h"

namespace narthex::query {

/// A vector selector with its modifiers resolved.
struct SelectorSpec {
  std::vector<Matcher> matchers;
  DurationMs offset = 0;
  std::optional<Timestamp> at;  ///< `@`: every step looks at this time
  bool anchored = false;
  bool smoothed = false;
  bool stats_only = false;  ///< of histograms only count and sum are wanted
  /// timestamp() beside `@`: the offset bounds what is read, and the look is at `@` itself.
  bool looks_at_bare_at = false;
  /// Whoever reads the series asks for labels of these names alone; not set: for all of them.
  std::optional<std::vector<std::string>> wanted_labels;
  Span span;

  /// The time a step looks at.
  [[nodiscard]] Timestamp look_at(Timestamp step) const { return at.value_or(step) - offset; }
};

/// What an instant selector puts into its column.
enum class InstantValue : std::uint8_t {
  value,
  timestamp,        ///< timestamp(): seconds of the sample found
  start_timestamp,  ///< start_timestamp(): seconds, 0 if it has none
  timestamp_in_ms,  ///< info(): to choose the newest of several
};

VectorOperatorPtr make_instant_selector(EvalContext& context, SelectorSpec spec,
                                        InstantValue what = InstantValue::value);

/// @param range  window width, above 0; with anchored and smoothed the lookback is added outside
RangeSourcePtr make_range_selector(EvalContext& context, SelectorSpec spec, DurationMs range);

}  // namespace narthex::query
