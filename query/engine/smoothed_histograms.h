// `smoothed` on an instant selector, for series with native histograms: the histogram on the
// line between the samples around the time looked at.
//
// Threads: one at a time.
// Source: Prometheus promql/engine.go, smoothSeries
#pragma once

#include "query/engine/selector.h"

namespace narthex::query {

/// @param out  all absent
void smooth_histograms(const EvalContext& context, const SelectorSpec& spec,
                       const storage::SampleColumns& samples, std::string_view metric_name,
                       const Annotator& annotator, StepColumn& out);

}  // namespace narthex::query
