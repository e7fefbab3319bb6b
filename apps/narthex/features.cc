#include "apps/narthex/features.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace narthex::apps {

namespace {

/// Known to Prometheus 3.14; not done here yet, and ignoring them loses nothing silently.
constexpr std::array<std::string_view, 9> kNoEffectYet = {
    "memory-snapshot-on-shutdown",
    "concurrent-rule-eval",
    "delayed-compaction",
    "use-uncached-io",
    "old-ui",
    "search-api",
    "otlp-deltatocumulative",
    "otlp-native-delta-ingestion",
    "type-and-unit-labels",
};
/// Once features, now always so; Prometheus accepts them with a warning too.
constexpr std::array<std::string_view, 5> kAlwaysOn = {"auto-reload-config", "promql-duration-expr",
                                                       "native-histograms", "ooo-native-histograms",
                                                       "fast-startup"};

template <std::size_t N>
bool holds(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

Features read_features(const Flags& flags) {
  Features features;
  if (flags.retention_time > 0 || flags.retention_size_bytes > 0)
    features.config.retention = {.time = flags.retention_time, .size_bytes = flags.retention_size_bytes};
  for (const std::string& name : flags.features) {
    if (name == "promql-experimental-functions") {
      features.parser.experimental_functions = true;
    } else if (name == "promql-extended-range-selectors") {
      features.parser.extended_range_selectors = true;
    } else if (name == "promql-binop-fill-modifiers") {
      features.parser.binop_fill_modifiers = true;
    } else if (name == "promql-delayed-name-removal") {
      features.delayed_name_removal = true;
    } else if (name == "promql-per-step-stats") {
      features.per_step_stats = true;
    } else if (name == "use-start-timestamps") {
      features.use_start_timestamps = true;
    } else if (name == "created-timestamp-zero-ingestion") {
      features.start_zeros = true;
    } else if (name == "st-storage") {
      features.st_storage = true;
    } else if (name == "st-synthesis") {
      features.st_synthesis = true;
    } else if (name == "histograms-st-encoding") {
      features.histograms_with_start = true;
    } else if (name == "xor2-encoding") {
      features.xor2_floats = true;
      features.warnings.emplace_back(
          "--enable-feature=xor2-encoding is going away: set storage.tsdb.chunk_encoding.floats to xor2 in "
          "the configuration instead");
    } else if (name == "extra-scrape-metrics") {
      features.config.extra_scrape_metrics = true;
    } else if (name == "exemplar-storage") {
      features.config.exemplar_storage = true;
    } else if (name == "metadata-wal-records") {
      features.metadata_wal_records = true;
    } else if (holds(kNoEffectYet, name)) {
      features.warnings.push_back("--enable-feature=" + name + " has no effect yet");
    } else if (holds(kAlwaysOn, name)) {
      features.warnings.push_back("--enable-feature=" + name + " is not needed any more");
    } else {
      features.warnings.push_back("--enable-feature=" + name + " is not known");
    }
  }
  return features;
}

}  // namespace narthex::apps
