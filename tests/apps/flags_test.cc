#include "apps/narthex/flags.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

#include "apps/narthex/feature_list.h"
#include "apps/narthex/features.h"
#include "apps/narthex/flag_table.h"
#include "apps/narthex/runtime_facts.h"
#include "apps/narthex/server_process.h"

using namespace narthex;
using namespace narthex::apps;

namespace {

Result<ParsedFlags> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "narthex");
  return parse_flags(static_cast<int>(arguments.size()), arguments.data());
}

}  // namespace

TEST_CASE("flags: defaults are Prometheus'") {
  const auto parsed = parse({});
  REQUIRE(parsed.has_value());
  const Flags& flags = parsed->flags;
  CHECK(flags.config_file == "prometheus.yml");
  CHECK(flags.listen_addresses == std::vector<std::string>{"0.0.0.0:9090"});
  CHECK(flags.storage_path == "data/");
  CHECK(flags.lookback == 300'000);
  CHECK(flags.query_max_samples == 50'000'000);
  CHECK(flags.min_block_duration == 7'200'000);
  CHECK(flags.max_block_duration == 0);
  CHECK(flags.chunk_segment_bytes == 512 << 20);
  CHECK(flags.wal.compression == tsdb::WalCompression::snappy);
  CHECK(flags.all.at("web.enable-lifecycle") == "false");
  CHECK(flags.all.at("query.timeout") == "2m");
  CHECK(flags.all.size() == flag_table().size());
  CHECK(flags.warnings.empty());
}

TEST_CASE("flags: values come with = or a blank, switches have a --no- form, lists repeat") {
  const auto parsed = parse({"--config.file=a.yml", "--storage.tsdb.path", "/d", "--web.enable-lifecycle",
                             "--no-alertmanager.drain-notification-queue-on-shutdown",
                             "--web.listen-address=127.0.0.1:1", "--web.listen-address", "[::1]:2",
                             "--enable-feature=promql-experimental-functions,extra-scrape-metrics",
                             "--enable-feature=promql-per-step-stats", "--no-storage.tsdb.wal-compression",
                             "--storage.tsdb.retention.time=30d", "--log.level=debug"});
  REQUIRE(parsed.has_value());
  const Flags& flags = parsed->flags;
  CHECK(flags.config_file == "a.yml");
  CHECK(flags.storage_path == "/d");
  CHECK(flags.enable_lifecycle);
  CHECK_FALSE(flags.drain_notification_queue);
  CHECK(flags.listen_addresses == std::vector<std::string>{"127.0.0.1:1", "[::1]:2"});
  CHECK(flags.features == std::vector<std::string>{"promql-experimental-functions", "extra-scrape-metrics",
                                                   "promql-per-step-stats"});
  CHECK(flags.wal.compression == tsdb::WalCompression::none);
  CHECK(flags.retention_time == 30LL * 24 * 3600 * 1000);
  CHECK(flags.log_level == telemetry::LogLevel::debug);
}

TEST_CASE("flags: what is wrong or cannot be done is refused with the flag's name") {
  const struct {
    std::vector<const char*> arguments;
    std::string says;
  } rows[] = {
      {{"--no.such.flag=1"}, "no.such.flag"},
      {{"--query.timeout=soon"}, "flag --query.timeout: not a valid duration string: \"soon\""},
      {{"--query.max-samples=-1"}, "query.max-samples"},
      {{"--storage.tsdb.wal-segment-size=1MB"}, "must be set between 10MB and 256MB"},
      {{"--storage.tsdb.wal-compression-type=lzo"}, "wal-compression-type"},
      {{"--storage.tsdb.retention.size=-1GB"}, "flag --storage.tsdb.retention.size: must not be less than 0"},
      {{"--storage.tsdb.retention.size=7"}, "flag --storage.tsdb.retention.size: units: unknown unit"},
      {{"--storage.tsdb.max-block-chunk-segment-size=1023KB"},
       "flag --storage.tsdb.max-block-chunk-segment-size: must be set over 1MB"},
      {{"--agent"}, "flag --agent: Narthex does not support it yet"},
      {{"--web.config.file=web.yml"}, "flag --web.config.file: Narthex does not support it yet"},
      {{"--log.level=loud"}, "log.level"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.says);
    const auto parsed = parse(row.arguments);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code == Code::invalid);
    CHECK(parsed.error().text.contains(row.says));
  }
}

TEST_CASE("flags: Go's runtime flags are silent, harmless ones warn only when changed") {
  const auto silent =
      parse({"--no-auto-gomemlimit", "--auto-gomemlimit.ratio=0.5", "--storage.remote.flush-deadline=1m"});
  REQUIRE(silent.has_value());
  CHECK(silent->flags.warnings.empty());
  const auto warned = parse({"--rules.max-concurrent-evals=8"});
  REQUIRE(warned.has_value());
  CHECK(warned->flags.warnings == std::vector<std::string>{"--rules.max-concurrent-evals has no effect yet"});
}

TEST_CASE("flags: help and version are text to print") {
  const auto version = parse({"--version"});
  REQUIRE(version.has_value());
  CHECK(version->outcome == FlagsOutcome::done);
  CHECK(version->text.contains("version 3.14.0"));
  const auto help = parse({"--help"});
  REQUIRE(help.has_value());
  CHECK(help->text.contains("--storage.tsdb.path"));
}

TEST_CASE("flags: each is in docs/flags.md") {
  const char* root = std::getenv("NARTHEX_SOURCE");
  std::ifstream file((root ? std::string(root) : std::string(".")) + "/docs/flags.md");
  REQUIRE(file.good());
  std::stringstream text;
  text << file.rdbuf();
  for (const FlagRow& row : flag_table()) {
    CAPTURE(row.name);
    CHECK(text.str().contains("`--" + std::string(row.name) + "`"));
  }
}

TEST_CASE("features: known names switch things on, others warn") {
  Flags flags;
  flags.features = {"promql-experimental-functions", "native-histograms", "no-such-thing", "exemplar-storage",
                    "metadata-wal-records"};
  flags.retention_time = 3'600'000;
  flags.retention_size_bytes = 42;
  const Features features = read_features(flags);
  CHECK((features.config.retention == config::RetentionConfig{.time = 3'600'000, .size_bytes = 42}));
  CHECK(features.parser.experimental_functions);
  CHECK(features.config.exemplar_storage);
  CHECK(features.metadata_wal_records);
  CHECK(features.warnings.size() == 2);
}

TEST_CASE("flags: ceilings come from the flag, else from the environment, else by default") {
  const auto ceilings_of = [](const std::vector<const char*>& arguments) {
    const auto parsed = parse(arguments);
    REQUIRE(parsed.has_value());
    return std::pair(parsed->flags.ceilings, parsed->flags.free_space_reserve);
  };
  const auto [by_default, no_reserve] = ceilings_of({});
  CHECK(by_default.series == 0);
  CHECK(by_default.series_per_job == 0);
  CHECK(by_default.memory_bytes > 0);
  CHECK(by_default.memory_bytes < memory_limit());
  CHECK(!no_reserve);
  const std::pair<const char*, const char*> variables[] = {{"NARTHEX_MAX_SERIES", "1000"},
                                                           {"NARTHEX_MAX_SERIES_PER_JOB", "100"},
                                                           {"NARTHEX_MAX_HEAD_MEMORY", "2GB"},
                                                           {"NARTHEX_FREE_SPACE_RESERVE", "0"}};
  for (const auto& [name, value] : variables) ::setenv(name, value, 1);
  const auto [from_environment, reserve] = ceilings_of({});
  const auto [from_flags, _] =
      ceilings_of({"--storage.tsdb.max-series=7", "--storage.tsdb.max-head-memory=0"});
  ::setenv("NARTHEX_MAX_HEAD_MEMORY", "lots", 1);
  const auto bad = parse({});
  for (const auto& [name, value] : variables) ::unsetenv(name);
  CHECK(from_environment.series == 1000);
  CHECK(from_environment.series_per_job == 100);
  CHECK(from_environment.memory_bytes == 2ULL << 30);
  CHECK(reserve == 0U);
  CHECK(from_flags.series == 7);
  CHECK(from_flags.series_per_job == 100);
  CHECK(from_flags.memory_bytes == 0);
  REQUIRE(!bad.has_value());
  CHECK(bad.error().text.contains("max-head-memory"));
}

TEST_CASE("flags: a limit on size alone takes the limit on time away") {
  const auto limits = [](const std::vector<const char*>& arguments) {
    const auto parsed = parse(arguments);
    REQUIRE(parsed.has_value());
    return read_features(parsed->flags).config.retention;
  };
  using config::RetentionConfig;
  CHECK((limits({}) == RetentionConfig{.time = 15 * 86'400'000LL}));
  CHECK((limits({"--storage.tsdb.retention.size=512MB"}) == RetentionConfig{.size_bytes = 512 << 20}));
  CHECK((limits({"--storage.tsdb.retention.time=1d", "--storage.tsdb.retention.size=512MB"}) ==
         RetentionConfig{.time = 86'400'000, .size_bytes = 512 << 20}));
}

TEST_CASE("features: what has to do with start timestamps") {
  Flags flags;
  const Features none = read_features(flags);
  CHECK_FALSE((none.st_storage || none.start_zeros || none.xor2_floats || none.histograms_with_start));
  flags.features = {"st-storage", "created-timestamp-zero-ingestion", "histograms-st-encoding"};
  const Features some = read_features(flags);
  CHECK(some.st_storage);
  CHECK(some.start_zeros);
  CHECK(some.histograms_with_start);
  CHECK(some.warnings.empty());
  // Prometheus announces its end.
  flags.features = {"xor2-encoding"};
  const Features old = read_features(flags);
  CHECK(old.xor2_floats);
  REQUIRE(old.warnings.size() == 1);
  CHECK(old.warnings[0].find("storage.tsdb.chunk_encoding.floats") != std::string::npos);
}

TEST_CASE("external URL: its path is the route prefix unless one is given") {
  CHECK(effective_external_url("http://x/y/", "0.0.0.0:9090") == "http://x/y");
  CHECK_FALSE(effective_external_url("\"http://x\"", "0.0.0.0:9090").has_value());
  CHECK_FALSE(effective_external_url("::", "0.0.0.0:9090").has_value());
  CHECK(effective_external_url("", "0.0.0.0:9091")->ends_with(":9091"));
  CHECK(effective_route_prefix("", "http://x/y") == "/y");
  CHECK(effective_route_prefix("z/", "http://x/y") == "/z");
  CHECK(effective_route_prefix("/", "http://x/y") == "/");
  CHECK(effective_route_prefix("", "http://x") == "/");
}

TEST_CASE("flags: memory for queries comes from the flag, else from the environment, else from the machine") {
  const struct {
    std::vector<const char*> arguments;
    const char* variable;
    std::uint64_t want;
    std::string error;
  } rows[] = {
      {{}, nullptr, 0, ""},
      {{"--query.max-memory=2GB"}, nullptr, std::uint64_t{2} << 30, ""},
      {{}, "64MB", 64 << 20, ""},
      {{"--query.max-memory=2GB"}, "64MB", std::uint64_t{2} << 30, ""},
      {{"--query.max-memory=2GB"}, "much", std::uint64_t{2} << 30, ""},
      {{}, "much", 0, "flag --query.max-memory: "},
      {{"--query.max-memory=1KB"}, nullptr, 0, "flag --query.max-memory: must be at least 1MB"},
      {{"--query.max-memory=much"}, nullptr, 0, "flag --query.max-memory: "},
  };
  for (const auto& row : rows) {
    if (row.variable)
      ::setenv("NARTHEX_QUERY_MAX_MEMORY", row.variable, 1);
    else
      ::unsetenv("NARTHEX_QUERY_MAX_MEMORY");
    const auto parsed = parse(row.arguments);
    ::unsetenv("NARTHEX_QUERY_MAX_MEMORY");
    CHECK(parsed.has_value() == row.error.empty());
    if (parsed) CHECK(parsed->flags.query_max_memory == row.want);
    if (!parsed) CHECK(parsed.error().text.starts_with(row.error));
  }
}

TEST_CASE("features: the list tells what is switched on") {
  const auto parsed = parse(
      {"--enable-feature=promql-experimental-functions,metadata-wal-records", "--web.enable-lifecycle"});
  REQUIRE(parsed.has_value());
  const auto list = list_features(parsed->flags, read_features(parsed->flags));
  CHECK(list.at("promql_functions").at("mad_over_time"));
  CHECK_FALSE(list.at("promql").at("fill"));
  CHECK(list.at("promql").at("subqueries"));
  CHECK(list.at("api").at("lifecycle"));
  CHECK_FALSE(list.at("api").at("admin"));
  CHECK(list.at("tsdb").at("metadata_wal_records"));
  CHECK(list.at("prometheus").at("server_mode"));
  const auto plain = parse({});
  CHECK_FALSE(
      list_features(plain->flags, read_features(plain->flags)).at("tsdb").contains("metadata_wal_records"));
}
