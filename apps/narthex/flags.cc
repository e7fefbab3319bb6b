#include "apps/narthex/flags.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>
#include <set>

#include "apps/narthex/flag_table.h"
#include "apps/narthex/runtime_facts.h"
#include "config/byte_size.h"
#include "model/labels.h"
#include "tsdb/block/chunk_segment.h"
#include "web/api/build_info.h"

namespace narthex::apps {

namespace {

/// The values as text, by name, as given or by default; and which were given.
struct Values {
  std::map<std::string, std::string, std::less<>> text;
  std::map<std::string, std::vector<std::string>, std::less<>> lists;
  std::map<std::string, bool, std::less<>> switches;
  std::set<std::string, std::less<>> given;
};

std::string version_text() {
  return fmt::format(
      "prometheus, version {} (branch: {}, revision: {})\n  build:            Narthex, {}\n"
      "  platform:         linux/amd64\n",
      web::kVersion, web::kBranch, web::kRevision, web::kGoVersion);
}

void declare(CLI::App& app, const FlagRow& row, Values& values) {
  const std::string name(row.name);
  const std::string group = row.hidden ? "" : "Flags";
  CLI::Option* option = nullptr;
  if (row.kind == FlagKind::boolean) {
    bool& on = values.switches[name];
    on = row.fallback == "true";
    // A `!` marks the form that switches off.
    option = app.add_flag("--" + name + ",!--no-" + name, on, std::string(row.help));
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  } else if (row.kind == FlagKind::texts) {
    option = app.add_option("--" + name, values.lists[name], std::string(row.help));
    option->expected(1)->take_all();
  } else {
    std::string& text = values.text[name];
    text = row.fallback;
    option = app.add_option("--" + name, text, std::string(row.help));
    option->expected(1);
  }
  option->group(group);
  if (!row.environment.empty()) option->envname(std::string(row.environment));
}

std::unexpected<Error> bad(std::string_view flag, std::string_view why) {
  return fail(Code::invalid, fmt::format("flag --{}: {}", flag, why));
}

Result<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc() || end != text.data() + text.size()) {
    return fail(Code::invalid, "expected a whole number, got " + quote(text));
  }
  return number;
}

/// Whether the text is of the row's kind.
Result<void> check_kind(const FlagRow& row, const std::string& text) {
  if (text.empty()) return {};
  if (row.kind == FlagKind::duration) {
    if (auto r = parse_duration(text); !r) return bad(row.name, r.error().text);
  } else if (row.kind == FlagKind::size) {
    if (auto r = config::parse_byte_size(text); !r) return bad(row.name, r.error().text);
  } else if (row.kind == FlagKind::count) {
    if (auto r = parse_count(text); !r) return bad(row.name, r.error().text);
  }
  return {};
}

/// Text of a flag as /status/flags shows it.
std::string shown(const FlagRow& row, const Values& values) {
  const std::string name(row.name);
  if (row.kind == FlagKind::boolean) return values.switches.find(name)->second ? "true" : "false";
  if (row.kind != FlagKind::texts) return values.text.find(name)->second;
  const auto& list = values.lists.find(name)->second;
  if (list.empty()) return std::string(row.fallback);
  return fmt::format("{}", fmt::join(list, ","));
}

Result<void> judge(const FlagRow& row, const Values& values, Flags& flags) {
  if (auto kind = row.kind == FlagKind::boolean || row.kind == FlagKind::texts
                      ? Result<void>()
                      : check_kind(row, values.text.find(row.name)->second);
      !kind) {
    return kind;
  }
  if (!values.given.contains(row.name) || shown(row, values) == row.fallback) return {};
  if (row.support == FlagSupport::refused) {
    return bad(
        row.name,
        "Narthex does not support it yet; start without it, or stay with Prometheus for this instance");
  }
  if (row.support == FlagSupport::harmless) {
    flags.warnings.push_back(fmt::format("--{} has no effect yet", row.name));
  }
  return {};
}

/// Values that have been checked already.
DurationMs duration_of(const Values& values, std::string_view name) {
  const std::string& text = values.text.find(name)->second;
  return text.empty() ? 0 : *parse_duration(text);
}
std::uint64_t count_of(const Values& values, std::string_view name) {
  return *parse_count(values.text.find(name)->second);
}

std::vector<std::string> split_at_commas(const std::vector<std::string>& lists) {
  std::vector<std::string> out;
  for (const std::string& list : lists) {
    for (std::size_t at = 0; at <= list.size();) {
      const std::size_t comma = std::min(list.find(',', at), list.size());
      if (comma > at) out.push_back(list.substr(at, comma - at));
      at = comma + 1;
    }
  }
  return out;
}

Result<void> read_wal(const Values& values, Flags& flags) {
  flags.wal.segment_bytes = static_cast<std::uint64_t>(
      *config::parse_byte_size(values.text.find("storage.tsdb.wal-segment-size")->second));
  constexpr std::uint64_t kMiB = 1 << 20;
  if (flags.wal.segment_bytes < 10 * kMiB || flags.wal.segment_bytes > 256 * kMiB) {
    return bad("storage.tsdb.wal-segment-size", "must be set between 10MB and 256MB");
  }
  const std::string& type = values.text.find("storage.tsdb.wal-compression-type")->second;
  if (type != "snappy" && type != "zstd") {
    return bad("storage.tsdb.wal-compression-type",
               "enum value must be one of snappy,zstd, got " + quote(type));
  }
  flags.wal.compression = !values.switches.find("storage.tsdb.wal-compression")->second
                              ? tsdb::WalCompression::none
                          : type == "zstd" ? tsdb::WalCompression::zstd
                                           : tsdb::WalCompression::snappy;
  return {};
}

/// 0 if it is not given. Checked already to be a size.
Result<std::uint64_t> size_of(const Values& values, std::string_view name) {
  const std::string& text = values.text.find(name)->second;
  const std::int64_t bytes = text.empty() ? 0 : *config::parse_byte_size(text);
  if (bytes < 0) return bad(name, "must not be less than 0");
  return static_cast<std::uint64_t>(bytes);
}

Result<void> read_blocks(const Values& values, Flags& flags) {
  flags.min_block_duration = duration_of(values, "storage.tsdb.min-block-duration");
  flags.max_block_duration = duration_of(values, "storage.tsdb.max-block-duration");
  flags.merge_overlapping_blocks = values.switches.find("storage.tsdb.allow-overlapping-compaction")->second;
  flags.delay_compact_file = values.text.find("storage.tsdb.delay-compact-file.path")->second;
  auto retention = size_of(values, "storage.tsdb.retention.size");
  if (!retention) return pass(retention);
  flags.retention_size_bytes = *retention;
  auto segment = size_of(values, "storage.tsdb.max-block-chunk-segment-size");
  if (!segment) return pass(segment);
  flags.chunk_segment_bytes = *segment == 0 ? tsdb::kChunkSegmentBytes : *segment;
  if (flags.chunk_segment_bytes < 1 << 20)
    return bad("storage.tsdb.max-block-chunk-segment-size", "must be set over 1MB");
  if (flags.min_block_duration <= 0) return bad("storage.tsdb.min-block-duration", "must be more than 0");
  return {};
}

Result<void> read_ceilings(const Values& values, Flags& flags) {
  flags.ceilings.series = count_of(values, "storage.tsdb.max-series");
  flags.ceilings.series_per_job = count_of(values, "storage.tsdb.max-series-per-job");
  auto memory = size_of(values, "storage.tsdb.max-head-memory");
  if (!memory) return pass(memory);
  flags.ceilings.memory_bytes = *memory;
  if (values.text.find("storage.tsdb.max-head-memory")->second.empty())
    flags.ceilings.memory_bytes = memory_limit() / 10 * 6;
  auto reserve = size_of(values, "storage.tsdb.free-space-reserve");
  if (!reserve) return pass(reserve);
  if (!values.text.find("storage.tsdb.free-space-reserve")->second.empty())
    flags.free_space_reserve = *reserve;
  return {};
}

/// 0 if it is not given.
Result<std::uint64_t> read_query_memory(const Values& values) {
  constexpr std::string_view kFlag = "query.max-memory";
  constexpr std::uint64_t kLeast = 1 << 20;
  auto bytes = size_of(values, kFlag);
  if (bytes && *bytes > 0 && *bytes < kLeast) return bad(kFlag, "must be at least 1MB");
  return bytes;
}

Result<Flags> read(const Values& values) {
  Flags flags;
  for (const FlagRow& row : flag_table()) {
    if (auto judged = judge(row, values, flags); !judged) return pass(judged);
    flags.all[std::string(row.name)] = shown(row, values);
  }
  const auto text = [&](std::string_view name) { return values.text.find(name)->second; };
  const auto is_on = [&](std::string_view name) { return values.switches.find(name)->second; };

  flags.config_file = text("config.file");
  flags.listen_addresses = values.lists.find("web.listen-address")->second;
  if (flags.listen_addresses.empty()) flags.listen_addresses = {"0.0.0.0:9090"};
  flags.external_url = text("web.external-url");
  flags.route_prefix = text("web.route-prefix");
  flags.page_title = text("web.page-title");
  flags.cors_origin = text("web.cors.origin");
  flags.enable_lifecycle = is_on("web.enable-lifecycle");
  flags.enable_admin_api = is_on("web.enable-admin-api");
  flags.read_timeout = duration_of(values, "web.read-timeout");
  flags.max_connections = count_of(values, "web.max-connections");
  flags.storage_path = text("storage.tsdb.path");
  flags.retention_time = duration_of(values, "storage.tsdb.retention.time");
  flags.no_lockfile = is_on("storage.tsdb.no-lockfile");
  flags.block_reload_interval = duration_of(values, "storage.tsdb.block-reload-interval");
  flags.head_snapshot_interval = duration_of(values, "storage.tsdb.head-snapshot-interval");
  flags.lookback = duration_of(values, "query.lookback-delta");
  flags.query_timeout = duration_of(values, "query.timeout");
  flags.query_max_concurrency = count_of(values, "query.max-concurrency");
  flags.query_max_samples = count_of(values, "query.max-samples");
  auto query_memory = read_query_memory(values);
  if (!query_memory) return pass(query_memory);
  flags.query_max_memory = *query_memory;
  flags.rule_resend_delay = duration_of(values, "rules.alert.resend-delay");
  flags.notification_queue_capacity = count_of(values, "alertmanager.notification-queue-capacity");
  flags.notification_batch_size = count_of(values, "alertmanager.notification-batch-size");
  flags.drain_notification_queue = is_on("alertmanager.drain-notification-queue-on-shutdown");
  flags.scrape_adjust_timestamps = is_on("scrape.adjust-timestamps");
  flags.scrape_timestamp_tolerance = duration_of(values, "scrape.timestamp-tolerance");
  flags.discovery_reload_interval = duration_of(values, "scrape.discovery-reload-interval");
  flags.features = split_at_commas(values.lists.find("enable-feature")->second);
  if (auto wal = read_wal(values, flags); !wal) return pass(wal);
  if (auto blocks = read_blocks(values, flags); !blocks) return pass(blocks);
  if (auto ceilings = read_ceilings(values, flags); !ceilings) return pass(ceilings);
  auto level = telemetry::parse_log_level(text("log.level"));
  if (!level) return bad("log.level", level.error().text);
  flags.log_level = *level;
  auto format = telemetry::parse_log_format(text("log.format"));
  if (!format) return bad("log.format", format.error().text);
  flags.log_format = *format;
  if (flags.query_max_concurrency == 0) return bad("query.max-concurrency", "must be at least 1");
  return flags;
}

}  // namespace

Result<ParsedFlags> parse_flags(int argc, const char* const* argv) {
  CLI::App app{"Narthex: a monitoring server in place of Prometheus"};
  app.set_help_flag("-h,--help", "Show the flags.");
  bool version = false;
  app.add_flag("--version", version, "Show the version.");
  Values values;
  for (const FlagRow& row : flag_table()) declare(app, row, values);
  ParsedFlags parsed;
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    parsed.outcome = FlagsOutcome::done;
    parsed.text = app.help();
    return parsed;
  } catch (const CLI::ParseError& e) {
    return fail(Code::invalid, fmt::format("{} (narthex --help lists the flags)", e.what()));
  }
  if (version) {
    parsed.outcome = FlagsOutcome::done;
    parsed.text = version_text();
    return parsed;
  }
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() > 0 && !option->get_lnames().empty())
      values.given.insert(option->get_lnames().front());
  }
  auto flags = read(values);
  if (!flags) return pass(flags);
  parsed.flags = std::move(*flags);
  return parsed;
}

}  // namespace narthex::apps
