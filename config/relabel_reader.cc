// relabel_configs and their kin: fields, defaults and the rules of each action.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "config/readers.h"

namespace narthex::config {

namespace {

using enum RelabelAction;

constexpr std::array<std::pair<std::string_view, RelabelAction>, 11> kActions = {{
    {"replace", replace},
    {"keep", keep},
    {"drop", drop},
    {"keepequal", keepequal},
    {"dropequal", dropequal},
    {"hashmod", hashmod},
    {"labelmap", labelmap},
    {"labeldrop", labeldrop},
    {"labelkeep", labelkeep},
    {"lowercase", lowercase},
    {"uppercase", uppercase},
}};

std::string_view name_of(RelabelAction action) {
  for (const auto& [name, value] : kActions)
    if (value == action) return name;
  return "";
}

std::optional<RelabelAction> read_action(const Section& section) {
  if (section.has("action") && !section.given("action")) {
    section.refuse("action", "relabel action cannot be empty");
    return std::nullopt;
  }
  std::string text = "replace";
  section.text("action", text);
  std::string lower = text;
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  for (const auto& [name, action] : kActions)
    if (name == lower) return action;
  section.refuse("action", fmt::format("unknown relabel action {}", quote(text)));
  return std::nullopt;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// A label name of the legacy charset in which $1 and ${name} may stand for characters.
bool is_legacy_template(std::string_view s) {
  if (s.empty() || (s[0] >= '0' && s[0] <= '9')) return false;
  for (std::size_t i = 0; i < s.size();) {
    if (is_word(s[i])) {
      ++i;
      continue;
    }
    if (s[i] != '$') return false;
    const bool braced = i + 1 < s.size() && s[i + 1] == '{';
    std::size_t end = i + (braced ? 2 : 1);
    const std::size_t start = end;
    while (end < s.size() && is_word(s[end])) ++end;
    if (end == start) return false;
    if (braced && (end >= s.size() || s[end++] != '}')) return false;
    i = end;
  }
  return true;
}

struct RuleChecker {
  const Section& section;
  const RelabelRule& rule;
  bool has_source;  ///< source_labels given, be it as an empty list
  bool has_regex;

  [[nodiscard]] bool is(std::initializer_list<RelabelAction> actions) const {
    return std::ranges::find(actions, rule.action) != actions.end();
  }
  [[nodiscard]] bool is_name(std::string_view name) const {
    return rule.legacy_names ? is_legacy_label_name(name) : is_utf8_name(name);
  }
  [[nodiscard]] bool is_name_template(std::string_view name) const {
    return rule.legacy_names ? is_legacy_template(name) : is_utf8_name(name);
  }
  [[nodiscard]] bool others_default() const {
    return rule.modulus == 0 && rule.separator == ";" && rule.replacement == "$1";
  }

  void check() const {
    const std::string_view action = name_of(rule.action);
    if (rule.action == hashmod && rule.modulus == 0)
      return section.refuse("modulus", "relabel configuration for hashmod requires non-zero modulus");
    if (is({replace, hashmod, lowercase, uppercase, keepequal, dropequal}) && rule.target_label.empty()) {
      return section.refuse(
          "target_label",
          fmt::format("relabel configuration for {} action requires 'target_label' value", action));
    }
    check_names(action);
    if (is({lowercase, uppercase, keepequal, dropequal}) && rule.replacement != "$1")
      section.refuse("replacement", fmt::format("'replacement' can not be set for {} action", action));
    if (is({dropequal, keepequal}) && (has_regex || !others_default())) {
      section.refuse(fmt::format(
          "{} action requires only 'source_labels' and `target_label`, and no other fields", action));
    }
    if (is({labeldrop, labelkeep}) && (has_source || !rule.target_label.empty() || !others_default()))
      section.refuse(fmt::format("{} action requires only 'regex', and no other fields", action));
  }

  void check_names(std::string_view action) const {
    const bool is_template = rule.target_label.find('$') != std::string::npos;
    const bool bad_target =
        rule.action == replace
            ? (is_template ? !is_name_template(rule.target_label) : !is_name(rule.target_label))
            : is({lowercase, uppercase, keepequal, dropequal, hashmod}) && !is_name(rule.target_label);
    if (bad_target) {
      section.refuse("target_label", fmt::format("{} is invalid 'target_label' for {} action",
                                                 quote(rule.target_label), action));
    }
    if (rule.action == labelmap && !is_name_template(rule.replacement)) {
      section.refuse("replacement", fmt::format("{} is invalid 'replacement' for {} action",
                                                quote(rule.replacement), action));
    }
  }
};

YamlOut write_rule(const RelabelRule& rule, bool has_regex) {
  YamlOut out = YamlOut::mapping();
  out.add_if(!rule.source_labels.empty(), "source_labels", YamlOut::flow_texts(rule.source_labels));
  out.add("separator", YamlOut::text(rule.separator));
  out.add_if(has_regex, "regex", YamlOut::text(rule.regex.pattern()));
  out.add_if(rule.modulus != 0, "modulus", YamlOut::number(rule.modulus));
  out.add_if(!rule.target_label.empty(), "target_label", YamlOut::text(rule.target_label));
  out.add("replacement", YamlOut::text(rule.replacement));
  out.add("action", YamlOut::text(name_of(rule.action)));
  return out;
}

std::optional<Regex> read_regex(const Section& section) {
  std::string pattern = "(.*)";
  section.text("regex", pattern);
  auto regex = Regex::compile(pattern);
  if (regex) return *std::move(regex);
  section.refuse("regex", regex.error().text);
  return std::nullopt;
}

std::optional<RelabelRule> read_rule(const Section& section, bool legacy_names, YamlOut& yaml) {
  auto regex = read_regex(section);
  const auto action = read_action(section);
  if (!regex || !action) return std::nullopt;
  RelabelRule rule{{}, ";", *std::move(regex), "", "$1", 0, *action, legacy_names};
  section.texts("source_labels", rule.source_labels);
  section.text("separator", rule.separator);
  section.unsigned_number("modulus", rule.modulus);
  section.text("target_label", rule.target_label);
  section.text("replacement", rule.replacement);
  for (const std::string& name : rule.source_labels)
    if (!is_utf8_name(name))
      section.refuse("source_labels", fmt::format("{} is not a valid label name", quote(name)));
  const bool has_regex = section.has("regex");
  if (section.findings().ok()) RuleChecker{section, rule, section.given("source_labels"), has_regex}.check();
  yaml.add(write_rule(rule, has_regex));
  return rule;
}

}  // namespace

Read<std::vector<RelabelRule>> read_relabel(const ReadContext& context, const Section& section,
                                            std::string_view name, bool legacy_names, std::string_view what) {
  static constexpr std::array<std::string_view, 7> kKnown = {
      "source_labels", "separator", "regex", "modulus", "target_label", "replacement", "action"};
  Read<std::vector<RelabelRule>> out{.value = {}, .yaml = YamlOut::sequence()};
  section.items(name, [&](const YamlNode& item, const std::string& path) {
    if (item.kind == NodeKind::null) {
      context.findings.report(item.at, fmt::format("{}: empty or null {}", path, what));
      return;
    }
    const Section rule_section(context.findings, item, path, {kKnown, {}});
    if (!context.findings.ok()) return;
    if (auto rule = read_rule(rule_section, legacy_names, out.yaml)) out.value.push_back(*std::move(rule));
  });
  return out;
}

}  // namespace narthex::config
