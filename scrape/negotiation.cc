#include "scrape/negotiation.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "model/labels.h"

namespace narthex::scrape {

namespace {

struct Protocol {
  std::string_view name;
  std::string_view media_type;
  std::string_view version;
  bool escaping;  ///< takes the parameter
};

constexpr Protocol kProtocols[] = {
    {"OpenMetricsText1.0.0", "application/openmetrics-text", "1.0.0", true},
    {"OpenMetricsText0.0.1", "application/openmetrics-text", "0.0.1", false},
    {"PrometheusText1.0.0", "text/plain", "1.0.0", true},
    {"PrometheusText0.0.4", "text/plain", "0.0.4", false},
};

const Protocol* find_protocol(std::string_view name) {
  const auto* it = std::ranges::find(kProtocols, name, &Protocol::name);
  return it == std::end(kProtocols) ? nullptr : it;
}

bool is_token_char(char c) {
  constexpr std::string_view kOther = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kOther.find(c) != std::string_view::npos;
}

// The type in front of the parameters, in lower case; nothing if it is malformed.
std::optional<std::string> media_type(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!type.empty() && is_blank(type.front())) type.remove_prefix(1);
  while (!type.empty() && is_blank(type.back())) type.remove_suffix(1);
  const std::size_t slash = type.find('/');
  const bool well_formed = slash != std::string_view::npos && slash > 0 && slash + 1 < type.size() &&
                           std::ranges::all_of(type.substr(0, slash), is_token_char) &&
                           std::ranges::all_of(type.substr(slash + 1), is_token_char);
  if (!well_formed) return std::nullopt;
  std::string lower(type);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

std::optional<Format> format_of(std::string_view media) {
  if (media == "application/openmetrics-text") return Format::open_metrics;
  if (media == "text/plain") return Format::text;
  return std::nullopt;
}

}  // namespace

std::string accept_header(const config::ScrapeConfig& job) {
  // Prometheus counts down from the number of protocols it knows, plus one.
  int weight = 6;
  std::string header;
  for (const std::string& name : job.protocols) {
    const Protocol* protocol = find_protocol(name);
    if (protocol == nullptr) continue;
    header += fmt::format("{};version={}", protocol->media_type, protocol->version);
    if (protocol->escaping) header += ";escaping=" + job.escaping_scheme;
    header += fmt::format(";q=0.{},", weight--);
  }
  return header + fmt::format("*/*;q=0.{}", weight);
}

Result<Format> exposition_format(std::string_view content_type, std::string_view fallback_protocol) {
  const Protocol* fallback = find_protocol(fallback_protocol);
  const auto otherwise = [&](const std::string& why) -> Result<Format> {
    if (fallback == nullptr) return fail(Code::invalid, why);
    return *format_of(fallback->media_type);
  };
  if (content_type.empty())
    return otherwise(
        "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified "
        "for "
        "target");
  const auto media = media_type(content_type);
  if (!media)
    return otherwise("cannot parse Content-Type " + quote(content_type) +
                     " and no fallback_scrape_protocol for target");
  if (const auto format = format_of(*media)) return *format;
  return otherwise("received unsupported Content-Type " + quote(content_type) +
                   " and no fallback_scrape_protocol specified for target");
}

}  // namespace narthex::scrape
