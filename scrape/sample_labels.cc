#include "scrape/sample_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace narthex::scrape {

namespace {

constexpr std::string_view kExported = "exported_";
constexpr std::size_t kShownInErrors = 50;

std::string_view shortened(std::string_view text) {
  return text.substr(0, kShownInErrors);
}

// Labels that the line and the target both have go under `exported_`, repeated until free;
// short names first, so that a and exported_a do not take each other's place.
void keep_exposed(LabelsBuilder& labels, std::vector<LabelView> conflicts) {
  std::ranges::sort(conflicts, {}, [](const LabelView& l) { return std::pair(l.name.size(), l.name); });
  for (const LabelView& conflict : conflicts) {
    std::string name(conflict.name);
    do name.insert(0, kExported);
    while (!labels.get(name).empty());
    labels.set(name, conflict.value);
  }
}

void add_target_labels(LabelsBuilder& labels, const Labels& exposed, const Labels& target,
                       bool honor_labels) {
  std::vector<LabelView> conflicts;
  for (const LabelView own : target) {
    const std::string_view there = exposed.get(own.name);
    if (!there.empty() && honor_labels) continue;
    if (!there.empty()) conflicts.push_back({own.name, there});
    labels.set(own.name, own.value);
  }
  keep_exposed(labels, std::move(conflicts));
}

bool names_are_valid(const Labels& labels, bool legacy) {
  for (const LabelView label : labels) {
    if (label.name == kMetricName) {
      if (legacy ? !is_legacy_metric_name(label.value) : !is_utf8_name(label.value)) return false;
    } else if (legacy ? !is_legacy_label_name(label.name) : !is_utf8_name(label.name)) {
      return false;
    }
    if (!is_valid_utf8(label.value)) return false;
  }
  return true;
}

Result<void> check_limits(const Labels& labels, const config::Limits& limits) {
  const std::string_view metric = shortened(labels.get(kMetricName));
  if (const std::size_t count = labels.count(); limits.labels > 0 && count > limits.labels)
    return fail(Code::limit, fmt::format("label_limit exceeded (metric: {}, number of labels: {}, limit: {})",
                                         metric, count, limits.labels));
  for (const LabelView label : labels) {
    if (limits.label_name_length > 0 && label.name.size() > limits.label_name_length)
      return fail(Code::limit,
                  fmt::format("label_name_length_limit exceeded (metric: {}, label name: {}, "
                              "length: {}, limit: {})",
                              metric, shortened(label.name), label.name.size(), limits.label_name_length));
    if (limits.label_value_length > 0 && label.value.size() > limits.label_value_length)
      return fail(Code::limit, fmt::format("label_value_length_limit exceeded (metric: {}, label name: {}, "
                                           "value: {}, length: {}, limit: {})",
                                           metric, shortened(label.name), quote(shortened(label.value)),
                                           label.value.size(), limits.label_value_length));
  }
  return {};
}

}  // namespace

Result<std::optional<Labels>> sample_labels(const Labels& exposed, const Labels& target,
                                            const config::ScrapeConfig& job) {
  LabelsBuilder builder(exposed);
  add_target_labels(builder, exposed, target, job.honor_labels);
  if (!relabel(builder, job.metric_relabel)) return std::optional<Labels>();
  Labels labels = builder.labels();
  if (labels.empty()) return std::optional<Labels>();
  if (!labels.has(kMetricName)) return fail(Code::invalid, "missing metric name (__name__ label)");
  if (!names_are_valid(labels, job.legacy_names))
    return fail(Code::invalid, "invalid metric name or label names: " + labels.to_string());
  if (auto within = check_limits(labels, job.limits); !within) return pass(within);
  return std::optional<Labels>(std::move(labels));
}

Labels report_labels(std::string_view metric, const Labels& target) {
  LabelsBuilder builder;
  builder.set(kMetricName, metric);
  for (const LabelView own : target) builder.set(own.name, own.value);
  return builder.labels();
}

}  // namespace narthex::scrape
