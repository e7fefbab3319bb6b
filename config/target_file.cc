// Files of file_sd_configs: lists of target groups in YAML or JSON.
#include <fmt/format.h>

#include "config/json_tree.h"
#include "config/readers.h"

namespace narthex::config {

namespace {

bool is_json(const std::string& path) {
  return path.ends_with(".json") || path.ends_with(".JSON");
}

Result<YamlNode> read_tree(const std::string& text, const std::string& path) {
  if (is_json(path)) return parse_json(text, path);
  auto document = parse_yaml(text, path);
  if (!document) return pass(document);
  return std::move(document->root);
}

}  // namespace

Result<std::vector<TargetGroup>> load_target_file(io::FileSystem& fs, const std::string& path) {
  const auto text = fs.read_file(path);
  if (!text) return std::unexpected(text.error().during("reading target file"));
  const auto root = read_tree(*text, path);
  if (!root) return std::unexpected(root.error());
  Findings findings(path);
  std::vector<TargetGroup> groups;
  if (root->kind != NodeKind::sequence && root->kind != NodeKind::null)
    findings.report(root->at, "expected a list of target groups");
  for (std::size_t i = 0; i < root->items.size(); ++i) {
    const YamlNode& item = root->items[i];
    if (item.kind == NodeKind::null)
      findings.report(item.at, fmt::format("[{}]: nil target group item found", i));
    TargetGroup group = read_target_group(findings, item, fmt::format("[{}]", i)).value;
    group.source = fmt::format("{}:{}", path, i);
    LabelsBuilder labels(group.labels);
    labels.set("__meta_filepath", path);
    group.labels = labels.labels();
    groups.push_back(std::move(group));
  }
  if (!findings.ok()) return std::unexpected(findings.error());
  return groups;
}

}  // namespace narthex::config
