// Prometheus' own configuration and rule files: good ones load (or need something that is
// said not to be supported yet), bad ones are refused for the reason Prometheus gives.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>

#include "config/config.h"

using namespace narthex;
using namespace narthex::config;

namespace {

namespace fs = std::filesystem;

/// The folder of conformance data, if it is there.
std::optional<fs::path> conformance(const char* part) {
  const char* set = std::getenv("NARTHEX_CONFORMANCE");
  const fs::path root =
      set != nullptr ? fs::path(set) : fs::path(NARTHEX_SOURCE_ROOT) / ".." / "shared" / "conformance";
  fs::path folder = root / part;
  if (fs::is_directory(folder)) return folder;
  MESSAGE("skipped: no conformance data in ", folder.string());
  return std::nullopt;
}

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

bool is_unsupported(const Error& error) {
  return error.text.find("not supported by Narthex yet") != std::string::npos;
}

/// What the refusal must say; files not listed here need a part that is not supported yet.
const std::map<std::string, std::string>& faults() {
  static const std::map<std::string, std::string> kFaults = {
      {"bearertoken.bad.yml", "at most one of bearer_token & bearer_token_file must be configured"},
      {"bearertoken_basicauth.bad.yml",
       "at most one of basic_auth, oauth2, bearer_token & bearer_token_file"},
      {"dropequal.bad.yml", "relabel configuration for dropequal action requires 'target_label' value"},
      {"dropequal1.bad.yml",
       "dropequal action requires only 'source_labels' and `target_label`, and no other fields"},
      {"empty_alert_relabel_config.bad.yml", "empty or null alert relabeling rule"},
      {"empty_alertmanager_relabel_config.bad.yml", "empty or null Alertmanager target relabeling rule"},
      {"empty_metric_relabel_config.bad.yml", "empty or null metric relabeling rule"},
      {"empty_scrape_config.bad.yml", "empty or null scrape config section"},
      {"empty_scrape_config_action.bad.yml", "relabel action cannot be empty"},
      {"empty_static_config.bad.yml", "empty or null section in static_configs"},
      {"empty_target_relabel_config.bad.yml", "empty or null target relabeling rule"},
      {"jobname.bad.yml", "job_name is empty"},
      {"jobname_dup.bad.yml", "found multiple scrape configs with job name \"prometheus\""},
      {"keepequal.bad.yml", "relabel configuration for keepequal action requires 'target_label' value"},
      {"keepequal1.bad.yml",
       "keepequal action requires only 'source_labels' and `target_label`, and no other fields"},
      {"labeldrop.bad.yml", "labeldrop action requires only 'regex', and no other fields"},
      {"labeldrop2.bad.yml", "labeldrop action requires only 'regex', and no other fields"},
      {"labeldrop3.bad.yml", "labeldrop action requires only 'regex', and no other fields"},
      {"labeldrop4.bad.yml", "labeldrop action requires only 'regex', and no other fields"},
      {"labeldrop5.bad.yml", "labeldrop action requires only 'regex', and no other fields"},
      {"labelkeep.bad.yml", "labelkeep action requires only 'regex', and no other fields"},
      {"labelkeep2.bad.yml", "labelkeep action requires only 'regex', and no other fields"},
      {"labelkeep3.bad.yml", "labelkeep action requires only 'regex', and no other fields"},
      {"labelkeep4.bad.yml", "labelkeep action requires only 'regex', and no other fields"},
      {"labelkeep5.bad.yml", "labelkeep action requires only 'regex', and no other fields"},
      {"labelmap.bad.yml", "!!binary value contains invalid base64 data"},
      {"labelname.bad.yml", "\"\\xff\" is not a valid label name"},
      {"labelvalue.bad.yml", "\"\\xff\" is not a valid label value"},
      {"lowercase.bad.yml", "relabel configuration for lowercase action requires 'target_label' value"},
      {"lowercase3.bad.yml", "'replacement' can not be set for lowercase action"},
      {"metric_name_validation_scheme.bad.yml", "unrecognized ValidationScheme: \"invalid_scheme\""},
      {"modulus_missing.bad.yml", "relabel configuration for hashmod requires non-zero modulus"},
      {"regex.bad.yml", "error parsing regexp"},
      {"rules.bad.yml", "invalid rule file path"},
      {"scrape_body_size_limit.bad.yml", "units: unknown unit  in 100"},
      {"scrape_config_files.bad.yml", ""},
      {"scrape_config_files_double_import.bad.yml", "found multiple scrape configs with job name"},
      {"scrape_config_files_duplicate.bad.yml", "found multiple scrape configs with job name"},
      {"scrape_config_files_fallback_scrape_protocol1.bad.yml", "unknown scrape protocol"},
      {"scrape_config_files_fallback_scrape_protocol2.bad.yml", "expected a text"},
      {"scrape_config_files_glob.bad.yml", "invalid scrape config file path \"scrape_configs/*/*\""},
      {"scrape_config_files_global.bad.yml", ""},
      {"scrape_config_files_scrape_protocols.bad.yml", "unknown scrape protocol prometheusproto"},
      {"scrape_config_files_scrape_protocols2.bad.yml", "duplicated protocol in scrape_protocols"},
      {"scrape_config_utf8_conflicting.bad.yml",
       "utf8 metric names requested but validation scheme is not set to UTF8"},
      {"scrape_interval.bad.yml", "scrape timeout greater than scrape interval"},
      {"section_key_dup.bad.yml", "field scrape_configs already set"},
      {"static_config.bad.yml", ""},
      {"target_label_hashmod_missing.bad.yml",
       "relabel configuration for hashmod action requires 'target_label' value"},
      {"target_label_missing.bad.yml",
       "relabel configuration for replace action requires 'target_label' value"},
      {"tsdb_chunk_encoding_floats.bad.yml",
       "must be 'xor' or 'xor2', or the field must be omitted entirely, got"},
      {"tsdb_chunk_encoding_floats_wrong_case.bad.yml", "must be 'xor' or 'xor2'"},
      {"tsdb_chunk_encoding_floats_wrong_case_xor2.bad.yml", "must be 'xor' or 'xor2'"},
      {"tsdb_retention_percentage.bad.yml", "must be in the range [0, 100]"},
      {"tsdb_retention_percentage_negative.bad.yml", "must be in the range [0, 100]"},
      {"tsdb_retention_size.bad.yml", "must be greater than or equal to 0"},
      {"tsdb_retention_time.bad.yml", "not a valid duration string: \"-1h\""},
      {"unknown_attr.bad.yml", "field consult_sd_configs is not known in"},
      {"unknown_global_attr.bad.yml", "field nonexistent_field is not known in global"},
      {"uppercase.bad.yml", "relabel configuration for uppercase action requires 'target_label' value"},
      {"uppercase3.bad.yml", "'replacement' can not be set for uppercase action"},
      {"url_in_targetgroup.bad.yml", "\"http://bad\" is not a valid hostname"},
  };
  return kFaults;
}

}  // namespace

TEST_CASE("Prometheus' good configurations load or need something not supported yet") {
  const auto folder = conformance("config");
  if (!folder) return;
  std::size_t loaded = 0;
  std::size_t unsupported = 0;
  for (const fs::path& file : files_in(*folder)) {
    if (!file.filename().string().ends_with(".good.yml")) continue;
    CAPTURE(file.filename().string());
    const auto config = load_config(io::local_file_system(), file.string(), {});
    if (config) {
      ++loaded;
      continue;
    }
    CAPTURE(config.error().text);
    CHECK(is_unsupported(config.error()));
    CHECK(config.error().at.has_value());
    ++unsupported;
  }
  MESSAGE(loaded, " good files load, ", unsupported, " need something not supported yet");
  CHECK(loaded >= 19);
}

TEST_CASE("Prometheus' bad configurations are refused with their fault named") {
  const auto folder = conformance("config");
  if (!folder) return;
  std::size_t unsupported = 0;
  for (const fs::path& file : files_in(*folder)) {
    const std::string name = file.filename().string();
    if (!name.ends_with(".bad.yml")) continue;
    CAPTURE(name);
    const auto config = load_config(io::local_file_system(), file.string(), {});
    REQUIRE(!config);
    CAPTURE(config.error().text);
    CHECK(config.error().at.has_value());
    const auto fault = faults().find(name);
    if (fault != faults().end()) {
      CHECK(config.error().text.find(fault->second) != std::string::npos);
      CHECK(!is_unsupported(config.error()));
    } else {
      CHECK(is_unsupported(config.error()));
      ++unsupported;
    }
  }
  MESSAGE(unsupported, " bad files are refused for a part that is not supported yet");
}

TEST_CASE("Prometheus' rule files: good ones load, bad ones are refused") {
  const auto folder = conformance("rules");
  if (!folder) return;
  for (const fs::path& file : files_in(*folder)) {
    const std::string name = file.filename().string();
    CAPTURE(name);
    // Bad only under the legacy scheme; expressions are the rules folder's to refuse.
    const bool legacy = name == "legacy_validation_annotation.bad.yaml";
    const auto groups = load_rule_file(io::local_file_system(), file.string(), legacy);
    const bool good = name.find(".bad.") == std::string::npos || name == "bad_expr.bad.yaml";
    if (good && !groups) CAPTURE(groups.error().text);
    CHECK(groups.has_value() == good);
    if (!groups) CHECK(groups.error().at.has_value());
  }
}
