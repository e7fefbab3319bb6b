// The readers of the sections of prometheus.yml, one per idea. Each returns the typed section
// and the YAML that /api/v1/status/config shows for it.
//
// Internal to config/. Threads: one at a time.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/section.h"
#include "config/yaml_writer.h"

namespace narthex::config {

struct ReadContext {
  Findings& findings;
  std::string directory;  ///< relative paths start here
  LoadOptions options;
};

/// Joins a relative path to `directory` and tidies it, as Go's filepath.Join; absolute and
/// empty paths stay as they are.
std::string join_path(const std::string& directory, const std::string& path);

template <class T>
struct Read {
  T value;
  YamlOut yaml = YamlOut::mapping();
};

/// Names of the fields that read_http takes from a section, and of those refused for now.
std::vector<std::string_view> with_http_fields(std::initializer_list<std::string_view> own);
std::vector<std::string_view> with_unsupported_http_fields(std::initializer_list<std::string_view> own);
/// The fields of http_config, which stand inline in other sections.
Read<HttpConfig> read_http(const ReadContext& context, const Section& section);

/// Names of all service discoveries that Prometheus knows and Narthex does not have yet.
std::vector<std::string_view> with_unsupported_discoveries(std::vector<std::string_view> own);
/// static_configs and file_sd_configs.
/// @param plain_addresses  refuse targets with a slash: there is no relabeling to mend them
Read<Discovery> read_discovery(const ReadContext& context, const Section& section, bool plain_addresses);
/// One group of targets. Shared by static_configs and file_sd files.
Read<TargetGroup> read_target_group(Findings& findings, const YamlNode& node, const std::string& path);

/// A list of relabeling rules.
/// @param what  for the message about an empty entry: `target relabeling rule in scrape config`
Read<std::vector<RelabelRule>> read_relabel(const ReadContext& context, const Section& section,
                                            std::string_view name, bool legacy_names, std::string_view what);

/// What scrape configs inherit.
struct ScrapeDefaults {
  Limits limits;
  std::optional<std::vector<std::string>> protocols;
  bool legacy_names = false;
  std::string escaping_scheme;  ///< "" if not given
  bool extra_scrape_metrics = false;
  bool always_scrape_classic = false;  ///< shown only: there are no native histograms yet
};
struct GlobalSection {
  Global global;
  ScrapeDefaults defaults;
};
/// @param node  null if the section is absent or empty
Read<GlobalSection> read_global(const ReadContext& context, const YamlNode& node);

Read<ScrapeConfig> read_scrape_config(const ReadContext& context, const YamlNode& node,
                                      const std::string& path, const GlobalSection& global);

struct AlertingSection {
  std::vector<RelabelRule> alert_relabel;
  std::vector<AlertmanagerConfig> alertmanagers;
};
Read<AlertingSection> read_alerting(const ReadContext& context, const YamlNode& node, bool legacy_names);

Read<TsdbConfig> read_storage(const ReadContext& context, const YamlNode& node);

/// body_size_limit and its kin, which global and scrape_configs share.
void read_limits(const Section& section, Limits& limits);
void write_limits(YamlOut& yaml, const Limits& limits);

/// scrape_protocols: known names, each once. `suffix` ends the message, as Prometheus words it.
void check_protocols(const Section& section, std::string_view name, const std::vector<std::string>& protocols,
                     std::string_view suffix);
bool is_known_protocol(std::string_view name);
std::string unknown_protocol_text(std::string_view name);

/// metric_name_validation_scheme. @return nothing if it is not given (or was reported)
std::optional<bool> read_legacy_names(const Section& section);
bool is_escaping_scheme(std::string_view name);

}  // namespace narthex::config
