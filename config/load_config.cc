// prometheus.yml as a whole: sections in their order, then scrape_config_files.
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <unordered_map>

#include "config/readers.h"
#include "telemetry/log.h"

namespace narthex::config {

namespace {

constexpr std::array<std::string_view, 7> kKnown = {
    "global", "runtime", "alerting", "rule_files", "scrape_config_files", "scrape_configs", "storage"};
constexpr std::array<std::string_view, 4> kNotYet = {"remote_write", "remote_read", "otlp", "tracing"};

std::string directory_of(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  return directory.empty() ? "." : directory;
}

/// Go's collector target: read, shown, without effect here.
YamlOut read_runtime(const ReadContext& context, const YamlNode& node) {
  static constexpr std::array<std::string_view, 1> kFields = {"gogc"};
  const Section section(context.findings, node, "runtime", {kFields, {}});
  std::int64_t percent = 0;
  section.signed_number("gogc", percent);
  if (percent == 0) {
    percent = 75;
    const char* wanted = std::getenv("GOGC");
    if (wanted != nullptr && std::string_view(wanted) == "off") percent = -1;
    if (wanted != nullptr && std::atoi(wanted) != 0) percent = std::atoi(wanted);
  }
  YamlOut yaml = YamlOut::mapping();
  yaml.add("gogc", YamlOut::number(static_cast<double>(percent)));
  return yaml;
}

/// A `*` may stand in the last element only.
bool is_pattern(std::string_view path) {
  const std::size_t star = path.find('*');
  return star == std::string_view::npos || path.find('/', star) == std::string_view::npos;
}

std::vector<std::string> read_patterns(const ReadContext& context, const Section& section,
                                       std::string_view name, std::string_view what) {
  std::vector<std::string> patterns;
  section.texts(name, patterns);
  for (std::string& pattern : patterns) {
    if (!is_pattern(pattern)) section.refuse(name, fmt::format("invalid {} path {}", what, quote(pattern)));
    pattern = join_path(context.directory, pattern);
  }
  return patterns;
}

/// Where each job name was first seen.
using JobNames = std::unordered_map<std::string, std::string>;

struct Loaded {
  Config config;
  GlobalSection global;
  JobNames jobs;
};

void read_jobs(const ReadContext& context, const Section& section, Loaded& out, YamlOut& yaml) {
  section.items("scrape_configs", [&](const YamlNode& item, const std::string& path) {
    auto job = read_scrape_config(context, item, path, out.global);
    const auto [known, is_new] = out.jobs.emplace(job.value.job_name, context.findings.file());
    if (!is_new) {
      const bool elsewhere = known->second != context.findings.file();
      const YamlNode* name = item.find("job_name");
      context.findings.report(
          name != nullptr ? name->at : item.at,
          fmt::format("{}.job_name: found multiple scrape configs with job name {}{}", path,
                      quote(job.value.job_name),
                      elsewhere ? fmt::format(", first found in {}", known->second) : std::string()));
    }
    out.config.scrape_configs.push_back(std::move(job.value));
    yaml.add(std::move(job.yaml));
  });
}

YamlOut default_otlp() {
  YamlOut yaml = YamlOut::mapping();
  yaml.add("translation_strategy", YamlOut::text("UnderscoreEscapingWithSuffixes"));
  yaml.add("label_name_underscore_sanitization", YamlOut::boolean(true));
  yaml.add("label_name_preserve_multiple_underscores", YamlOut::boolean(true));
  return yaml;
}

/// The node of a top section, or null where there is none.
const YamlNode& section_node(const Section& top, std::string_view name) {
  static const YamlNode kNothing;
  return top.given(name) ? *top.find(name) : kNothing;
}

Loaded read_document(const ReadContext& context, const YamlNode& root) {
  const Section top(context.findings, root, "", {kKnown, kNotYet});
  Loaded out;
  YamlOut yaml = YamlOut::mapping();
  auto global = read_global(context, section_node(top, "global"));
  out.global = std::move(global.value);
  out.config.global = out.global.global;
  yaml.add("global", std::move(global.yaml));
  yaml.add("runtime", read_runtime(context, section_node(top, "runtime")));
  auto alerting = read_alerting(context, section_node(top, "alerting"), out.global.defaults.legacy_names);
  out.config.alert_relabel = std::move(alerting.value.alert_relabel);
  out.config.alertmanagers = std::move(alerting.value.alertmanagers);
  yaml.add_filled("alerting", std::move(alerting.yaml));
  out.config.rule_files = read_patterns(context, top, "rule_files", "rule file");
  yaml.add_if(!out.config.rule_files.empty(), "rule_files", YamlOut::texts(out.config.rule_files));
  out.config.scrape_config_files = read_patterns(context, top, "scrape_config_files", "scrape config file");
  yaml.add_if(!out.config.scrape_config_files.empty(), "scrape_config_files",
              YamlOut::texts(out.config.scrape_config_files));
  YamlOut jobs = YamlOut::sequence();
  read_jobs(context, top, out, jobs);
  yaml.add_filled("scrape_configs", std::move(jobs));
  auto storage = read_storage(context, section_node(top, "storage"));
  out.config.tsdb = storage.value;
  yaml.add("storage", std::move(storage.yaml));
  // An empty block hides the defaults in Prometheus' dump, too.
  yaml.add_if(!top.has("otlp") || top.given("otlp"), "otlp", default_otlp());
  out.config.yaml = write_yaml(yaml);
  return out;
}

Result<YamlNode> read_tree(std::string_view text, const std::string& path) {
  auto document = parse_yaml(text, path);
  if (!document) return pass(document);
  if (document->more_documents) {
    telemetry::warn("Multiple YAML documents are not supported, only the first one counts", {{"file", path}});
  }
  return std::move(document->root);
}

Result<Loaded> parse_main(std::string_view yaml, const std::string& path, const LoadOptions& options) {
  auto root = read_tree(yaml, path);
  if (!root) return pass(root);
  Findings findings(path);
  Loaded loaded = read_document({findings, directory_of(path), options}, *root);
  if (!findings.ok()) return std::unexpected(findings.error());
  return loaded;
}

/// One file of scrape_config_files, added to what was loaded.
Result<void> add_scrape_file(io::FileSystem& fs, const std::string& path, const LoadOptions& options,
                             Loaded& out) {
  const auto text = fs.read_file(path);
  if (!text) return std::unexpected(text.error().during("reading scrape config file"));
  auto root = read_tree(*text, path);
  if (!root) return pass(root);
  static constexpr std::array<std::string_view, 1> kFields = {"scrape_configs"};
  Findings findings(path);
  const Section top(findings, *root, "", {kFields, {}});
  YamlOut not_shown = YamlOut::sequence();
  read_jobs({findings, directory_of(path), options}, top, out, not_shown);
  if (!findings.ok()) return std::unexpected(findings.error());
  return {};
}

}  // namespace

Result<Config> parse_config(std::string_view yaml, const std::string& path, const LoadOptions& options) {
  auto loaded = parse_main(yaml, path, options);
  if (!loaded) return pass(loaded);
  return std::move(loaded->config);
}

Result<Config> load_config(io::FileSystem& fs, const std::string& path, const LoadOptions& options) {
  const auto text = fs.read_file(path);
  if (!text) return std::unexpected(text.error().during("reading configuration"));
  auto loaded = parse_main(*text, path, options);
  if (!loaded) return pass(loaded);
  const auto patterns = loaded->config.scrape_config_files;
  for (const std::string& pattern : patterns) {
    const auto files = expand_pattern(fs, pattern);
    if (!files) return std::unexpected(files.error());
    for (const std::string& file : *files)
      if (auto added = add_scrape_file(fs, file, options, *loaded); !added) return pass(added);
  }
  return std::move(loaded->config);
}

}  // namespace narthex::config
