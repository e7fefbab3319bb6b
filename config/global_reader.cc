// The global section: what every job and rule group inherits.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "config/readers.h"

namespace narthex::config {

namespace {

constexpr std::array<std::string_view, 20> kKnown = {
    "scrape_interval",
    "scrape_timeout",
    "scrape_protocols",
    "evaluation_interval",
    "rule_query_offset",
    "query_log_file",
    "external_labels",
    "body_size_limit",
    "sample_limit",
    "target_limit",
    "label_limit",
    "label_name_length_limit",
    "label_value_length_limit",
    "keep_dropped_targets",
    "metric_name_validation_scheme",
    "metric_name_escaping_scheme",
    "scrape_native_histograms",
    "always_scrape_classic_histograms",
    "extra_scrape_metrics",
    "convert_classic_histograms_to_nhcb",
};
constexpr std::array<std::string_view, 1> kNotYet = {"scrape_failure_log_file"};

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
/// The shell's one-letter variables; `$$` among them stands for a dollar sign.
bool is_special(char c) {
  return std::string_view("*#$@!?-0123456789").find(c) != std::string_view::npos;
}

struct Variable {
  std::string_view name;
  std::size_t length = 0;  ///< characters after the $
};

/// Source: Go os.Expand: `$name`, `${name}`, `$$`.
Variable variable_at(std::string_view s) {
  if (s[0] == '{') {
    if (s.size() > 2 && is_special(s[1]) && s[2] == '}') return {s.substr(1, 1), 3};
    const std::size_t end = s.find('}');
    if (end == std::string_view::npos) return {{}, 1};
    return {s.substr(1, end - 1), end + 1};
  }
  if (is_special(s[0])) return {s.substr(0, 1), 1};
  std::size_t end = 0;
  while (end < s.size() && is_name_char(s[end])) ++end;
  return {s.substr(0, end), end};
}

/// Replaces variables by those of the environment; unknown ones by nothing.
std::string expand_environment(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const Variable variable = variable_at(text.substr(i + 1));
    if (variable.length == 0) {
      out += '$';
    } else if (variable.name == "$") {
      out += '$';
    } else if (const char* value = std::getenv(std::string(variable.name).c_str()); value != nullptr) {
      out += value;
    }
    i += variable.length;
  }
  return out;
}

void read_external_labels(const Section& section, Read<GlobalSection>& out, YamlOut& yaml) {
  std::vector<std::pair<std::string, std::string>> pairs;
  read_labels(section, "external_labels", out.value.global.legacy_names, &pairs);
  LabelsBuilder labels;
  for (const auto& [name, value] : pairs) {
    const std::string expanded = expand_environment(value);
    if (!is_valid_utf8(expanded))
      section.refuse("external_labels", fmt::format("{} is not a valid label value", quote(expanded)));
    labels.set(name, expanded);
    yaml.add(name, YamlOut::text(expanded));
  }
  yaml.sort_fields();
  out.value.global.external_labels = labels.labels();
}

void read_intervals(const Section& section, Global& global) {
  // 0 stands for "not given", as in Prometheus.
  global.scrape_interval = 0;
  global.scrape_timeout = 0;
  global.evaluation_interval = 0;
  section.duration("scrape_interval", global.scrape_interval);
  section.duration("scrape_timeout", global.scrape_timeout);
  section.duration("evaluation_interval", global.evaluation_interval);
  section.duration("rule_query_offset", global.rule_query_offset);
  const Global defaults;
  if (global.scrape_interval == 0) global.scrape_interval = defaults.scrape_interval;
  if (global.scrape_timeout > global.scrape_interval)
    section.refuse("scrape_timeout", "global scrape timeout greater than scrape interval");
  if (global.scrape_timeout == 0)
    global.scrape_timeout = std::min(defaults.scrape_timeout, global.scrape_interval);
  if (global.evaluation_interval == 0) global.evaluation_interval = defaults.evaluation_interval;
}

void refuse_histogram_switches(const Section& section) {
  for (const std::string_view name : {"scrape_native_histograms", "convert_classic_histograms_to_nhcb"}) {
    bool on = false;
    section.boolean(name, on);
    if (on) section.not_supported(name);
  }
}

void read_defaults(const Section& section, ScrapeDefaults& defaults) {
  read_limits(section, defaults.limits);
  section.text("metric_name_escaping_scheme", defaults.escaping_scheme);
  if (!defaults.escaping_scheme.empty() && !is_escaping_scheme(defaults.escaping_scheme)) {
    section.refuse("metric_name_escaping_scheme",
                   fmt::format("unknown global name escaping method specified, must be one of 'allow-utf-8', "
                               "'underscores', 'dots', or 'values', got {}",
                               quote(defaults.escaping_scheme)));
  }
  if (section.given("extra_scrape_metrics"))
    section.boolean("extra_scrape_metrics", defaults.extra_scrape_metrics);
  if (section.given("scrape_protocols")) {
    section.texts("scrape_protocols", defaults.protocols.emplace());
    check_protocols(section, "scrape_protocols", *defaults.protocols, " for global config");
  }
  section.boolean("always_scrape_classic_histograms", defaults.always_scrape_classic);
  refuse_histogram_switches(section);
}

YamlOut write_global(const GlobalSection& read, YamlOut external_labels) {
  const Global& global = read.global;
  const ScrapeDefaults& defaults = read.defaults;
  YamlOut yaml = YamlOut::mapping();
  yaml.add("scrape_interval", YamlOut::duration(global.scrape_interval));
  yaml.add("scrape_timeout", YamlOut::duration(global.scrape_timeout));
  if (defaults.protocols) yaml.add("scrape_protocols", YamlOut::texts(*defaults.protocols));
  yaml.add("evaluation_interval", YamlOut::duration(global.evaluation_interval));
  yaml.add_if(global.rule_query_offset != 0, "rule_query_offset",
              YamlOut::duration(global.rule_query_offset));
  yaml.add_if(!global.query_log_file.empty(), "query_log_file", YamlOut::text(global.query_log_file));
  yaml.add_filled("external_labels", std::move(external_labels));
  write_limits(yaml, defaults.limits);
  yaml.add_if(defaults.limits.keep_dropped_targets != 0, "keep_dropped_targets",
              YamlOut::number(defaults.limits.keep_dropped_targets));
  yaml.add("metric_name_validation_scheme", YamlOut::text(global.legacy_names ? "legacy" : "utf8"));
  yaml.add_if(!defaults.escaping_scheme.empty(), "metric_name_escaping_scheme",
              YamlOut::text(defaults.escaping_scheme));
  yaml.add("scrape_native_histograms", YamlOut::boolean(false));
  yaml.add_if(defaults.always_scrape_classic, "always_scrape_classic_histograms", YamlOut::boolean(true));
  yaml.add("extra_scrape_metrics", YamlOut::boolean(defaults.extra_scrape_metrics));
  return yaml;
}

}  // namespace

Read<GlobalSection> read_global(const ReadContext& context, const YamlNode& node) {
  Read<GlobalSection> out;
  auto& [global, defaults] = out.value;
  const Section section(context.findings, node, "global", {kKnown, kNotYet});
  defaults.extra_scrape_metrics = context.options.extra_scrape_metrics;
  // Prometheus fills this in only where there is no global section at all; jobs infer the same.
  if (node.kind == NodeKind::null) defaults.escaping_scheme = "allow-utf-8";
  global.legacy_names = read_legacy_names(section).value_or(false);
  defaults.legacy_names = global.legacy_names;
  YamlOut external_labels = YamlOut::mapping();
  read_external_labels(section, out, external_labels);
  read_intervals(section, global);
  section.text("query_log_file", global.query_log_file);
  global.query_log_file = join_path(context.directory, global.query_log_file);
  read_defaults(section, defaults);
  out.yaml = write_global(out.value, std::move(external_labels));
  return out;
}

}  // namespace narthex::config
