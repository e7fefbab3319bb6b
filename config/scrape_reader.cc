// scrape_configs: one job, with what it inherits from global filled in.
#include <fmt/format.h>

#include <algorithm>

#include "config/readers.h"

namespace narthex::config {

namespace {

const std::vector<std::string>& default_protocols() {
  static const std::vector<std::string> kProtocols = {"OpenMetricsText1.0.0", "OpenMetricsText0.0.1",
                                                      "PrometheusText1.0.0", "PrometheusText0.0.4"};
  return kProtocols;
}

std::span<const std::string_view> known_fields() {
  static const std::vector<std::string_view> kNames = with_http_fields({
      "job_name",
      "honor_labels",
      "honor_timestamps",
      "track_timestamps_staleness",
      "params",
      "scrape_interval",
      "scrape_timeout",
      "scrape_protocols",
      "fallback_scrape_protocol",
      "scrape_native_histograms",
      "always_scrape_classic_histograms",
      "convert_classic_histograms_to_nhcb",
      "metrics_path",
      "scheme",
      "enable_compression",
      "body_size_limit",
      "sample_limit",
      "target_limit",
      "label_limit",
      "label_name_length_limit",
      "label_value_length_limit",
      "native_histogram_bucket_limit",
      "native_histogram_min_bucket_factor",
      "keep_dropped_targets",
      "metric_name_validation_scheme",
      "metric_name_escaping_scheme",
      "extra_scrape_metrics",
      "relabel_configs",
      "metric_relabel_configs",
      "static_configs",
      "file_sd_configs",
  });
  return kNames;
}

std::span<const std::string_view> unsupported_fields() {
  static const std::vector<std::string_view> kNames =
      with_unsupported_discoveries(with_unsupported_http_fields({"scrape_failure_log_file"}));
  return kNames;
}

class JobReader {
 public:
  JobReader(const ReadContext& context, const Section& section, const GlobalSection& global)
      : context_(context), section_(section), global_(global) {}

  Read<ScrapeConfig> read() {
    section_.text("job_name", job_.job_name);
    if (job_.job_name.empty()) section_.refuse("job_name", "job_name is empty");
    read_plain_fields();
    auto http = read_http(context_, section_);
    const bool relabels =
        section_.find("relabel_configs") != nullptr && !section_.find("relabel_configs")->items.empty();
    auto discovery = read_discovery(context_, section_, !relabels);
    read_times();
    read_inherited();
    read_protocols();
    read_name_schemes();
    refuse_histogram_switches();
    auto relabel = read_relabel(context_, section_, "relabel_configs", job_.legacy_names,
                                "target relabeling rule in scrape config");
    auto metric_relabel = read_relabel(context_, section_, "metric_relabel_configs", job_.legacy_names,
                                       "metric relabeling rule in scrape config");
    YamlOut yaml = write_job();
    yaml.add_all(std::move(http.yaml));
    yaml.add_filled("relabel_configs", std::move(relabel.yaml));
    yaml.add_filled("metric_relabel_configs", std::move(metric_relabel.yaml));
    yaml.add_all(std::move(discovery.yaml));
    job_.http = std::move(http.value);
    job_.discovery = std::move(discovery.value);
    job_.relabel = std::move(relabel.value);
    job_.metric_relabel = std::move(metric_relabel.value);
    return {std::move(job_), std::move(yaml)};
  }

 private:
  [[nodiscard]] std::string of_job(std::string_view text) const {
    return fmt::format("{} for scrape config with job name {}", text, quote(job_.job_name));
  }

  void read_plain_fields() {
    section_.boolean("honor_labels", job_.honor_labels);
    section_.boolean("honor_timestamps", job_.honor_timestamps);
    section_.boolean("track_timestamps_staleness", job_.track_timestamps_staleness);
    section_.boolean("enable_compression", job_.enable_compression);
    section_.text("metrics_path", job_.metrics_path);
    section_.text("scheme", job_.scheme);
    section_.entries("params", [this](const YamlEntry& entry) {
      const std::string path = fmt::format("{}.{}", section_.path_of("params"), entry.key);
      if (entry.value.kind != NodeKind::sequence && entry.value.kind != NodeKind::null)
        return context_.findings.report(entry.value.at, fmt::format("{}: expected a list of texts", path));
      std::vector<std::string> values;
      for (const YamlNode& item : entry.value.items)
        if (auto value = node_text(context_.findings, item, path)) values.push_back(*std::move(value));
      job_.params.emplace_back(entry.key, std::move(values));
    });
  }

  void read_times() {
    job_.interval = 0;
    job_.timeout = 0;
    section_.duration("scrape_interval", job_.interval);
    section_.duration("scrape_timeout", job_.timeout);
    if (job_.interval == 0) job_.interval = global_.global.scrape_interval;
    if (job_.timeout > job_.interval)
      section_.refuse("scrape_timeout", of_job("scrape timeout greater than scrape interval"));
    if (job_.timeout == 0) job_.timeout = std::min(global_.global.scrape_timeout, job_.interval);
  }

  void read_inherited() {
    const ScrapeDefaults& defaults = global_.defaults;
    Limits& own = job_.limits;
    read_limits(section_, own);
    // A job's 0 means "as global": a job cannot lift a global limit.
    const auto inherit = [](std::uint64_t& value, std::uint64_t global) {
      value = value == 0 ? global : value;
    };
    inherit(own.body_size, defaults.limits.body_size);
    inherit(own.samples, defaults.limits.samples);
    inherit(own.targets, defaults.limits.targets);
    inherit(own.labels, defaults.limits.labels);
    inherit(own.label_name_length, defaults.limits.label_name_length);
    inherit(own.label_value_length, defaults.limits.label_value_length);
    inherit(own.keep_dropped_targets, defaults.limits.keep_dropped_targets);
    job_.extra_scrape_metrics = defaults.extra_scrape_metrics;
    if (section_.given("extra_scrape_metrics"))
      section_.boolean("extra_scrape_metrics", job_.extra_scrape_metrics);
  }

  void read_protocols() {
    job_.protocols = global_.defaults.protocols.value_or(default_protocols());
    if (section_.given("scrape_protocols")) section_.texts("scrape_protocols", job_.protocols);
    check_protocols(section_, "scrape_protocols", job_.protocols, of_job(""));
    section_.text("fallback_scrape_protocol", job_.fallback_protocol);
    if (!job_.fallback_protocol.empty() && !is_known_protocol(job_.fallback_protocol)) {
      section_.refuse("fallback_scrape_protocol",
                      fmt::format("{}: {}", of_job("invalid fallback_scrape_protocol"),
                                  unknown_protocol_text(job_.fallback_protocol)));
    }
  }

  void read_name_schemes() {
    const ScrapeDefaults& defaults = global_.defaults;
    const auto legacy = read_legacy_names(section_);
    job_.legacy_names = legacy.value_or(defaults.legacy_names);
    const auto inferred = [](bool legacy_names) { return legacy_names ? "underscores" : "allow-utf-8"; };
    job_.escaping_scheme.clear();
    section_.text("metric_name_escaping_scheme", job_.escaping_scheme);
    if (job_.escaping_scheme.empty()) {
      // A job that sets its own validation does not inherit the global escaping.
      const bool inherits = !legacy && !defaults.escaping_scheme.empty();
      job_.escaping_scheme = inherits ? defaults.escaping_scheme : inferred(job_.legacy_names);
    }
    if (!is_escaping_scheme(job_.escaping_scheme)) {
      section_.refuse(
          "metric_name_escaping_scheme",
          fmt::format("unknown scrape config name escaping method specified, must be one of 'allow-utf-8', "
                      "'underscores', 'dots', or 'values', got {}",
                      quote(job_.escaping_scheme)));
    }
    if (job_.escaping_scheme == "allow-utf-8" && job_.legacy_names) {
      section_.refuse("metric_name_escaping_scheme",
                      "utf8 metric names requested but validation scheme is not set to UTF8");
    }
  }

  void refuse_histogram_switches() {
    for (const std::string_view name : {"scrape_native_histograms", "convert_classic_histograms_to_nhcb"}) {
      bool on = false;
      section_.boolean(name, on);
      if (on) section_.not_supported(name);
    }
    // These shape native histograms only, of which none are scraped yet.
    always_classic_ = global_.defaults.always_scrape_classic;
    if (section_.given("always_scrape_classic_histograms"))
      section_.boolean("always_scrape_classic_histograms", always_classic_);
    section_.unsigned_number("native_histogram_bucket_limit", bucket_limit_);
    section_.number("native_histogram_min_bucket_factor", bucket_factor_);
  }

  [[nodiscard]] YamlOut write_params() const {
    YamlOut out = YamlOut::mapping();
    for (const auto& [name, values] : job_.params) out.add(name, YamlOut::texts(values));
    out.sort_fields();
    return out;
  }

  [[nodiscard]] YamlOut write_job() const {
    YamlOut yaml = YamlOut::mapping();
    yaml.add("job_name", YamlOut::text(job_.job_name));
    yaml.add_if(job_.honor_labels, "honor_labels", YamlOut::boolean(true));
    yaml.add("honor_timestamps", YamlOut::boolean(job_.honor_timestamps));
    yaml.add("track_timestamps_staleness", YamlOut::boolean(job_.track_timestamps_staleness));
    yaml.add_if(!job_.params.empty(), "params", write_params());
    yaml.add("scrape_interval", YamlOut::duration(job_.interval));
    yaml.add("scrape_timeout", YamlOut::duration(job_.timeout));
    yaml.add("scrape_protocols", YamlOut::texts(job_.protocols));
    yaml.add_if(!job_.fallback_protocol.empty(), "fallback_scrape_protocol",
                YamlOut::text(job_.fallback_protocol));
    yaml.add("scrape_native_histograms", YamlOut::boolean(false));
    yaml.add("always_scrape_classic_histograms", YamlOut::boolean(always_classic_));
    yaml.add("convert_classic_histograms_to_nhcb", YamlOut::boolean(false));
    yaml.add_if(!job_.metrics_path.empty(), "metrics_path", YamlOut::text(job_.metrics_path));
    yaml.add_if(!job_.scheme.empty(), "scheme", YamlOut::text(job_.scheme));
    yaml.add("enable_compression", YamlOut::boolean(job_.enable_compression));
    write_limits(yaml, job_.limits);
    yaml.add_if(bucket_limit_ != 0, "native_histogram_bucket_limit", YamlOut::number(bucket_limit_));
    yaml.add_if(bucket_factor_ != 0, "native_histogram_min_bucket_factor", YamlOut::number(bucket_factor_));
    yaml.add_if(job_.limits.keep_dropped_targets != 0, "keep_dropped_targets",
                YamlOut::number(job_.limits.keep_dropped_targets));
    yaml.add("metric_name_validation_scheme", YamlOut::text(job_.legacy_names ? "legacy" : "utf8"));
    yaml.add("metric_name_escaping_scheme", YamlOut::text(job_.escaping_scheme));
    yaml.add("extra_scrape_metrics", YamlOut::boolean(job_.extra_scrape_metrics));
    return yaml;
  }

  const ReadContext& context_;
  const Section& section_;
  const GlobalSection& global_;
  ScrapeConfig job_;
  bool always_classic_ = false;
  std::uint64_t bucket_limit_ = 0;
  double bucket_factor_ = 0;
};

}  // namespace

Read<ScrapeConfig> read_scrape_config(const ReadContext& context, const YamlNode& node,
                                      const std::string& path, const GlobalSection& global) {
  if (node.kind == NodeKind::null) {
    context.findings.report(node.at, fmt::format("{}: empty or null scrape config section", path));
    return {};
  }
  const Section section(context.findings, node, path, {known_fields(), unsupported_fields()});
  return JobReader(context, section, global).read();
}

}  // namespace narthex::config
