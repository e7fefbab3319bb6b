#include "rules/recording_rule.h"

#include <fmt/format.h>

#include <set>

namespace narthex::rules {

Result<std::vector<OutputSample>> RecordingRule::outputs(std::vector<VectorSample> result, Timestamp t,
                                                         std::uint64_t limit) const {
  std::vector<OutputSample> out;
  out.reserve(result.size());
  std::set<Labels> seen;
  LabelsBuilder labels;
  for (const VectorSample& sample : result) {
    if (sample.is_histogram)
      return fail(Code::execution, "recording native histograms is not supported by Narthex yet");
    labels.reset(sample.labels);
    labels.set(kMetricName, name_);
    for (const auto& [name, value] : labels_) labels.set(name, value);
    out.push_back({labels.labels(), t, sample.value});
    if (!seen.insert(out.back().labels).second) {
      return fail(Code::execution,
                  "vector contains metrics with the same labelset after applying rule labels");
    }
  }
  if (limit > 0 && out.size() > limit)
    return fail(Code::limit, fmt::format("exceeded limit of {} with {} series", limit, out.size()));
  return out;
}

}  // namespace narthex::rules
