// static_configs, file_sd_configs and the names of the discoveries that are to come.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/readers.h"

namespace narthex::config {

namespace {

constexpr std::array<std::string_view, 31> kUnsupportedDiscoveries = {
    "aws_sd_configs",      "azure_sd_configs",      "consul_sd_configs",      "digitalocean_sd_configs",
    "dns_sd_configs",      "docker_sd_configs",     "dockerswarm_sd_configs", "ec2_sd_configs",
    "eureka_sd_configs",   "gce_sd_configs",        "hetzner_sd_configs",     "http_sd_configs",
    "ionos_sd_configs",    "kubernetes_sd_configs", "kuma_sd_configs",        "lightsail_sd_configs",
    "linode_sd_configs",   "marathon_sd_configs",   "nerve_sd_configs",       "nomad_sd_configs",
    "oci_sd_configs",      "openstack_sd_configs",  "outscale_sd_configs",    "ovhcloud_sd_configs",
    "puppetdb_sd_configs", "scaleway_sd_configs",   "serverset_sd_configs",   "stackit_sd_configs",
    "triton_sd_configs",   "uyuni_sd_configs",      "vultr_sd_configs",
};

/// A glob whose only `*` stand in its last element, and whose name says what is in the files.
bool is_discovery_pattern(std::string_view path) {
  static constexpr std::array<std::string_view, 6> kEndings = {".json", ".yml", ".yaml",
                                                               ".JSON", ".YML", ".YAML"};
  if (std::ranges::none_of(kEndings, [path](std::string_view e) { return path.ends_with(e); })) return false;
  const std::size_t star = path.find('*');
  return star == std::string_view::npos || path.find('/', star) == std::string_view::npos;
}

void read_static(const ReadContext& context, const Section& section, bool plain_addresses,
                 Read<Discovery>& out) {
  YamlOut groups = YamlOut::sequence();
  section.items("static_configs", [&](const YamlNode& item, const std::string& path) {
    if (item.kind == NodeKind::null)
      return context.findings.report(item.at,
                                     fmt::format("{}: empty or null section in static_configs", path));
    auto group = read_target_group(context.findings, item, path);
    for (std::size_t i = 0; plain_addresses && i < group.value.targets.size(); ++i) {
      // A frequent mistake: a whole URL where host:port is meant.
      if (group.value.targets[i].find('/') == std::string::npos) continue;
      context.findings.report(
          item.find("targets")->items[i].at,
          fmt::format("{}.targets[{}]: {} is not a valid hostname", path, i, quote(group.value.targets[i])));
    }
    group.value.source = std::to_string(out.value.static_groups.size());
    out.value.static_groups.push_back(std::move(group.value));
    groups.add(std::move(group.yaml));
  });
  out.yaml.add_filled("static_configs", std::move(groups));
}

void read_files(const ReadContext& context, const Section& section, Read<Discovery>& out) {
  static constexpr std::array<std::string_view, 2> kKnown = {"files", "refresh_interval"};
  YamlOut all = YamlOut::sequence();
  section.items("file_sd_configs", [&](const YamlNode& item, const std::string& path) {
    if (item.kind == NodeKind::null)
      return context.findings.report(item.at,
                                     fmt::format("{}: empty or null section in file_sd_configs", path));
    const Section one(context.findings, item, path, {kKnown, {}});
    FileDiscovery files;
    one.texts("files", files.files);
    one.duration("refresh_interval", files.refresh_interval);
    if (files.files.empty())
      one.refuse("files", "file service discovery config must contain at least one path name");
    for (std::string& file : files.files) {
      if (!is_discovery_pattern(file))
        one.refuse("files", fmt::format("path name {} is not valid for file discovery", quote(file)));
      file = join_path(context.directory, file);
    }
    YamlOut yaml = YamlOut::mapping();
    yaml.add("files", YamlOut::texts(files.files));
    yaml.add_if(files.refresh_interval != 0, "refresh_interval", YamlOut::duration(files.refresh_interval));
    all.add(std::move(yaml));
    out.value.files.push_back(std::move(files));
  });
  out.yaml.add_filled("file_sd_configs", std::move(all));
}

}  // namespace

std::vector<std::string_view> with_unsupported_discoveries(std::vector<std::string_view> own) {
  own.insert(own.end(), kUnsupportedDiscoveries.begin(), kUnsupportedDiscoveries.end());
  return own;
}

Read<TargetGroup> read_target_group(Findings& findings, const YamlNode& node, const std::string& path) {
  static constexpr std::array<std::string_view, 2> kKnown = {"targets", "labels"};
  Read<TargetGroup> out;
  const Section section(findings, node, path, {kKnown, {}});
  section.texts("targets", out.value.targets);
  std::vector<std::pair<std::string, std::string>> pairs;
  out.value.labels = read_labels(section, "labels", false, &pairs);
  YamlOut labels = YamlOut::mapping();
  for (const auto& [name, value] : pairs) labels.add(name, YamlOut::text(value));
  labels.sort_fields();
  out.yaml.add("targets", YamlOut::texts(out.value.targets));
  out.yaml.add_filled("labels", std::move(labels));
  return out;
}

Read<Discovery> read_discovery(const ReadContext& context, const Section& section, bool plain_addresses) {
  Read<Discovery> out;
  read_files(context, section, out);
  read_static(context, section, plain_addresses, out);
  return out;
}

}  // namespace narthex::config
