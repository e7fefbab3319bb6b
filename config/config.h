// The typed configuration: prometheus.yml and rule files, read strictly.
//
// Every section and field of Prometheus 3.14 is known by name. What is not supported yet is
// refused as such, anything else is an error, each with file, line, field and reason. Defaults
// are filled in; relative paths are resolved against the file's directory.
//
// Threads: values; a loaded Config is shared as const.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/file_system.h"
#include "model/labels.h"
#include "model/relabel.h"
#include "model/result.h"
#include "model/time.h"

namespace narthex::config {

/// A text that must not be shown: logs, API and /config print `<secret>`.
struct Secret {
  std::string text;
  bool operator==(const Secret&) const = default;
};

struct BasicAuth {
  std::string username;
  std::string username_file;
  Secret password;
  std::string password_file;
  bool operator==(const BasicAuth&) const = default;
};

struct Authorization {
  std::string type = "Bearer";
  Secret credentials;
  std::string credentials_file;
  bool operator==(const Authorization&) const = default;
};

struct TlsConfig {
  std::string ca, ca_file, cert, cert_file;
  Secret key;
  std::string key_file, server_name;
  bool insecure_skip_verify = false;
  std::string min_version, max_version;  ///< "", "TLS10".."TLS13"
  bool operator==(const TlsConfig&) const = default;
};

/// http_config: how to talk to a target, an Alertmanager, a discovery server.
struct HttpConfig {
  std::optional<BasicAuth> basic_auth;
  std::optional<Authorization> authorization;
  TlsConfig tls;
  bool follow_redirects = true;
  bool enable_http2 = true;  ///< accepted; we speak HTTP/1.1
  std::vector<std::pair<std::string, std::vector<std::string>>>
      headers;  ///< http_headers: values, then secrets
  bool operator==(const HttpConfig&) const = default;
};

struct TargetGroup {
  std::vector<std::string> targets;  ///< host:port, each becomes __address__
  Labels labels;
  std::string source;  ///< which provider and which entry, unique per job
  bool operator==(const TargetGroup&) const = default;
};

struct FileDiscovery {
  std::vector<std::string> files;  ///< absolute; `*` in the last path element only
  DurationMs refresh_interval = 300'000;
  bool operator==(const FileDiscovery&) const = default;
};

struct Discovery {
  std::vector<TargetGroup> static_groups;
  std::vector<FileDiscovery> files;
  bool operator==(const Discovery&) const = default;
};

struct Limits {
  std::uint64_t body_size = 0;  ///< bytes, decompressed; 0 = none, everywhere below too
  std::uint64_t samples = 0;
  std::uint64_t labels = 0;
  std::uint64_t label_name_length = 0;
  std::uint64_t label_value_length = 0;
  std::uint64_t targets = 0;
  std::uint64_t keep_dropped_targets = 0;
  bool operator==(const Limits&) const = default;
};

struct ScrapeConfig {
  std::string job_name;
  DurationMs interval = 60'000;
  DurationMs timeout = 10'000;
  std::vector<std::string> protocols;  ///< scrape_protocols, in order
  std::string fallback_protocol;       ///< "" = none
  std::string metrics_path = "/metrics";
  std::string scheme = "http";
  std::vector<std::pair<std::string, std::vector<std::string>>> params;
  bool honor_labels = false;
  bool honor_timestamps = true;
  bool track_timestamps_staleness = false;
  bool enable_compression = true;
  bool legacy_names = false;  ///< metric_name_validation_scheme: legacy
  std::string escaping_scheme = "allow-utf-8";
  bool extra_scrape_metrics = false;
  Limits limits;
  HttpConfig http;
  Discovery discovery;
  std::vector<RelabelRule> relabel;
  std::vector<RelabelRule> metric_relabel;
  bool operator==(const ScrapeConfig&) const = default;
};

struct AlertmanagerConfig {
  DurationMs timeout = 10'000;
  std::string path_prefix = "/";
  std::string scheme = "http";
  HttpConfig http;
  Discovery discovery;
  std::vector<RelabelRule> relabel;
  std::vector<RelabelRule> alert_relabel;
  bool operator==(const AlertmanagerConfig&) const = default;
};

struct Global {
  DurationMs scrape_interval = 60'000;
  DurationMs scrape_timeout = 10'000;
  DurationMs evaluation_interval = 60'000;
  DurationMs rule_query_offset = 0;
  Labels external_labels;
  std::string query_log_file;
  bool legacy_names = false;  ///< metric_name_validation_scheme: legacy
};

/// How much to keep; 0: no limit of that kind.
struct RetentionConfig {
  DurationMs time = 0;
  std::uint64_t size_bytes = 0;
  double percentage = 0;  ///< of the file system; goes before the size
  bool operator==(const RetentionConfig&) const = default;
};

struct TsdbConfig {
  /// Without a block of that name what the flags say; in one, a field that is not there is 0.
  RetentionConfig retention;
  /// exemplars.max_exemplars; 0, as everything below 1, keeps none.
  std::uint64_t max_exemplars = 0;
  /// chunk_encoding.floats: xor2, or xor; the start flags decide if it is absent.
  std::optional<bool> xor2_floats;
};

struct Config {
  Global global;
  std::vector<std::string> rule_files;           ///< patterns; relative ones joined to the file's directory
  std::vector<std::string> scrape_config_files;  ///< patterns, likewise
  std::vector<ScrapeConfig> scrape_configs;      ///< load_config: those of scrape_config_files too
  std::vector<RelabelRule> alert_relabel;
  std::vector<AlertmanagerConfig> alertmanagers;
  TsdbConfig tsdb;
  /// What /api/v1/status/config shows: normalised YAML, defaults filled in, secrets masked.
  std::string yaml;
};

/// Feature names of --enable-feature that change how configuration is read.
struct LoadOptions {
  bool extra_scrape_metrics = false;
  bool exemplar_storage = false;
  /// What the retention flags say, for where the file is silent.
  RetentionConfig retention = {.time = 15LL * 24 * 3'600'000};
};

/// Errors: invalid (with SourcePos: file, line, column; text names the field and the reason),
/// not_found, io. The text is what a user sees: `prometheus.yml:12:5: field scrape_intervall is
/// not known in scrape_configs (did you mean scrape_interval?)`.
Result<Config> load_config(io::FileSystem& fs, const std::string& path, const LoadOptions& options);
/// The same for a text; scrape_config_files are named but not read.
Result<Config> parse_config(std::string_view yaml, const std::string& path, const LoadOptions& options);

/// Names and values as written; an empty value takes the label away from the rule's result.
using RuleTexts = std::vector<std::pair<std::string, std::string>>;

struct RecordingRule {
  std::string record;
  std::string expr;
  RuleTexts labels;
};
struct AlertingRule {
  std::string alert;
  std::string expr;
  DurationMs hold = 0;  ///< for
  DurationMs keep_firing_for = 0;
  RuleTexts labels;       ///< may hold templates
  RuleTexts annotations;  ///< may hold templates
};
struct RuleConfig {
  std::optional<RecordingRule> recording;  ///< exactly one of the two is set
  std::optional<AlertingRule> alerting;
  SourcePos at;       ///< of the rule
  SourcePos expr_at;  ///< of the text of expr
};
struct RuleGroupConfig {
  std::string name;
  std::string file;
  std::optional<DurationMs> interval;  ///< evaluation_interval if absent
  std::optional<DurationMs> query_offset;
  std::uint64_t limit = 0;
  RuleTexts labels;  ///< of every rule that does not set them itself
  std::vector<RuleConfig> rules;
};

/// Reads one rule file. Expressions are not parsed here (that is the rules folder's).
/// @param legacy_names  Global::legacy_names
/// Errors: as load_config.
Result<std::vector<RuleGroupConfig>> load_rule_file(io::FileSystem& fs, const std::string& path,
                                                    bool legacy_names = false);
/// Files that match a pattern with `*` in its last element, sorted; a missing file is no error.
Result<std::vector<std::string>> expand_pattern(io::FileSystem& fs, const std::string& pattern);
/// Target groups of a file_sd file (.yml, .yaml or .json). Errors: as load_config.
Result<std::vector<TargetGroup>> load_target_file(io::FileSystem& fs, const std::string& path);

}  // namespace narthex::config
