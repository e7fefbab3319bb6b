// Binary operators between two samples at one step, of which at least one may be a native
// histogram.
//
// Threads: any.
// Source: Prometheus promql/engine.go, vectorElemBinop
#pragma once

#include <optional>

#include "model/histogram.h"
#include "query/engine/annotation_collector.h"
#include "query/promql/ast.h"

namespace narthex::query {

struct ElementValue {
  double value = 0;
  const FloatHistogram* histogram = nullptr;  ///< not null: the sample is that
};

/// What is told of an operation.
enum class BinaryNote : std::uint8_t {
  none,
  float_float,  ///< these kinds do not go together
  float_histogram,
  histogram_float,
  histogram_histogram,
  incompatible_buckets,  ///< exponential and custom ones
  reset_collision,
  bounds_reconciled,
};

struct ElementResult {
  bool failed = false;  ///< no result, and the samples have not met; `note` says why
  bool keep = true;     ///< comparisons: it holds
  double value = 0;
  std::optional<FloatHistogram> histogram;  ///< of arithmetic
  BinaryNote note = BinaryNote::none;
};

ElementResult apply_elements(BinaryOp op, ElementValue lhs, ElementValue rhs);

/// @param note  not none
void note(const Annotator& annotator, BinaryNote note, BinaryOp op, Span at);

}  // namespace narthex::query
