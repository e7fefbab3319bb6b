// /rules, /alerts, /alertmanagers.
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "model/value.h"
#include "web/api/endpoints.h"
#include "web/api/json_writer.h"

namespace narthex::web {

namespace {

std::string_view state_name(rules::AlertState state) {
  switch (state) {
    case rules::AlertState::inactive:
      return "inactive";
    case rules::AlertState::pending:
      return "pending";
    case rules::AlertState::firing:
      return "firing";
    case rules::AlertState::unknown:
      break;
  }
  return "unknown";
}

std::string_view health_name(rules::RuleHealth health) {
  switch (health) {
    case rules::RuleHealth::ok:
      return "ok";
    case rules::RuleHealth::err:
      return "err";
    case rules::RuleHealth::unknown:
      break;
  }
  return "unknown";
}

double seconds(DurationMs ms) {
  return static_cast<double>(ms) / 1000;
}

void write_alert(JsonWriter& json, const rules::AlertStatus& alert) {
  json.begin_object();
  json.key("labels").labels(alert.labels);
  json.key("annotations").labels(alert.annotations);
  json.key("state").string(state_name(alert.state));
  json.key("activeAt").time_or_zero(alert.active_at);
  if (alert.keep_firing_since != 0) json.key("keepFiringSince").time_or_zero(alert.keep_firing_since);
  json.key("value").string(format_scientific(alert.value));
  json.end_object();
}

void write_rule(JsonWriter& json, const rules::RuleStatus& rule, bool with_alerts) {
  json.begin_object();
  if (rule.alerting) json.key("state").string(state_name(rule.state));
  json.key("name").string(rule.name);
  json.key("query").string(rule.query);
  if (rule.alerting) {
    json.key("duration").number(seconds(rule.hold));
    json.key("keepFiringFor").number(seconds(rule.keep_firing_for));
  }
  json.key("labels").labels(rule.labels);
  if (rule.alerting) {
    json.key("annotations").labels(rule.annotations);
    json.key("alerts");
    if (with_alerts) {
      json.begin_array();
      for (const rules::AlertStatus& alert : rule.alerts) write_alert(json, alert);
      json.end_array();
    } else {
      json.null();
    }
  }
  json.key("health").string(health_name(rule.health));
  if (!rule.last_error.empty()) json.key("lastError").string(rule.last_error);
  json.key("evaluationTime").number(rule.evaluation_seconds);
  json.key("lastEvaluation").time_or_zero(rule.last_evaluation);
  json.key("type").string(rule.alerting ? "alerting" : "recording");
  json.end_object();
}

/// SHA-256 of `file;group`, in hex: names the group a page begins with.
std::string page_token(const rules::GroupStatus& group) {
  const std::string name = group.file + ";" + group.name;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  EVP_Digest(name.data(), name.size(), digest.data(), &length, EVP_sha256(), nullptr);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (unsigned int i = 0; i < length; ++i) {
    out += kHex[digest[i] >> 4];
    out += kHex[digest[i] & 15];
  }
  return out;
}

bool holds(const std::vector<std::string_view>& list, std::string_view one) {
  return std::ranges::find(list, one) != list.end();
}

/// What /rules was asked to show.
struct RuleFilter {
  std::vector<std::string_view> names, groups, files;
  std::vector<std::vector<Matcher>> matcher_sets;
  bool alerting = true;
  bool recording = true;
  bool with_alerts = true;
  std::size_t page_size = 0;  ///< 0 = no pages
  std::string_view page_token;

  [[nodiscard]] bool wants(const rules::GroupStatus& group) const {
    return (groups.empty() || holds(groups, group.name)) && (files.empty() || holds(files, group.file));
  }
  [[nodiscard]] bool wants(const rules::RuleStatus& rule) const {
    if (!(rule.alerting ? alerting : recording)) return false;
    if (!names.empty() && !holds(names, rule.name)) return false;
    if (matcher_sets.empty()) return true;
    return std::ranges::any_of(matcher_sets, [&](const std::vector<Matcher>& matchers) {
      return std::ranges::all_of(matchers,
                                 [&](const Matcher& m) { return m.matches(rule.labels.get(m.name())); });
    });
  }
};

std::unexpected<Error> bad_parameter(std::string text, std::string_view name) {
  return std::unexpected(in_parameter({Code::invalid, std::move(text), {}}, name));
}

Result<void> read_page(const Parameters& parameters, RuleFilter& filter) {
  const std::string_view size = parameters.get("group_limit");
  filter.page_token = parameters.get("group_next_token");
  if (size.empty()) {
    if (filter.page_token.empty()) return {};
    return bad_parameter("group_limit needs to be present in order to paginate over the groups",
                         "group_next_token");
  }
  std::int32_t number = 0;
  const auto [end, ec] = std::from_chars(size.data(), size.data() + size.size(), number);
  if (ec != std::errc() || end != size.data() + size.size()) {
    return bad_parameter("group_limit needs to be a valid number: strconv.ParseInt: parsing " + quote(size) +
                             ": invalid syntax",
                         "group_limit");
  }
  if (number <= 0) return bad_parameter("group_limit needs to be greater than 0", "group_limit");
  filter.page_size = static_cast<std::size_t>(number);
  return {};
}

/// Go's strconv.ParseBool, after lower-casing.
std::optional<bool> parse_bool(std::string_view text) {
  if (text == "1" || text == "t" || text == "T" || text == "true" || text == "TRUE" || text == "True")
    return true;
  if (text == "0" || text == "f" || text == "F" || text == "false" || text == "FALSE" || text == "False")
    return false;
  return std::nullopt;
}

Result<RuleFilter> read_filter(const Parameters& parameters) {
  RuleFilter filter;
  filter.names = parameters.all("rule_name[]");
  filter.groups = parameters.all("rule_group[]");
  filter.files = parameters.all("file[]");
  auto sets = parameters.matcher_sets();
  if (!sets) return pass(sets);
  filter.matcher_sets = std::move(*sets);
  const std::string_view type = parameters.get("type");
  if (!type.empty() && type != "alert" && type != "record") {
    return bad_parameter("not supported value " + quote(type), "type");
  }
  filter.alerting = type != "record";
  filter.recording = type != "alert";
  if (const auto text = parameters.get("exclude_alerts"); !text.empty()) {
    const auto exclude = parse_bool(text);
    if (!exclude) {
      return bad_parameter(
          "error converting exclude_alerts: strconv.ParseBool: parsing " + quote(text) + ": invalid syntax",
          "exclude_alerts");
    }
    filter.with_alerts = !*exclude;
  }
  if (auto page = read_page(parameters, filter); !page) return pass(page);
  return filter;
}

void write_group(JsonWriter& json, const rules::GroupStatus& group,
                 const std::vector<const rules::RuleStatus*>& shown, bool with_alerts) {
  json.begin_object();
  json.key("name").string(group.name);
  json.key("file").string(group.file);
  json.key("rules").begin_array();
  for (const rules::RuleStatus* rule : shown) write_rule(json, *rule, with_alerts);
  json.end_array();
  json.key("interval").number(seconds(group.interval));
  json.key("limit").number(group.limit);
  json.key("evaluationTime").number(group.evaluation_seconds);
  json.key("lastEvaluation").time_or_zero(group.last_evaluation);
  json.end_object();
}

}  // namespace

Result<Answer> rule_groups(const ApiSources& sources, const Call& call) {
  auto filter = read_filter(call.parameters);
  if (!filter) return pass(filter);

  std::string out;
  JsonWriter json(out);
  json.begin_object().key("groups").begin_array();
  const bool paged = filter->page_size > 0 && !filter->page_token.empty();
  bool found_page = !paged;
  std::size_t shown_groups = 0;
  std::string next_token;
  for (const rules::GroupStatus& group : sources.rule_groups()) {
    if (!found_page) {
      if (page_token(group) != filter->page_token) continue;
      found_page = true;
    }
    if (!filter->wants(group)) continue;
    std::vector<const rules::RuleStatus*> shown;
    for (const rules::RuleStatus& rule : group.rules) {
      if (filter->wants(rule)) shown.push_back(&rule);
    }
    if (shown.empty()) continue;
    if (filter->page_size > 0 && shown_groups == filter->page_size) {
      next_token = page_token(group);
      break;
    }
    ++shown_groups;
    write_group(json, group, shown, filter->with_alerts);
  }
  if (!found_page) {
    return bad_parameter(
        "invalid group_next_token '" + std::string(filter->page_token) + "'. were rule groups changed?",
        "group_next_token");
  }
  json.end_array();
  if (!next_token.empty()) json.key("groupNextToken").string(next_token);
  json.end_object();
  return Answer::of(std::move(out));
}

Result<Answer> alerts(const ApiSources& sources, const Call& /*call*/) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("alerts").begin_array();
  for (const rules::GroupStatus& group : sources.rule_groups()) {
    for (const rules::RuleStatus& rule : group.rules) {
      for (const rules::AlertStatus& alert : rule.alerts) write_alert(json, alert);
    }
  }
  json.end_array().end_object();
  return Answer::of(std::move(out));
}

Result<Answer> alertmanagers(const ApiSources& sources, const Call& /*call*/) {
  const rules::AlertmanagerStatus status = sources.alertmanagers();
  std::string out;
  JsonWriter json(out);
  const auto urls = [&](std::string_view key, const std::vector<std::string>& list) {
    json.key(key).begin_array();
    for (const std::string& url : list) json.begin_object().key("url").string(url).end_object();
    json.end_array();
  };
  json.begin_object();
  urls("activeAlertmanagers", status.active_urls);
  urls("droppedAlertmanagers", status.dropped_urls);
  json.end_object();
  return Answer::of(std::move(out));
}

}  // namespace narthex::web
