#include "apps/narthextool/import_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "apps/narthextool/block_import.h"
#include "apps/narthextool/range_query.h"
#include "rules/rule_loader.h"
#include "telemetry/log.h"

namespace narthex::apps {
namespace {

constexpr DurationMs kDefaultEnd = 3LL * 3600 * 1000;
constexpr DurationMs kSecond = 1000;

/// Whole seconds, as promtool reckons.
struct Period {
  Timestamp start;
  Timestamp end;
};

Timestamp whole_seconds(Timestamp t) {
  return start_of_block(t, kSecond);
}

Result<Period> read_period(const RulesImportOptions& options, const Clock& clock) {
  Timestamp end = clock.now() - kDefaultEnd;
  if (!options.end.empty()) {
    const auto parsed = parse_api_time(options.end);
    if (!parsed) return std::unexpected(parsed.error().during("error parsing end time"));
    end = *parsed;
  }
  const auto start = parse_api_time(options.start);
  if (!start) return std::unexpected(start.error().during("error parsing start time"));
  if (*start >= end) return fail(Code::invalid, "start time is not before end time");
  return Period{whole_seconds(*start), whole_seconds(end)};
}

Result<std::vector<rules::LoadedGroup>> load_all(io::FileSystem& fs, const RulesImportOptions& options) {
  config::Global global;
  global.evaluation_interval = options.eval_interval;
  std::vector<rules::LoadedGroup> all;
  for (const std::string& file : options.files) {
    auto groups = rules::load_groups(fs, file, global, "", {});
    if (!groups) return pass(groups, "rule importer parse error");
    std::ranges::move(*groups, std::back_inserter(all));
  }
  return all;
}

class RuleImport {
 public:
  RuleImport(io::FileSystem& fs, const RulesImportOptions& options, Period period, RangeQueryClient client,
             const Clock& clock, Progress& progress)
      : fs_(fs),
        options_(options),
        period_(period),
        client_(std::move(client)),
        clock_(clock),
        progress_(progress),
        block_duration_(import_block_duration(options.max_block_duration)) {}

  /// @return  whether all went well
  bool run(const std::vector<rules::LoadedGroup>& groups, const Print& complain) {
    count_queries(groups);
    bool well = true;
    for (const rules::LoadedGroup& group : groups) {
      say("processing group", {{"name", rules::group_key(group.settings.file, group.settings.name)}});
      for (std::size_t i = 0; i < group.rules.size(); ++i) {
        const auto* rule = std::get_if<rules::RecordingRule>(&group.rules[i]);
        if (rule == nullptr) continue;
        say("processing rule", {{"id", std::to_string(i)}, {"name", rule->name()}});
        if (auto made = import_rule(*rule, group.settings); !made) {
          progress_.clear();
          complain(fmt::format("rule importer error: {}\n", made.error().text));
          well = false;
        }
      }
    }
    return well;
  }

 private:
  void say(std::string_view what, std::initializer_list<telemetry::LogField> fields) {
    progress_.clear();
    telemetry::info(what, fields);
  }

  void count_queries(const std::vector<rules::LoadedGroup>& groups) {
    std::uint64_t recording = 0;
    for (const rules::LoadedGroup& group : groups) {
      recording += static_cast<std::uint64_t>(std::ranges::count_if(group.rules, [](const rules::AnyRule& r) {
        return std::holds_alternative<rules::RecordingRule>(r);
      }));
    }
    const auto first = start_of_block(period_.start, block_duration_);
    queries_ = recording * static_cast<std::uint64_t>((period_.end - first) / block_duration_ + 1);
  }

  Result<void> import_rule(const rules::RecordingRule& rule, const rules::GroupSettings& group) {
    for (Timestamp block = start_of_block(period_.start, block_duration_); block <= period_.end;
         block += block_duration_) {
      const Timestamp from = std::max(block, period_.start);
      Timestamp slot = rules::latest_slot(group, from);
      while (slot < from) slot += group.interval;
      const Timestamp until = std::min(whole_seconds(block + block_duration_ - 1), period_.end);
      if (slot <= until) {
        if (auto made = make_block(rule, {rule.query(), slot, until, group.interval}); !made) return made;
      }
      progress_.update(++done_, queries_, "queries");
    }
    return {};
  }

  Result<void> make_block(const rules::RecordingRule& rule, const RangeQuery& query) {
    const auto answer = client_.query(query);
    if (!answer) return std::unexpected(answer.error().during("query range"));
    warn_of(rule, *answer);
    BlockImport block(block_duration_);
    for (const RangeSeries& series : answer->series) {
      LabelsBuilder labels(series.labels);
      for (const auto& [name, value] : rule.labels()) labels.set(name, value);
      labels.set(kMetricName, rule.name());
      const auto number = block.series(labels.labels());
      if (!number) return std::unexpected(number.error().during("add"));
      for (const RangeSample& sample : series.samples) {
        if (auto added = block.add(*number, sample.t, sample.v); !added) return pass(added, "add");
      }
    }
    const auto written = block.write(fs_, options_.directory, clock_);
    if (!written) return std::unexpected(written.error().during("flush and commit"));
    return {};
  }

  void warn_of(const rules::RecordingRule& rule, const RangeAnswer& answer) {
    if (answer.warnings.empty() && answer.histograms == 0) return;
    progress_.clear();
    for (const std::string& warning : answer.warnings)
      telemetry::warn("Range query returned warnings.", {{"rule", rule.name()}, {"warning", warning}});
    if (answer.histograms > 0) {
      telemetry::warn("Native histograms cannot be imported and were left out",
                      {{"rule", rule.name()}, {"samples", std::to_string(answer.histograms)}});
    }
  }

  io::FileSystem& fs_;
  const RulesImportOptions& options_;
  Period period_;
  RangeQueryClient client_;
  const Clock& clock_;
  Progress& progress_;
  DurationMs block_duration_;
  std::uint64_t queries_ = 0;
  std::uint64_t done_ = 0;
};

}  // namespace

Result<void> import_rules(io::FileSystem& fs, const RulesImportOptions& options, const Clock& clock,
                          Progress& progress, const Print& complain) {
  if (options.eval_interval <= 0) return fail(Code::invalid, "the evaluation interval must be more than 0");
  const auto period = read_period(options, clock);
  if (!period) return std::unexpected(period.error());
  config::HttpConfig http;
  if (!options.http_config_file.empty()) {
    auto loaded = config::load_http_config(fs, options.http_config_file);
    if (!loaded) return pass(loaded);
    http = *std::move(loaded);
  }
  auto client = RangeQueryClient::make(options.url, std::move(http));
  if (!client) return pass(client, "new api client error");
  telemetry::info("new rule importer", {{"component", "backfiller"},
                                        {"start", format_rfc3339(period->start)},
                                        {"end", format_rfc3339(period->end)}});
  const auto groups = load_all(fs, options);
  if (!groups) return std::unexpected(groups.error());
  if (auto made = fs.make_directories(options.directory); !made) return pass(made, "create output dir");
  RuleImport import(fs, options, *period, *std::move(client), clock, progress);
  if (!import.run(*groups, complain)) return fail(Code::invalid, "error importing rules");
  return {};
}

}  // namespace narthex::apps
