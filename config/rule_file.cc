// Rule files: groups of recording and alerting rules.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_set>

#include "config/readers.h"
#include "telemetry/log.h"

namespace narthex::config {

namespace {

constexpr std::array<std::string_view, 1> kFileFields = {"groups"};
constexpr std::array<std::string_view, 6> kGroupFields = {"name",  "interval", "query_offset",
                                                          "limit", "rules",    "labels"};
constexpr std::array<std::string_view, 7> kRuleFields = {"record",          "alert",  "expr",       "for",
                                                         "keep_firing_for", "labels", "annotations"};

class RuleFileReader {
 public:
  RuleFileReader(Findings& findings, bool legacy_names) : findings_(findings), legacy_names_(legacy_names) {}

  std::vector<RuleGroupConfig> read(const YamlNode& root) {
    const Section file(findings_, root, "", {kFileFields, {}});
    std::vector<RuleGroupConfig> groups;
    file.items("groups", [&](const YamlNode& node, const std::string& path) {
      groups.push_back(read_group(Section(findings_, node, path, {kGroupFields, {}})));
    });
    return groups;
  }

 private:
  RuleGroupConfig read_group(const Section& section) {
    RuleGroupConfig group;
    group.file = findings_.file();
    section.text("name", group.name);
    if (group.name.empty()) section.refuse("name", "Groupname must not be empty");
    if (!names_.insert(group.name).second)
      section.refuse("name", fmt::format("groupname: {} is repeated in the same file", quote(group.name)));
    DurationMs interval = 0;
    section.duration("interval", interval);
    if (interval != 0) group.interval = interval;
    if (section.given("query_offset")) section.duration("query_offset", group.query_offset.emplace(0));
    std::int64_t limit = 0;
    section.signed_number("limit", limit);
    // Below 0 means no limit, as 0 does.
    group.limit = static_cast<std::uint64_t>(std::max<std::int64_t>(limit, 0));
    read_label_texts(section, group.labels);
    section.items("rules", [&](const YamlNode& node, const std::string& path) {
      group.rules.push_back(read_rule(Section(findings_, node, path, {kRuleFields, {}}), node));
    });
    return group;
  }

  RuleConfig read_rule(const Section& section, const YamlNode& node) {
    std::string record;
    std::string alert;
    std::string expr;
    AlertingRule rule;
    section.text("record", record);
    section.text("alert", alert);
    section.text("expr", expr);
    section.duration("for", rule.hold);
    section.duration("keep_firing_for", rule.keep_firing_for);
    read_label_texts(section, rule.labels);
    read_annotations(section, rule.annotations);
    if (!record.empty() && !alert.empty())
      section.refuse("alert", "only one of 'record' and 'alert' must be set");
    if (record.empty() && alert.empty()) section.refuse("one of 'record' or 'alert' must be set");
    if (expr.empty()) section.refuse("expr", "field 'expr' must be set in rule");
    if (!record.empty()) check_recording(section, record, rule);
    RuleConfig out;
    out.at = findings_.pos(node.at);
    out.expr_at = findings_.pos(section.at("expr"));
    if (record.empty()) {
      rule.alert = std::move(alert);
      rule.expr = std::move(expr);
      out.alerting = std::move(rule);
    } else {
      out.recording = RecordingRule{std::move(record), std::move(expr), std::move(rule.labels)};
    }
    return out;
  }

  void check_recording(const Section& section, const std::string& record, const AlertingRule& rule) const {
    if (!rule.annotations.empty())
      section.refuse("annotations", "invalid field 'annotations' in recording rule");
    if (rule.hold != 0) section.refuse("for", "invalid field 'for' in recording rule");
    if (rule.keep_firing_for != 0)
      section.refuse("keep_firing_for", "invalid field 'keep_firing_for' in recording rule");
    if (!(legacy_names_ ? is_legacy_metric_name(record) : is_utf8_name(record)))
      section.refuse("record", fmt::format("invalid recording rule name: {}", record));
    // Good UTF-8, but nearly always an expression in the wrong field.
    if (record.find_first_of("{}") != std::string::npos) {
      section.refuse(
          "record",
          fmt::format("braces present in the recording rule name; should it be in expr?: {}", record));
    }
  }

  void read_label_texts(const Section& section, RuleTexts& out) const {
    read_texts(section, "labels", "label", out);
    section.entries("labels", [&](const YamlEntry& entry) {
      if (entry.key == kMetricName) refuse_name(section, "labels", "label", entry);
    });
    for (const auto& [name, value] : out)
      if (!is_valid_utf8(value))
        section.refuse("labels", fmt::format("invalid label value: {}", quote(value)));
  }
  void read_annotations(const Section& section, RuleTexts& out) const {
    read_texts(section, "annotations", "annotation", out);
  }

  void read_texts(const Section& section, std::string_view field, std::string_view what,
                  RuleTexts& out) const {
    section.text_map(field, out);
    section.entries(field, [&](const YamlEntry& entry) {
      if (!(legacy_names_ ? is_legacy_label_name(entry.key) : is_utf8_name(entry.key)))
        refuse_name(section, field, what, entry);
    });
  }

  void refuse_name(const Section& section, std::string_view field, std::string_view what,
                   const YamlEntry& entry) const {
    findings_.report(entry.key_at,
                     fmt::format("{}: invalid {} name: {}", section.path_of(field), what, entry.key));
  }

  Findings& findings_;
  bool legacy_names_;
  std::unordered_set<std::string> names_;
};

}  // namespace

Result<std::vector<RuleGroupConfig>> load_rule_file(io::FileSystem& fs, const std::string& path,
                                                    bool legacy_names) {
  const auto text = fs.read_file(path);
  if (!text) return std::unexpected(text.error().during("reading rule file"));
  auto document = parse_yaml(*text, path);
  if (!document) return pass(document);
  if (document->more_documents) {
    telemetry::warn("Multiple YAML documents are not supported, only the first one counts", {{"file", path}});
  }
  Findings findings(path);
  auto groups = RuleFileReader(findings, legacy_names).read(document->root);
  if (!findings.ok()) return std::unexpected(findings.error());
  return groups;
}

}  // namespace narthex::config
