#include "query/promqltest/classic_histograms.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "model/value.h"

namespace narthex::query {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A classic histogram at one time, while its series are read.
struct Classic {
  std::map<double, double> buckets;  ///< cumulative count by upper bound
  std::optional<double> count;
  double sum = 0;
};

struct Group {
  Labels labels;
  std::map<Timestamp, Classic> at;
};

struct BaseName {
  std::string_view suffix;
  std::string_view name;
};

std::optional<BaseName> base_name(std::string_view metric) {
  for (const std::string_view suffix : {"_bucket", "_sum", "_count"})
    if (metric.ends_with(suffix)) return BaseName{suffix, metric.substr(0, metric.size() - suffix.size())};
  return std::nullopt;
}

Result<FloatHistogram> convert(const Classic& classic) {
  FloatHistogram h;
  h.schema = kCustomBucketsSchema;
  h.sum = classic.sum;
  std::map<double, double> buckets = classic.buckets;
  h.count = classic.count ? *classic.count : buckets.empty() ? 0 : buckets.rbegin()->second;
  buckets.try_emplace(kInfinity, h.count);
  double below = 0;
  std::int32_t index = 0;
  std::int32_t next = 0;
  for (const auto& [bound, count] : buckets) {
    if (count < 0 || count < below)
      return fail(Code::invalid, fmt::format("count is not cumulative: {} < {}", format_general(count),
                                             format_general(below)));
    if (bound != kInfinity) h.custom_values.push_back(bound);
    if (count != below) {
      if (h.positive_spans.empty() || index != next) h.positive_spans.push_back({index - next, 0});
      ++h.positive_spans.back().length;
      h.positive_buckets.push_back(count - below);
      next = index + 1;
    }
    below = count;
    ++index;
  }
  if (below != h.count)
    return fail(Code::invalid, fmt::format("count mismatch: count={} but the highest bucket has {}",
                                           format_general(h.count), format_general(below)));
  return h;
}

}  // namespace

Result<std::vector<LoadedSeries>> native_from_classic(std::span<const LoadedSeries> series) {
  std::vector<Group> groups;
  for (const LoadedSeries& one : series) {
    const auto base = base_name(one.labels.get(kMetricName));
    if (!base) continue;
    const bool is_bucket = base->suffix == "_bucket";
    const auto bound = is_bucket ? parse_float(one.labels.get(kBucketLabel)) : std::optional(0.0);
    if (!bound || std::isnan(*bound)) continue;

    LabelsBuilder builder(one.labels);
    builder.set(kMetricName, base->name);
    builder.remove(kBucketLabel);
    Labels labels = builder.labels();
    auto group = std::ranges::find(groups, labels, &Group::labels);
    if (group == groups.end()) group = groups.insert(group, Group{std::move(labels), {}});

    for (const LoadedSample& sample : one.samples) {
      if (sample.histogram) continue;
      Classic& classic = group->at[sample.t];
      if (is_bucket) {
        classic.buckets.try_emplace(*bound, sample.v);
      } else if (base->suffix == "_count") {
        classic.count = sample.v;
      } else {
        classic.sum = sample.v;
      }
    }
  }

  std::vector<LoadedSeries> native;
  for (Group& group : groups) {
    LoadedSeries one{std::move(group.labels), {}};
    for (const auto& [t, classic] : group.at) {
      auto h = convert(classic);
      if (!h) return pass(h, one.labels.to_metric_string());
      one.samples.push_back({t, 0, 0, std::make_shared<const FloatHistogram>(std::move(*h))});
    }
    native.push_back(std::move(one));
  }
  return native;
}

}  // namespace narthex::query
