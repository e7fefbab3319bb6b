// /targets, /targets/metadata, /scrape_pools, /metadata.
#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "query/promql/parser.h"
#include "web/api/endpoints.h"
#include "web/api/json_writer.h"

namespace narthex::web {

namespace {

std::string_view health_name(scrape::Health health) {
  switch (health) {
    case scrape::Health::up:
      return "up";
    case scrape::Health::down:
      return "down";
    case scrape::Health::unknown:
      break;
  }
  return "unknown";
}

void write_target(JsonWriter& json, const scrape::TargetStatus& target) {
  json.begin_object();
  json.key("discoveredLabels").labels(target.discovered);
  json.key("labels").labels(target.labels);
  json.key("scrapePool").string(target.pool);
  json.key("scrapeUrl").string(target.url);
  json.key("globalUrl").string(target.global_url);
  json.key("lastError").string(target.last_error);
  json.key("lastScrape").time_or_zero(target.last_scrape);
  json.key("lastScrapeDuration").number(target.last_duration_seconds);
  json.key("health").string(health_name(target.health));
  json.key("scrapeInterval").string(format_duration(target.interval));
  json.key("scrapeTimeout").string(format_duration(target.timeout));
  json.end_object();
}

void write_metadata(JsonWriter& json, const scrape::MetricMetadata& metadata) {
  json.key("type").string(metadata.type).key("help").string(metadata.help).key("unit").string(metadata.unit);
}

/// -1 if absent. Errors: invalid, `limit must be a number`.
Result<std::int64_t> optional_number(const Parameters& parameters, std::string_view name) {
  const std::string_view text = parameters.get(name);
  if (text.empty()) return std::int64_t{-1};
  std::int64_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc() || end != text.data() + text.size()) {
    return fail(Code::invalid, std::string(name) + " must be a number");
  }
  return number;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

bool matches_all(const Labels& labels, const std::vector<Matcher>& matchers) {
  return std::ranges::all_of(matchers, [&](const Matcher& m) { return m.matches(labels.get(m.name())); });
}

}  // namespace

Result<Answer> targets(const ApiSources& sources, const Call& call) {
  const std::string state = lower(call.parameters.get("state"));
  const std::string_view pool = call.parameters.get("scrapePool");
  const bool any = state.empty() || state == "any";

  std::string out;
  JsonWriter json(out);
  json.begin_object().key("activeTargets").begin_array();
  if (any || state == "active") {
    for (const scrape::TargetStatus& target : sources.scrape.active()) {
      if (pool.empty() || target.pool == pool) write_target(json, target);
    }
  }
  json.end_array().key("droppedTargets").begin_array();
  const bool show_dropped = any || state == "dropped";
  if (show_dropped) {
    for (const scrape::DroppedTarget& target : sources.scrape.dropped()) {
      if (!pool.empty() && target.pool != pool) continue;
      json.begin_object().key("discoveredLabels").labels(target.discovered);
      json.key("scrapePool").string(target.pool).end_object();
    }
  }
  json.end_array().key("droppedTargetCounts");
  if (show_dropped) {
    json.begin_object();
    for (const auto& [name, count] : sources.scrape.dropped_counts()) json.key(name).number(count);
    json.end_object();
  } else {
    json.null();
  }
  json.end_object();
  return Answer::of(std::move(out));
}

Result<Answer> scrape_pools(const ApiSources& sources, const Call& /*call*/) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("scrapePools").begin_array();
  for (const std::string& pool : sources.scrape.pools()) json.string(pool);
  json.end_array().end_object();
  return Answer::of(std::move(out));
}

Result<Answer> targets_metadata(const ApiSources& sources, const Call& call) {
  auto limit = optional_number(call.parameters, "limit");
  if (!limit) return pass(limit);
  std::vector<Matcher> matchers;
  if (const auto text = call.parameters.get("match_target"); !text.empty()) {
    auto parsed = query::parse_selector(text);
    if (!parsed) return std::unexpected(in_parameter(std::move(parsed).error(), "match_target"));
    matchers = std::move(*parsed);
  }
  const std::string metric(call.parameters.get("metric"));
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  std::int64_t shown = 0;
  for (const scrape::TargetMetadata& row : sources.scrape.metadata(metric)) {
    if (*limit >= 0 && shown >= *limit) break;
    if (!matches_all(row.target, matchers)) continue;
    ++shown;
    json.begin_object().key("target").labels(row.target);
    if (metric.empty()) json.key("metric").string(row.metric);
    write_metadata(json, row.metadata);
    json.end_object();
  }
  json.end_array();
  return Answer::of(std::move(out));
}

Result<Answer> metadata(const ApiSources& sources, const Call& call) {
  auto limit = optional_number(call.parameters, "limit");
  if (!limit) return pass(limit);
  auto limit_per_metric = optional_number(call.parameters, "limit_per_metric");
  if (!limit_per_metric) return pass(limit_per_metric);

  std::map<std::string, std::set<scrape::MetricMetadata>> metrics;
  for (scrape::TargetMetadata& row : sources.scrape.metadata(std::string(call.parameters.get("metric")))) {
    auto& known = metrics[row.metric];
    if (*limit_per_metric > 0 && static_cast<std::int64_t>(known.size()) >= *limit_per_metric) continue;
    known.insert(std::move(row.metadata));
  }
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  std::int64_t shown = 0;
  for (const auto& [name, known] : metrics) {
    if (*limit >= 0 && shown++ >= *limit) break;
    json.key(name).begin_array();
    for (const scrape::MetricMetadata& one : known) {
      json.begin_object();
      write_metadata(json, one);
      json.end_object();
    }
    json.end_array();
  }
  json.end_object();
  return Answer::of(std::move(out));
}

}  // namespace narthex::web
