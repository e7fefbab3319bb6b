// Fields that global and scrape_configs share: limits, protocols, name schemes.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_set>

#include "config/readers.h"

namespace narthex::config {

namespace {

/// Sorted, as the message about an unknown one lists them.
constexpr std::array<std::string_view, 5> kProtocols = {
    "OpenMetricsText0.0.1", "OpenMetricsText1.0.0", "PrometheusProto",
    "PrometheusText0.0.4",  "PrometheusText1.0.0",
};

constexpr std::array<std::string_view, 4> kEscapingSchemes = {"allow-utf-8", "underscores", "dots", "values"};

/// Go's %v of a list: `[a b]`.
template <class Texts>
std::string listed(const Texts& texts) {
  std::string out = "[";
  for (const auto& text : texts) {
    if (out.size() > 1) out += ' ';
    out += text;
  }
  out += ']';
  return out;
}

}  // namespace

bool is_known_protocol(std::string_view name) {
  return std::ranges::find(kProtocols, name) != kProtocols.end();
}

std::string unknown_protocol_text(std::string_view name) {
  return fmt::format("unknown scrape protocol {}, supported: {}", name, listed(kProtocols));
}

void check_protocols(const Section& section, std::string_view name, const std::vector<std::string>& protocols,
                     std::string_view suffix) {
  if (protocols.empty())
    return section.refuse(name, fmt::format("scrape_protocols cannot be empty{}", suffix));
  std::unordered_set<std::string> seen;
  for (const std::string& protocol : protocols) {
    std::string lower = protocol;
    for (char& c : lower)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    if (!seen.insert(lower).second) {
      return section.refuse(
          name, fmt::format("duplicated protocol in scrape_protocols, got {}{}", listed(protocols), suffix));
    }
    if (!is_known_protocol(protocol)) {
      return section.refuse(name,
                            fmt::format("scrape_protocols: {}{}", unknown_protocol_text(protocol), suffix));
    }
  }
}

void read_limits(const Section& section, Limits& limits) {
  auto body_size = static_cast<std::int64_t>(limits.body_size);
  section.byte_size("body_size_limit", body_size);
  if (body_size < 0) section.refuse("body_size_limit", "must be 0 or more");
  limits.body_size = static_cast<std::uint64_t>(std::max<std::int64_t>(body_size, 0));
  section.unsigned_number("sample_limit", limits.samples);
  section.unsigned_number("target_limit", limits.targets);
  section.unsigned_number("label_limit", limits.labels);
  section.unsigned_number("label_name_length_limit", limits.label_name_length);
  section.unsigned_number("label_value_length_limit", limits.label_value_length);
  section.unsigned_number("keep_dropped_targets", limits.keep_dropped_targets);
}

void write_limits(YamlOut& yaml, const Limits& limits) {
  const auto add = [&yaml](std::string_view name, std::uint64_t value) {
    yaml.add_if(value != 0, name, YamlOut::number(value));
  };
  yaml.add_if(limits.body_size != 0, "body_size_limit", YamlOut::byte_size(limits.body_size));
  add("sample_limit", limits.samples);
  add("target_limit", limits.targets);
  add("label_limit", limits.labels);
  add("label_name_length_limit", limits.label_name_length);
  add("label_value_length_limit", limits.label_value_length);
}

std::optional<bool> read_legacy_names(const Section& section) {
  constexpr std::string_view kField = "metric_name_validation_scheme";
  std::string scheme;
  section.text(kField, scheme);
  if (scheme.empty()) return std::nullopt;
  if (scheme == "legacy") return true;
  if (scheme == "utf8") return false;
  section.refuse(kField, fmt::format("unrecognized ValidationScheme: {}", quote(scheme)));
  return std::nullopt;
}

bool is_escaping_scheme(std::string_view name) {
  return std::ranges::find(kEscapingSchemes, name) != kEscapingSchemes.end();
}

}  // namespace narthex::config
