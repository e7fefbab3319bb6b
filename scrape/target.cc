#include "scrape/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "model/relabel.h"
#include "scrape/target_url.h"

namespace narthex::scrape {

namespace {

constexpr std::string_view kAddress = "__address__";
constexpr std::string_view kInterval = "__scrape_interval__";
constexpr std::string_view kTimeout = "__scrape_timeout__";
// Native histograms are not scraped: jobs say `false`, relabeling may say it again.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kHistogramSwitches{{
    {"__convert_classic_histograms_to_nhcb__", "convert classic histograms to nhcb"},
    {"__always_scrape_classic_histograms__", "always scrape classic histograms"},
    {"__scrape_native_histograms__", "scrape native histograms"},
}};

Labels without_internal(const Labels& labels) {
  LabelsBuilder builder;
  for (const LabelView label : labels)
    if (!label.name.starts_with("__")) builder.set(label.name, label.value);
  return builder.labels();
}

constexpr std::uint64_t kFnvStart = 14695981039346656037ULL;

std::uint64_t fnv1a(std::uint64_t hash, std::string_view text) {
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211ULL;
  }
  return hash;
}

Result<DurationMs> duration_label(const LabelsBuilder& labels, std::string_view name, std::string_view what) {
  auto duration = parse_duration(labels.get(name));
  if (!duration) return pass(duration, fmt::format("error parsing scrape {}", what));
  if (*duration == 0) return fail(Code::invalid, fmt::format("scrape {} cannot be 0", what));
  return duration;
}

// What Go's strconv.ParseBool takes.
bool is_bool(std::string_view text) {
  constexpr std::array<std::string_view, 12> kForms = {"1", "t", "T", "true",  "TRUE",  "True",
                                                       "0", "f", "F", "false", "FALSE", "False"};
  return std::ranges::find(kForms, text) != kForms.end();
}

Result<void> check_relabeled(const LabelsBuilder& labels) {
  const std::string_view address = labels.get(kAddress);
  if (address.empty()) return fail(Code::invalid, "no address");
  if (address.find('/') != std::string_view::npos)
    return fail(Code::invalid, quote(address) + " is not a valid hostname");
  const auto interval = duration_label(labels, kInterval, "interval");
  if (!interval) return std::unexpected(interval.error());
  const auto timeout = duration_label(labels, kTimeout, "timeout");
  if (!timeout) return std::unexpected(timeout.error());
  if (*timeout > *interval)
    return fail(Code::invalid, fmt::format("scrape timeout cannot be greater than scrape interval ({} > {})",
                                           quote(labels.get(kTimeout)), quote(labels.get(kInterval))));
  for (const auto& [name, what] : kHistogramSwitches)
    if (const auto text = labels.get(name); !text.empty() && !is_bool(text))
      return fail(
          Code::invalid,
          fmt::format("error parsing {}: strconv.ParseBool: parsing {}: invalid syntax", what, quote(text)));
  return {};
}

}  // namespace

Labels discovered_labels(const config::ScrapeConfig& job, const config::TargetGroup& group,
                         const std::string& address) {
  LabelsBuilder labels(group.labels);
  labels.set(kAddress, address);
  const auto set_default = [&](std::string_view name, std::string_view value) {
    if (labels.get(name).empty()) labels.set(name, value);
  };
  set_default(kJobLabel, job.job_name);
  set_default(kInterval, format_duration(job.interval));
  set_default(kTimeout, format_duration(job.timeout));
  set_default("__metrics_path__", job.metrics_path);
  set_default("__scheme__", job.scheme);
  for (const auto& [name, what] : kHistogramSwitches) set_default(name, "false");
  for (const auto& [name, values] : job.params)
    if (!values.empty()) set_default("__param_" + name, values[0]);
  return labels.labels();
}

Result<std::optional<Labels>> target_labels(const config::ScrapeConfig& job, const Labels& discovered) {
  LabelsBuilder labels(discovered);
  if (!relabel(labels, job.relabel)) return std::optional<Labels>();
  if (auto good = check_relabeled(labels); !good) return pass(good);
  LabelsBuilder kept;
  for (const LabelView label : labels.labels())
    if (!label.name.starts_with("__meta_")) kept.set(label.name, label.value);
  if (kept.get(kInstanceLabel).empty()) kept.set(kInstanceLabel, labels.get(kAddress));
  Labels result = kept.labels();
  for (const LabelView label : result)
    if (!is_valid_utf8(label.value))
      return fail(Code::invalid,
                  fmt::format("invalid label value for {}: {}", quote(label.name), quote(label.value)));
  return std::optional<Labels>(std::move(result));
}

Target::Target(Labels labels, std::shared_ptr<const config::ScrapeConfig> job,
               std::shared_ptr<const config::TargetGroup> group, std::size_t index)
    : labels_(std::move(labels)),
      public_labels_(without_internal(labels_)),
      url_(target_url(*job, labels_)),
      hash_(fnv1a(fnv1a(kFnvStart, fmt::format("{:016}", labels_.hash())), url_)),
      origin_{std::move(job), std::move(group), index} {
  // target_labels() has checked both.
  interval_ = parse_duration(labels_.get(kInterval)).value_or(origin_.job->interval);
  timeout_ = parse_duration(labels_.get(kTimeout)).value_or(origin_.job->timeout);
}

void Target::adopt_discovery(const Target& newer) {
  Origin origin;
  {
    sync::MutexLock lock(newer.mutex_);
    origin = newer.origin_;
  }
  sync::MutexLock lock(mutex_);
  origin_ = std::move(origin);
}

void Target::set_metadata(std::shared_ptr<const MetadataCache> metadata) {
  sync::MutexLock lock(mutex_);
  metadata_ = std::move(metadata);
}

std::shared_ptr<const MetadataCache> Target::metadata() const {
  sync::MutexLock lock(mutex_);
  return metadata_;
}

void Target::report(Timestamp start, double seconds, const std::optional<Error>& error, std::string notice) {
  sync::MutexLock lock(mutex_);
  health_ = error ? Health::down : Health::up;
  last_error_ = error ? error->text : std::move(notice);
  last_scrape_ = start;
  last_seconds_ = seconds;
}

TargetStatus Target::status(const std::string& external_url) const {
  TargetStatus status;
  status.labels = public_labels_;
  status.url = url_;
  status.global_url = global_url(url_, external_url);
  status.interval = interval_;
  status.timeout = timeout_;
  sync::MutexLock lock(mutex_);
  status.pool = origin_.job->job_name;
  status.discovered = discovered_labels(*origin_.job, *origin_.group, origin_.group->targets[origin_.index]);
  status.health = health_;
  status.last_error = last_error_;
  status.last_scrape = last_scrape_;
  status.last_duration_seconds = last_seconds_;
  return status;
}

}  // namespace narthex::scrape
