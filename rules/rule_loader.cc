#include "rules/rule_loader.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/yaml_tree.h"

namespace narthex::rules {

namespace {

/// Those of the rule win; sorted by name.
config::RuleTexts joined(const config::RuleTexts& of_group, const config::RuleTexts& of_rule) {
  std::map<std::string, std::string> all(of_group.begin(), of_group.end());
  for (const auto& [name, value] : of_rule) all.insert_or_assign(name, value);
  return {all.begin(), all.end()};
}

class GroupLoader {
 public:
  GroupLoader(const config::RuleGroupConfig& group, AlertContext context, const query::ParserOptions& parser)
      : group_(group), context_(std::move(context)), parser_(parser) {}

  Result<std::vector<AnyRule>> rules() const {
    std::vector<AnyRule> out;
    for (std::size_t i = 0; i < group_.rules.size(); ++i) {
      auto rule = load(group_.rules[i], i);
      if (!rule) return pass(rule);
      out.push_back(*std::move(rule));
    }
    return out;
  }

 private:
  [[nodiscard]] Result<AnyRule> load(const config::RuleConfig& rule, std::size_t i) const {
    const bool alerting = rule.alerting.has_value();
    const std::string& expr = alerting ? rule.alerting->expr : rule.recording->expr;
    const std::string& name = alerting ? rule.alerting->alert : rule.recording->record;
    const auto refuse = [&](const SourcePos& at, std::string_view reason) {
      return std::unexpected(config::error_at(
          Code::invalid, at.file, {at.line, at.column},
          fmt::format("group {}, rule {}, {}: {}", quote(group_.name), i + 1, quote(name), reason)));
    };
    const auto parsed = query::parse(expr, parser_);
    if (!parsed)
      return refuse(rule.expr_at, fmt::format("could not parse expression: {}", parsed.error().text));
    std::string printed = query::print(**parsed);
    if (!alerting) {
      return AnyRule(RecordingRule(rule.recording->record, std::move(printed),
                                   joined(group_.labels, rule.recording->labels)));
    }
    auto made = AlertingRule::make(*rule.alerting, std::move(printed),
                                   joined(group_.labels, rule.alerting->labels), context_);
    if (!made) return refuse(rule.at, made.error().text);
    return AnyRule(*std::move(made));
  }

  const config::RuleGroupConfig& group_;
  const AlertContext context_;
  const query::ParserOptions& parser_;
};

}  // namespace

Result<std::vector<LoadedGroup>> load_groups(io::FileSystem& fs, const std::string& path,
                                             const config::Global& global, const std::string& external_url,
                                             const query::ParserOptions& parser) {
  const auto groups = config::load_rule_file(fs, path, global.legacy_names);
  if (!groups) return std::unexpected(groups.error());
  std::vector<LoadedGroup> out;
  for (const config::RuleGroupConfig& group : *groups) {
    auto rules = GroupLoader(group, {global.external_labels, external_url}, parser).rules();
    if (!rules) return pass(rules);
    GroupSettings settings{group.name, group.file, group.interval.value_or(global.evaluation_interval),
                           group.query_offset.value_or(global.rule_query_offset), group.limit};
    out.push_back({std::move(settings), *std::move(rules)});
  }
  return out;
}

Result<std::map<std::string, LoadedGroup>> load_all_groups(io::FileSystem& fs, const config::Config& config,
                                                           const std::string& external_url,
                                                           const query::ParserOptions& parser) {
  std::map<std::string, LoadedGroup> out;
  for (const std::string& pattern : config.rule_files) {
    const auto files = config::expand_pattern(fs, pattern);
    if (!files) return std::unexpected(files.error().during("rule_files"));
    for (const std::string& file : *files) {
      auto groups = load_groups(fs, file, config.global, external_url, parser);
      if (!groups) return pass(groups);
      for (LoadedGroup& group : *groups) {
        std::string key = group_key(group.settings.file, group.settings.name);
        out.insert_or_assign(std::move(key), std::move(group));
      }
    }
  }
  return out;
}

}  // namespace narthex::rules
