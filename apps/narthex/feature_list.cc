#include "apps/narthex/feature_list.h"

#include <array>

namespace narthex::apps {

namespace {

constexpr std::array kTemplateFunctions = {
    "humanize",          "humanize1024", "humanizeDuration", "humanizePercentage",
    "humanizeTimestamp", "title",        "toLower",          "toUpper"};

}  // namespace

query::LanguageFeatures list_features(const Flags& flags, const Features& features) {
  auto out = query::language_features(features.parser);
  out["promql"].merge(std::map<std::string, bool>{{"at_modifier", true},
                                                  {"negative_offset", true},
                                                  {"per_step_stats", features.per_step_stats},
                                                  {"delayed_name_removal", features.delayed_name_removal},
                                                  {"type_and_unit_labels", false},
                                                  {"per_query_lookback_delta", true},
                                                  {"subqueries", true}});
  out["api"] = {{"lifecycle", flags.enable_lifecycle},
                {"admin", flags.enable_admin_api},
                {"remote_write_receiver", false},
                {"otlp_write_receiver", false},
                {"search", false},
                {"label_values_match", true},
                {"query_warnings", true},
                {"query_stats", true},
                {"time_range_series", true},
                {"time_range_labels", true},
                {"exclude_alerts", true},
                {"openapi_3.1", false},
                {"openapi_3.2", false}};
  out["otlp_receiver"] = {{"delta_conversion", false}, {"native_delta_ingestion", false}};
  out["prometheus"] = {
      {"agent_mode", false}, {"server_mode", true}, {"auto_reload_config", false}, {"stringlabels", true}};
  out["rules"] = {{"concurrent_rule_eval", false}, {"query_offset", true}, {"keep_firing_for", true}};
  out["scrape"] = {{"extra_scrape_metrics", true},
                   {"start_timestamp_zero_ingestion", features.start_zeros},
                   {"type_and_unit_labels", false}};
  out["service_discovery_providers"] = {{"file", true}, {"static", true}};
  for (const char* name : kTemplateFunctions) out["templating_functions"][name] = true;
  out["tsdb"] = {{"exemplar_storage", features.config.exemplar_storage},
                 {"delayed_compaction", false},
                 {"isolation", true},
                 {"use_uncached_io", false},
                 {"native_histograms", true},
                 {"st_storage", features.st_storage},
                 {"xor2_encoding", true},
                 {"histograms_st_encoding", features.histograms_with_start}};
  // Prometheus does not name these while they are off.
  if (features.metadata_wal_records) out["tsdb"]["metadata_wal_records"] = true;
  out["ui"] = {{"ui_v3", true}, {"ui_v2", false}};
  return out;
}

}  // namespace narthex::apps
