// The alerting section: where alerts go and how they are relabeled on their way.
#include <fmt/format.h>

#include <array>

#include "config/readers.h"

namespace narthex::config {

namespace {

std::span<const std::string_view> known_fields() {
  static const std::vector<std::string_view> kNames =
      with_http_fields({"scheme", "path_prefix", "timeout", "api_version", "relabel_configs",
                        "alert_relabel_configs", "static_configs", "file_sd_configs"});
  return kNames;
}

std::span<const std::string_view> unsupported_fields() {
  static const std::vector<std::string_view> kNames =
      with_unsupported_discoveries(with_unsupported_http_fields({"sigv4"}));
  return kNames;
}

Read<AlertmanagerConfig> read_alertmanager(const ReadContext& context, const YamlNode& node,
                                           const std::string& path, bool legacy_names) {
  const Section section(context.findings, node, path, {known_fields(), unsupported_fields()});
  AlertmanagerConfig out;
  std::string prefix;
  std::string version = "v2";
  section.text("scheme", out.scheme);
  section.text("path_prefix", prefix);
  section.duration("timeout", out.timeout);
  section.text("api_version", version);
  if (version != "v2") {
    section.refuse("api_version",
                   fmt::format("expected Alertmanager api version to be one of [v2] but got {}", version));
  }
  auto http = read_http(context, section);
  const bool relabels =
      section.find("relabel_configs") != nullptr && !section.find("relabel_configs")->items.empty();
  auto discovery = read_discovery(context, section, !relabels);
  auto relabel =
      read_relabel(context, section, "relabel_configs", legacy_names, "Alertmanager target relabeling rule");
  auto alert_relabel = read_relabel(context, section, "alert_relabel_configs", legacy_names,
                                    "Alertmanager alert relabeling rule");
  YamlOut yaml = std::move(http.yaml);
  yaml.add_if(!out.scheme.empty(), "scheme", YamlOut::text(out.scheme));
  yaml.add_if(!prefix.empty(), "path_prefix", YamlOut::text(prefix));
  yaml.add_if(out.timeout != 0, "timeout", YamlOut::duration(out.timeout));
  yaml.add("api_version", YamlOut::text(version));
  yaml.add_filled("relabel_configs", std::move(relabel.yaml));
  yaml.add_filled("alert_relabel_configs", std::move(alert_relabel.yaml));
  yaml.add_all(std::move(discovery.yaml));
  if (!prefix.empty()) out.path_prefix = prefix;
  out.http = std::move(http.value);
  out.discovery = std::move(discovery.value);
  out.relabel = std::move(relabel.value);
  out.alert_relabel = std::move(alert_relabel.value);
  return {std::move(out), std::move(yaml)};
}

}  // namespace

Read<AlertingSection> read_alerting(const ReadContext& context, const YamlNode& node, bool legacy_names) {
  static constexpr std::array<std::string_view, 2> kKnown = {"alert_relabel_configs", "alertmanagers"};
  Read<AlertingSection> out;
  const Section section(context.findings, node, "alerting", {kKnown, {}});
  auto relabel =
      read_relabel(context, section, "alert_relabel_configs", legacy_names, "alert relabeling rule");
  YamlOut alertmanagers = YamlOut::sequence();
  section.items("alertmanagers", [&](const YamlNode& item, const std::string& path) {
    if (item.kind == NodeKind::null)
      return context.findings.report(item.at, fmt::format("{}: empty or null Alertmanager section", path));
    auto one = read_alertmanager(context, item, path, legacy_names);
    out.value.alertmanagers.push_back(std::move(one.value));
    alertmanagers.add(std::move(one.yaml));
  });
  out.yaml.add_filled("alert_relabel_configs", std::move(relabel.yaml));
  out.yaml.add_filled("alertmanagers", std::move(alertmanagers));
  out.value.alert_relabel = std::move(relabel.value);
  return out;
}

}  // namespace narthex::config
