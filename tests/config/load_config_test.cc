#include <doctest/doctest.h>

#include <cstdlib>
#include <tuple>

#include "config/config.h"

using namespace narthex;
using namespace narthex::config;

namespace {

Config load(std::string_view yaml) {
  auto config = parse_config(yaml, "/etc/p/prometheus.yml", {});
  if (!config) FAIL(config.error().text);
  return *std::move(config);
}

std::string job(const std::string& fields) {
  return "scrape_configs:\n- job_name: j\n" + fields;
}

}  // namespace

TEST_CASE("an empty file is a configuration of defaults") {
  const Config config = load("");
  CHECK(config.global.scrape_interval == 60'000);
  CHECK(config.global.scrape_timeout == 10'000);
  CHECK(config.global.evaluation_interval == 60'000);
  CHECK(config.scrape_configs.empty());
  CHECK(config.yaml ==
        "global:\n"
        "  scrape_interval: 1m\n"
        "  scrape_timeout: 10s\n"
        "  evaluation_interval: 1m\n"
        "  metric_name_validation_scheme: utf8\n"
        "  metric_name_escaping_scheme: allow-utf-8\n"
        "  scrape_native_histograms: false\n"
        "  extra_scrape_metrics: false\n"
        "runtime:\n"
        "  gogc: 75\n"
        "storage:\n"
        "  tsdb:\n"
        "    outofordertimewindow: 0\n"
        "    retention:\n"
        "      time: 15d\n"
        "otlp:\n"
        "  translation_strategy: UnderscoreEscapingWithSuffixes\n"
        "  label_name_underscore_sanitization: true\n"
        "  label_name_preserve_multiple_underscores: true\n");
}

TEST_CASE("the out-of-order window is a duration, shown in milliseconds as well") {
  const Config config = load("storage: {tsdb: {out_of_order_time_window: 90m}}\n");
  CHECK(config.tsdb.out_of_order_window == 90 * 60 * 1000);
  CHECK(config.yaml.contains("    outofordertimewindow: 5400000\n    out_of_order_time_window: 1h30m\n"));
  CHECK(load("storage: {tsdb: {out_of_order_time_window: 0s}}\n").tsdb.out_of_order_window == 0);
}

TEST_CASE("jobs inherit from global, and the timeout never exceeds the interval") {
  const Config config = load(
      "global:\n"
      "  scrape_interval: 5s\n"
      "  sample_limit: 10\n"
      "  body_size_limit: 1KB\n"
      "  metric_name_validation_scheme: legacy\n"
      "scrape_configs:\n"
      "- job_name: a\n"
      "- job_name: b\n"
      "  scrape_interval: 2s\n"
      "  sample_limit: 0\n"
      "  label_limit: 3\n"
      "- job_name: c\n"
      "  scrape_interval: 1m\n"
      "  scrape_timeout: 30s\n"
      "  metric_name_validation_scheme: utf8\n");
  CHECK(config.global.scrape_timeout == 5'000);
  REQUIRE(config.scrape_configs.size() == 3);
  const auto& [a, b, c] =
      std::tie(config.scrape_configs[0], config.scrape_configs[1], config.scrape_configs[2]);
  CHECK(a.interval == 5'000);
  CHECK(a.timeout == 5'000);
  CHECK(a.legacy_names);
  CHECK(a.escaping_scheme == "underscores");
  CHECK(a.limits.body_size == 1024);
  CHECK(b.timeout == 2'000);
  CHECK(b.limits.samples == 10);
  CHECK(b.limits.labels == 3);
  CHECK(c.timeout == 30'000);
  CHECK(!c.legacy_names);
  CHECK(c.escaping_scheme == "allow-utf-8");
}

TEST_CASE("targets, discovery files and relabeling arrive typed, relative paths joined") {
  const Config config =
      load(job("  static_configs:\n"
               "  - targets: ['localhost:9090', 10.0.0.1:80]\n"
               "    labels: {env: prod, n: 1}\n"
               "  - targets: []\n"
               "  file_sd_configs:\n"
               "  - files: [t/*.json, /abs/x.yml]\n"
               "    refresh_interval: 10s\n"
               "  params: {'module[]': [http_2xx, x]}\n"
               "  basic_auth: {username: u, password: p, }\n"
               "  tls_config: {ca_file: ca.pem, min_version: TLS13}\n"
               "  http_headers: {X-A: {values: [v], secrets: [s]}}\n"
               "  relabel_configs:\n"
               "  - {source_labels: [a, b], regex: (.+), target_label: c, action: Replace}\n"
               "  metric_relabel_configs: [{regex: x.*, action: labeldrop}]\n"));
  const ScrapeConfig& j = config.scrape_configs.at(0);
  REQUIRE(j.discovery.static_groups.size() == 2);
  CHECK(j.discovery.static_groups[0].targets == std::vector<std::string>{"localhost:9090", "10.0.0.1:80"});
  CHECK(j.discovery.static_groups[0].labels.to_string() == R"({env="prod", n="1"})");
  CHECK(j.discovery.static_groups[1].source == "1");
  CHECK(j.discovery.files.at(0).files == std::vector<std::string>{"/etc/p/t/*.json", "/abs/x.yml"});
  CHECK(j.discovery.files.at(0).refresh_interval == 10'000);
  CHECK(j.params.at(0).second.size() == 2);
  CHECK(j.http.basic_auth->password.text == "p");
  CHECK(j.http.tls.ca_file == "/etc/p/ca.pem");
  CHECK(j.http.headers.at(0).second == std::vector<std::string>{"v", "s"});
  CHECK(j.relabel.at(0).action == RelabelAction::replace);
  CHECK(j.relabel.at(0).regex.pattern() == "(.+)");
  CHECK(j.metric_relabel.at(0).action == RelabelAction::labeldrop);
  CHECK(config.yaml.find("password: <secret>") != std::string::npos);
  CHECK(config.yaml.find("- <secret>") != std::string::npos);
  CHECK(config.yaml.find("password: p") == std::string::npos);
}

TEST_CASE("bearer_token is an older name of authorization") {
  const Config config = load(job("  bearer_token_file: token\n"));
  REQUIRE(config.scrape_configs[0].http.authorization);
  CHECK(config.scrape_configs[0].http.authorization->type == "Bearer");
  CHECK(config.scrape_configs[0].http.authorization->credentials_file == "/etc/p/token");
}

TEST_CASE("external labels expand the environment") {
  ::setenv("NARTHEX_TEST_VALUE", "v", 1);
  ::unsetenv("NARTHEX_TEST_UNSET");
  const Config config = load(
      "global:\n"
      "  external_labels:\n"
      "    a: ${NARTHEX_TEST_VALUE}\n"
      "    b: x$NARTHEX_TEST_VALUE-y\n"
      "    c: $NARTHEX_TEST_UNSET\n"
      "    d: foo$$bar\n"
      "    e: 5$ or $\n"
      "    f: foo$${TEST}\n"
      "    g: ${broken\n");
  CHECK(config.global.external_labels.to_string() ==
        R"({a="v", b="xv-y", d="foo$bar", e="5$ or $", f="foo${TEST}", g="broken"})");
  CHECK(config.yaml.find("    c: \"\"\n") != std::string::npos);
}

TEST_CASE("alertmanagers know their prefix, timeout and relabeling") {
  const Config config = load(
      "alerting:\n"
      "  alert_relabel_configs: [{regex: replica, action: labeldrop}]\n"
      "  alertmanagers:\n"
      "  - path_prefix: /am\n"
      "    scheme: https\n"
      "    timeout: 3s\n"
      "    static_configs: [{targets: ['am:9093']}]\n"
      "  - {}\n");
  CHECK(config.alert_relabel.size() == 1);
  REQUIRE(config.alertmanagers.size() == 2);
  CHECK(config.alertmanagers[0].path_prefix == "/am");
  CHECK(config.alertmanagers[0].timeout == 3'000);
  CHECK(config.alertmanagers[1].path_prefix == "/");
  CHECK(config.alertmanagers[1].timeout == 10'000);
}

TEST_CASE("a retention block replaces what the flags say, no block leaves it to them") {
  const RetentionConfig of_flags{.time = 3'600'000, .size_bytes = 1 << 20};
  const struct {
    std::string_view yaml;
    RetentionConfig want;
    std::string_view shown;
  } rows[] = {
      {"", of_flags, "    retention:\n      time: 1h\n      size: 1MiB\n"},
      {"storage: {tsdb: {retention: }}", of_flags, "      time: 1h\n      size: 1MiB\n"},
      {"storage: {tsdb: {retention: {size: 1GB}}}",
       {.size_bytes = 1 << 30},
       "    retention:\n      size: 1GiB\n"},
      {"storage: {tsdb: {retention: {time: 2d, percentage: 12.5}}}",
       {.time = 2 * 86'400'000, .percentage = 12.5},
       "    retention:\n      time: 2d\n      percentage: 12.5\n"},
      {"storage: {tsdb: {retention: {}}}", {}, "    retention: {}\n"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.yaml);
    const auto config = parse_config(row.yaml, "f.yml", {.retention = of_flags});
    REQUIRE(config);
    CHECK((config->tsdb.retention == row.want));
    CAPTURE(config->yaml);
    CHECK(config->yaml.contains(row.shown));
  }
}

TEST_CASE("the encoding of float chunks is chosen, or left to the start flags") {
  CHECK(!load("").tsdb.xor2_floats);
  CHECK(load("storage: {tsdb: {chunk_encoding: {floats: xor}}}").tsdb.xor2_floats == false);
  const Config config = load("storage: {tsdb: {chunk_encoding: {floats: xor2}}}");
  CHECK(config.tsdb.xor2_floats == true);
  CHECK(config.yaml.find("    chunk_encoding:\n      floats: xor2\n") != std::string::npos);
}

TEST_CASE("exemplars are kept with their feature only, and then 100000 if nothing else is said") {
  const struct {
    std::string_view yaml;
    bool feature;
    std::uint64_t most;
    std::string_view shown;
  } rows[] = {{"", false, 0, ""},
              {"storage: {exemplars: {max_exemplars: 5}}", false, 0, "  exemplars:\n    max_exemplars: 5\n"},
              {"", true, 100'000, "  exemplars:\n    max_exemplars: 100000\n"},
              {"storage: {exemplars: {max_exemplars: 5}}", true, 5, "  exemplars:\n    max_exemplars: 5\n"},
              {"storage: {exemplars: {max_exemplars: -1}}", true, 0, "  exemplars:\n    max_exemplars: -1\n"},
              {"storage: {exemplars: {}}", true, 0, "  exemplars: {}\n"}};
  for (const auto& row : rows) {
    CAPTURE(row.yaml);
    LoadOptions options;
    options.exemplar_storage = row.feature;
    const auto config = parse_config(row.yaml, "/etc/p/prometheus.yml", options);
    REQUIRE(config);
    CHECK(config->tsdb.max_exemplars == row.most);
    CHECK(config->yaml.find(row.shown) != std::string::npos);
  }
}

TEST_CASE("what is not supported yet is refused by name, but harmless emptiness is not") {
  const struct {
    std::string yaml;
    std::string want;
  } rows[] = {
      {"remote_write:\n- url: http://x/\n", "1:1: field remote_write is not supported by Narthex yet"},
      {"otlp: {promote_resource_attributes: [a]}", "1:1: field otlp is not supported by Narthex yet"},
      {job("  dns_sd_configs: [{names: [x]}]\n"),
       "3:3: field scrape_configs[0].dns_sd_configs is not supported by Narthex yet"},
      {job("  oauth2: {client_id: x}\n"),
       "3:3: field scrape_configs[0].oauth2 is not supported by Narthex yet"},
      {job("  scrape_native_histograms: true\n"),
       "3:29: field scrape_configs[0].scrape_native_histograms with value true is not supported by Narthex "
       "yet"},
      {"storage: {tsdb: {stale_series_compaction_threshold: 0.5}}",
       "1:53: field storage.tsdb.stale_series_compaction_threshold with value 0.5 is not supported by "
       "Narthex "
       "yet"},
      {"global: {scrape_failure_log_file: f}",
       "1:10: field global.scrape_failure_log_file is not supported by Narthex yet"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.yaml);
    const auto config = parse_config(row.yaml, "f.yml", {});
    REQUIRE(!config);
    CHECK(config.error().text == "f.yml:" + row.want);
  }
  CHECK(parse_config("remote_write: []\ntracing:\notlp: {}\nruntime: {gogc: 40}\n", "f.yml", {}));
  CHECK(
      parse_config(job("  proxy_from_environment: false\n  scrape_native_histograms: false\n"), "f.yml", {}));
}

TEST_CASE("every fault names file, line, column, field and reason") {
  const struct {
    std::string yaml;
    std::string want;
  } rows[] = {
      {"scrape_confgs: []",
       "1:1: field scrape_confgs is not known in this file (did you mean scrape_configs?)"},
      {"- a", "1:1: expected a mapping, got a list"},
      {job("  scrape_intervall: 5s\n"),
       "3:3: field scrape_intervall is not known in scrape_configs[0] (did you mean scrape_interval?)"},
      {job("  zzzzzz: 5s\n"), "3:3: field zzzzzz is not known in scrape_configs[0]"},
      {job("  scrape_interval: 5\n"),
       "3:20: scrape_configs[0].scrape_interval: not a valid duration string: \"5\""},
      {job("  scrape_interval: [5s]\n"),
       "3:20: scrape_configs[0].scrape_interval: expected a duration such as 1m30s, got a list"},
      {job("  scrape_timeout: 2m\n"),
       "3:19: scrape_configs[0].scrape_timeout: scrape timeout greater than scrape interval for scrape "
       "config with job "
       "name \"j\""},
      {job("  sample_limit: -1\n"),
       "3:17: scrape_configs[0].sample_limit: expected a whole number, 0 or more, got a number \"-1\""},
      {job("  sample_limit: '1'\n"),
       "3:17: scrape_configs[0].sample_limit: expected a whole number, 0 or more, got a text \"1\""},
      {job("  honor_labels: maybe\n"),
       "3:17: scrape_configs[0].honor_labels: expected true or false, got a text \"maybe\""},
      {job("  body_size_limit: 100\n"),
       "3:20: scrape_configs[0].body_size_limit: units: unknown unit  in 100"},
      {job("  metrics_path: {}\n"), "3:17: scrape_configs[0].metrics_path: expected a text, got a mapping"},
      {job("  scrape_protocols: [prometheusproto]\n"),
       "3:21: scrape_configs[0].scrape_protocols: scrape_protocols: unknown scrape protocol prometheusproto, "
       "supported: "
       "[OpenMetricsText0.0.1 OpenMetricsText1.0.0 PrometheusProto PrometheusText0.0.4 PrometheusText1.0.0] "
       "for scrape "
       "config with job name \"j\""},
      {job("  metric_name_validation_scheme: legacy\n  metric_name_escaping_scheme: allow-utf-8\n"),
       "4:32: scrape_configs[0].metric_name_escaping_scheme: utf8 metric names requested but validation "
       "scheme is not set "
       "to UTF8"},
      {job("- job_name: j\n"),
       "3:13: scrape_configs[1].job_name: found multiple scrape configs with job name \"j\""},
      {"scrape_configs: [{}]", "1:18: scrape_configs[0].job_name: job_name is empty"},
      {"scrape_configs: [~]", "1:18: scrape_configs[0]: empty or null scrape config section"},
      {job("  static_configs: [{targets: ['http://x:1/']}]\n"),
       "3:31: scrape_configs[0].static_configs[0].targets[0]: \"http://x:1/\" is not a valid hostname"},
      {job("  static_configs: [~]\n"),
       "3:20: scrape_configs[0].static_configs[0]: empty or null section in static_configs"},
      {job("  file_sd_configs: [{files: [a/*/b.json]}]\n"),
       "3:29: scrape_configs[0].file_sd_configs[0].files: path name \"a/*/b.json\" is not valid for file "
       "discovery"},
      {job("  basic_auth: {username: x}\n  authorization: {credentials: y}\n"),
       "4:18: scrape_configs[0].authorization: at most one of basic_auth, oauth2 & authorization must be "
       "configured"},
      {job("  basic_auth: {password: x, password_file: y}\n"),
       "3:15: scrape_configs[0].basic_auth: at most one of basic_auth password, password_file & password_ref "
       "must be "
       "configured"},
      {job("  authorization: {type: Basic}\n"),
       "3:25: scrape_configs[0].authorization.type: authorization type cannot be set to \"basic\", use "
       "\"basic_auth\" "
       "instead"},
      {job("  tls_config: {cert_file: x}\n"),
       "3:15: scrape_configs[0].tls_config: exactly one of key or key_file must be configured when a client "
       "certificate "
       "is configured"},
      {job("  tls_config: {min_version: SSL3}\n"),
       "3:29: scrape_configs[0].tls_config.min_version: unknown TLS version: SSL3"},
      {job("  http_headers: {authorization: {values: [x]}}\n"),
       "3:18: scrape_configs[0].http_headers.authorization: setting header \"Authorization\" is not allowed"},
      {job("  http_headers: {X: {values: [\"a\\nb\"]}}\n"),
       "3:21: scrape_configs[0].http_headers.X: a header's value may not hold a line break"},
      {"global: {external_labels: {'': x}}", "1:28: global.external_labels: \"\" is not a valid label name"},
      {"global: {metric_name_validation_scheme: legacy, external_labels: {a.b: x}}",
       "1:67: global.external_labels: \"a.b\" is not a valid label name"},
      {"rule_files: ['a/*/b']", "1:13: rule_files: invalid rule file path \"a/*/b\""},
      {"alerting: {alertmanagers: [{api_version: v1}]}",
       "1:42: alerting.alertmanagers[0].api_version: expected Alertmanager api version to be one of [v2] but "
       "got v1"},
      {"storage: {tsdb: {retention: {percentage: 101}}}",
       "1:42: storage.tsdb.retention.percentage: 'storage.tsdb.retention.percentage' must be in the range "
       "[0, 100], got "
       "101"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.yaml);
    const auto config = parse_config(row.yaml, "f.yml", {});
    REQUIRE(!config);
    CHECK(config.error().text == "f.yml:" + row.want);
    CHECK(config.error().code == Code::invalid);
    CHECK(config.error().at->file == "f.yml");
  }
}

TEST_CASE("relabeling rules keep the limits of their action") {
  const struct {
    std::string_view rule;
    std::string_view want;  ///< "" = good
  } rows[] = {
      {"{target_label: a}", ""},
      {"{target_label: '${1}_x'}", ""},
      {"{}", "relabel configuration for replace action requires 'target_label' value"},
      {"{action: nonsense}", "unknown relabel action \"nonsense\""},
      {"{action: }", "relabel action cannot be empty"},
      {"{action: hashmod, target_label: a}", "relabel configuration for hashmod requires non-zero modulus"},
      {"{action: hashmod, modulus: 2, target_label: a}", ""},
      {"{action: labelmap, regex: x, replacement: '${1}'}", ""},
      {"{action: labelmap, regex: x, replacement: ''}", "\"\" is invalid 'replacement' for labelmap action"},
      {"{action: keepequal, source_labels: [a], target_label: b}", ""},
      {"{action: keepequal, source_labels: [a], target_label: b, regex: (.*)}",
       "keepequal action requires only 'source_labels' and `target_label`, and no other fields"},
      {"{action: labeldrop, regex: a, source_labels: []}",
       "labeldrop action requires only 'regex', and no other fields"},
      {"{action: uppercase, target_label: a, replacement: x}",
       "'replacement' can not be set for uppercase action"},
      {"{regex: '(', target_label: a}", "error parsing regexp: missing closing ): `(`"},
      {"{source_labels: [''], target_label: a}", "\"\" is not a valid label name"},
      {"~", "empty or null target relabeling rule in scrape config"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.rule);
    const auto config =
        parse_config(job("  relabel_configs: [" + std::string(row.rule) + "]\n"), "f.yml", {});
    if (row.want.empty()) {
      CHECK(config);
      continue;
    }
    REQUIRE(!config);
    CHECK(config.error().text.find(row.want) != std::string::npos);
    CAPTURE(config.error().text);
    CHECK(config.error().text.ends_with(row.want));
  }
  CHECK(!parse_config(
      "global: {metric_name_validation_scheme: legacy}\n" + job("  relabel_configs: [{target_label: a.b}]\n"),
      "f.yml", {}));
  CHECK(parse_config("global: {metric_name_validation_scheme: legacy}\n" +
                         job("  relabel_configs: [{target_label: 'a${1}b$2'}]\n"),
                     "f.yml", {}));
}

TEST_CASE("the dump shows relabeling rules, defaults filled in, as Prometheus does") {
  const Config config = load(
      "global: {scrape_interval: 15s}\n"
      "alerting:\n"
      "  alertmanagers:\n"
      "  - static_configs: [{targets: ['1.2.3.4:9093']}]\n"
      "rule_files: [first.rules, my/*.rules]\n"
      "scrape_configs:\n"
      "- job_name: prometheus\n"
      "  honor_labels: true\n"
      "  authorization: {credentials: mysecret}\n"
      "  relabel_configs:\n"
      "  - {source_labels: [job, __meta_dns_name], regex: '(.*)some-[regex]', target_label: job, "
      "replacement: 'foo-${1}'}\n"
      "  - {regex: , replacement: static, target_label: abc}\n"
      "  - {source_labels: [foo], separator: ',', regex: 1, action: keep}\n"
      "  static_configs:\n"
      "  - targets: ['localhost:9090']\n"
      "    labels: {your: label, my: '5'}\n");
  const std::string_view want =
      "global:\n"
      "  scrape_interval: 15s\n"
      "  scrape_timeout: 10s\n"
      "  evaluation_interval: 1m\n"
      "  metric_name_validation_scheme: utf8\n"
      "  scrape_native_histograms: false\n"
      "  extra_scrape_metrics: false\n"
      "runtime:\n"
      "  gogc: 75\n"
      "alerting:\n"
      "  alertmanagers:\n"
      "  - follow_redirects: true\n"
      "    enable_http2: true\n"
      "    scheme: http\n"
      "    timeout: 10s\n"
      "    api_version: v2\n"
      "    static_configs:\n"
      "    - targets:\n"
      "      - 1.2.3.4:9093\n"
      "rule_files:\n"
      "- /etc/p/first.rules\n"
      "- /etc/p/my/*.rules\n"
      "scrape_configs:\n"
      "- job_name: prometheus\n"
      "  honor_labels: true\n"
      "  honor_timestamps: true\n"
      "  track_timestamps_staleness: false\n"
      "  scrape_interval: 15s\n"
      "  scrape_timeout: 10s\n"
      "  scrape_protocols:\n"
      "  - OpenMetricsText1.0.0\n"
      "  - OpenMetricsText0.0.1\n"
      "  - PrometheusText1.0.0\n"
      "  - PrometheusText0.0.4\n"
      "  scrape_native_histograms: false\n"
      "  always_scrape_classic_histograms: false\n"
      "  convert_classic_histograms_to_nhcb: false\n"
      "  metrics_path: /metrics\n"
      "  scheme: http\n"
      "  enable_compression: true\n"
      "  metric_name_validation_scheme: utf8\n"
      "  metric_name_escaping_scheme: allow-utf-8\n"
      "  extra_scrape_metrics: false\n"
      "  authorization:\n"
      "    type: Bearer\n"
      "    credentials: <secret>\n"
      "  follow_redirects: true\n"
      "  enable_http2: true\n"
      "  relabel_configs:\n"
      "  - source_labels: [job, __meta_dns_name]\n"
      "    separator: ;\n"
      "    regex: (.*)some-[regex]\n"
      "    target_label: job\n"
      "    replacement: foo-${1}\n"
      "    action: replace\n"
      "  - separator: ;\n"
      "    regex: \"\"\n"
      "    target_label: abc\n"
      "    replacement: static\n"
      "    action: replace\n"
      "  - source_labels: [foo]\n"
      "    separator: ','\n"
      "    regex: \"1\"\n"
      "    replacement: $1\n"
      "    action: keep\n"
      "  static_configs:\n"
      "  - targets:\n"
      "    - localhost:9090\n"
      "    labels:\n"
      "      my: \"5\"\n"
      "      your: label\n"
      "storage:\n"
      "  tsdb:\n"
      "    outofordertimewindow: 0\n"
      "    retention:\n"
      "      time: 15d\n"
      "otlp:\n";
  CHECK(config.yaml.substr(0, want.size()) == want);
  // What is shown loads again and shows itself, as far as Prometheus' own dump does.
  std::string again = config.yaml.substr(0, config.yaml.find("storage:\n"));
  CHECK(load(again).yaml == config.yaml);
}
