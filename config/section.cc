#include "config/section.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "config/byte_size.h"
#include "config/yaml_scalar.h"

namespace narthex::config {

namespace {

std::string_view describe(const YamlNode& node) {
  switch (node.kind) {
    case NodeKind::null:
      return "nothing";
    case NodeKind::sequence:
      return "a list";
    case NodeKind::mapping:
      return "a mapping";
    case NodeKind::scalar:
      break;
  }
  const ScalarValue value = resolve(node);
  if (std::holds_alternative<bool>(value)) return "a boolean";
  if (std::holds_alternative<std::string_view>(value) || std::holds_alternative<DateText>(value))
    return "a text";
  return "a number";
}

bool is_null(const YamlNode& node) {
  return node.kind == NodeKind::null ||
         (node.kind == NodeKind::scalar && std::holds_alternative<std::monostate>(resolve(node)));
}

bool has_content(const YamlNode& node) {
  if (is_null(node)) return false;
  if (node.kind != NodeKind::scalar) return !node.items.empty() || !node.entries.empty();
  const ScalarValue value = resolve(node);
  const bool* flag = std::get_if<bool>(&value);
  return flag != nullptr ? *flag : !node.text.empty();
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

std::string shown(const YamlNode& node) {
  return node.kind == NodeKind::scalar ? fmt::format("{} {}", describe(node), quote(node.text))
                                       : std::string(describe(node));
}

}  // namespace

void Findings::report(Mark at, std::string_view text) {
  if (!error_) error_ = error_at(Code::invalid, file_, at, text);
}

std::string_view closest_name(std::string_view name, std::span<const std::string_view> known) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, name.size() / 4) + 1;
  if (name.size() > 100) return best;
  for (const std::string_view candidate : known) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

Section::Section(Findings& findings, const YamlNode& node, std::string path, FieldNames names)
    : findings_(findings), node_(node), path_(std::move(path)) {
  if (!is_null(node) && node.kind != NodeKind::mapping) {
    refuse(fmt::format("expected a mapping, got {}", shown(node)));
    return;
  }
  check_names(names);
}

void Section::check_names(FieldNames names) const {
  for (const YamlEntry& entry : node_.entries) {
    if (std::ranges::find(names.known, entry.key) != names.known.end()) continue;
    if (std::ranges::find(names.not_yet, entry.key) != names.not_yet.end()) {
      if (has_content(entry.value)) {
        findings_.report(entry.key_at,
                         fmt::format("field {} is not supported by Narthex yet", path_of(entry.key)));
      }
      continue;
    }
    std::vector<std::string_view> all(names.known.begin(), names.known.end());
    all.insert(all.end(), names.not_yet.begin(), names.not_yet.end());
    const std::string_view guess = closest_name(entry.key, all);
    findings_.report(entry.key_at,
                     fmt::format("field {} is not known in {}{}", entry.key,
                                 path_.empty() ? std::string_view("this file") : std::string_view(path_),
                                 guess.empty() ? std::string() : fmt::format(" (did you mean {}?)", guess)));
  }
}

const YamlNode* Section::find(std::string_view name) const {
  return node_.find(name);
}

bool Section::given(std::string_view name) const {
  const YamlNode* node = find(name);
  return node != nullptr && !is_null(*node);
}

Mark Section::at(std::string_view name) const {
  const YamlNode* node = find(name);
  return node != nullptr ? node->at : node_.at;
}

std::string Section::path_of(std::string_view name) const {
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

void Section::refuse(std::string_view name, std::string_view reason) const {
  findings_.report(at(name), fmt::format("{}: {}", path_of(name), reason));
}

void Section::refuse(std::string_view reason) const {
  findings_.report(at(), path_.empty() ? std::string(reason) : fmt::format("{}: {}", path_, reason));
}

void Section::not_supported(std::string_view name) const {
  const YamlNode* node = find(name);
  findings_.report(at(name), fmt::format("field {} with value {} is not supported by Narthex yet",
                                         path_of(name), node != nullptr ? node->text : std::string()));
}

void Section::wrong_type(std::string_view name, const YamlNode& node, std::string_view expected) const {
  refuse(name, fmt::format("expected {}, got {}", expected, shown(node)));
}

void Section::text(std::string_view name, std::string& out) const {
  const YamlNode* node = find(name);
  if (node == nullptr) return;
  if (auto value = node_text(findings_, *node, path_of(name))) out = *std::move(value);
}

void Section::boolean(std::string_view name, bool& out) const {
  const YamlNode* node = find(name);
  if (node == nullptr) return;
  if (is_null(*node)) {
    out = false;
    return;
  }
  if (node->kind != NodeKind::scalar) return wrong_type(name, *node, "true or false");
  const ScalarValue value = resolve(*node);
  if (const bool* flag = std::get_if<bool>(&value)) {
    out = *flag;
  } else {
    wrong_type(name, *node, "true or false");
  }
}

void Section::unsigned_number(std::string_view name, std::uint64_t& out) const {
  const YamlNode* node = find(name);
  if (node == nullptr) return;
  if (is_null(*node)) {
    out = 0;
    return;
  }
  constexpr std::string_view kExpected = "a whole number, 0 or more";
  if (node->kind != NodeKind::scalar) return wrong_type(name, *node, kExpected);
  const ScalarValue value = resolve(*node);
  if (const auto* whole = std::get_if<std::int64_t>(&value); whole != nullptr && *whole >= 0) {
    out = static_cast<std::uint64_t>(*whole);
  } else if (const auto* large = std::get_if<std::uint64_t>(&value)) {
    out = *large;
  } else if (const auto* real = std::get_if<double>(&value);
             real != nullptr && *real >= 0 && *real < 0x1p64) {
    out = static_cast<std::uint64_t>(*real);
  } else {
    wrong_type(name, *node, kExpected);
  }
}

void Section::signed_number(std::string_view name, std::int64_t& out) const {
  const YamlNode* node = find(name);
  if (node == nullptr) return;
  if (is_null(*node)) {
    out = 0;
    return;
  }
  if (node->kind != NodeKind::scalar) return wrong_type(name, *node, "a whole number");
  const ScalarValue value = resolve(*node);
  if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    out = *whole;
  } else if (const auto* real = std::get_if<double>(&value); real != nullptr && std::abs(*real) < 0x1p63) {
    out = static_cast<std::int64_t>(*real);
  } else {
    wrong_type(name, *node, "a whole number");
  }
}

void Section::number(std::string_view name, double& out) const {
  const YamlNode* node = find(name);
  if (node == nullptr) return;
  if (is_null(*node)) {
    out = 0;
    return;
  }
  if (node->kind != NodeKind::scalar) return wrong_type(name, *node, "a number");
  const ScalarValue value = resolve(*node);
  if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    out = static_cast<double>(*whole);
  } else if (const auto* large = std::get_if<std::uint64_t>(&value)) {
    out = static_cast<double>(*large);
  } else if (const auto* real = std::get_if<double>(&value)) {
    out = *real;
  } else {
    wrong_type(name, *node, "a number");
  }
}

void Section::duration(std::string_view name, DurationMs& out) const {
  const YamlNode* node = find(name);
  if (node == nullptr) return;
  if (is_null(*node)) {
    out = 0;
    return;
  }
  if (node->kind != NodeKind::scalar) return wrong_type(name, *node, "a duration such as 1m30s");
  const auto parsed = parse_duration(node->text);
  if (!parsed) return refuse(name, parsed.error().text);
  out = *parsed;
}

void Section::byte_size(std::string_view name, std::int64_t& out) const {
  const YamlNode* node = find(name);
  if (node == nullptr) return;
  if (is_null(*node)) {
    out = 0;
    return;
  }
  if (node->kind != NodeKind::scalar) return wrong_type(name, *node, "a size such as 15MB");
  const auto parsed = parse_byte_size(node->text);
  if (!parsed) return refuse(name, parsed.error().text);
  out = *parsed;
}

void Section::texts(std::string_view name, std::vector<std::string>& out) const {
  if (has(name)) out.clear();
  items(name, [&](const YamlNode& item, const std::string& path) {
    if (auto value = node_text(findings_, item, path)) out.push_back(*std::move(value));
  });
}

void Section::items(std::string_view name,
                    const std::function<void(const YamlNode&, std::string)>& each) const {
  const YamlNode* node = find(name);
  if (node == nullptr || is_null(*node)) return;
  if (node->kind != NodeKind::sequence) return wrong_type(name, *node, "a list");
  for (std::size_t i = 0; i < node->items.size(); ++i)
    each(node->items[i], fmt::format("{}[{}]", path_of(name), i));
}

void Section::entries(std::string_view name, const std::function<void(const YamlEntry&)>& each) const {
  const YamlNode* node = find(name);
  if (node == nullptr || is_null(*node)) return;
  if (node->kind != NodeKind::mapping) return wrong_type(name, *node, "a mapping");
  for (const YamlEntry& entry : node->entries) each(entry);
}

void Section::text_map(std::string_view name, std::vector<std::pair<std::string, std::string>>& out) const {
  entries(name, [&](const YamlEntry& entry) {
    if (auto value = node_text(findings_, entry.value, fmt::format("{}.{}", path_of(name), entry.key)))
      out.emplace_back(entry.key, *std::move(value));
  });
}

std::optional<std::string> node_text(Findings& findings, const YamlNode& node, const std::string& path) {
  if (is_null(node)) return std::string();
  if (node.kind == NodeKind::scalar) return node.text;
  findings.report(node.at, fmt::format("{}: expected a text, got {}", path, describe(node)));
  return std::nullopt;
}

Labels read_labels(const Section& section, std::string_view name, bool legacy_names,
                   std::vector<std::pair<std::string, std::string>>* pairs) {
  LabelsBuilder labels;
  section.entries(name, [&](const YamlEntry& entry) {
    const std::string path = fmt::format("{}.{}", section.path_of(name), entry.key);
    const bool valid_name = legacy_names ? is_legacy_label_name(entry.key) : is_utf8_name(entry.key);
    if (!valid_name) {
      section.findings().report(entry.key_at, fmt::format("{}: {} is not a valid label name",
                                                          section.path_of(name), quote(entry.key)));
      return;
    }
    const auto value = node_text(section.findings(), entry.value, path);
    if (!value) return;
    if (!is_valid_utf8(*value)) {
      section.findings().report(entry.value.at,
                                fmt::format("{}: {} is not a valid label value", path, quote(*value)));
      return;
    }
    labels.set(entry.key, *value);
    if (pairs != nullptr) pairs->emplace_back(entry.key, *value);
  });
  return labels.labels();
}

}  // namespace narthex::config
