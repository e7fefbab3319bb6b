#include "scrape/target_url.h"

#include <map>
#include <string_view>
#include <vector>

#include "net/http.h"

namespace narthex::scrape {

namespace {

constexpr std::string_view kParamPrefix = "__param_";

// Go's url.URL.EscapedPath for a path that was never escaped.
std::string escape_path(std::string_view path) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  constexpr std::string_view kPlain = "-_.~$&+,/:;=@";
  std::string out;
  if (!path.starts_with('/')) out += '/';
  for (const char c : path) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || kPlain.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4U];
    out += kHex[byte & 15U];
  }
  return out;
}

// Host and port of an address; the port may be missing.
struct HostPort {
  std::string_view host;
  std::string_view port;
};

HostPort split(std::string_view authority) {
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket))
    return {authority, ""};
  return {authority.substr(0, colon), authority.substr(colon + 1)};
}

std::string_view authority_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return "";
  const std::string_view rest = url.substr(scheme + 3);
  return rest.substr(0, rest.find_first_of("/?#"));
}

}  // namespace

std::string target_url(const config::ScrapeConfig& job, const Labels& labels) {
  std::map<std::string, std::vector<std::string>, std::less<>> params;
  for (const auto& [name, values] : job.params) params[name] = values;
  for (const LabelView label : labels) {
    if (!label.name.starts_with(kParamPrefix)) continue;
    auto& values = params[std::string(label.name.substr(kParamPrefix.size()))];
    if (values.empty()) values.emplace_back();
    values[0] = label.value;
  }
  std::string url = std::string(labels.get("__scheme__")) + "://" + std::string(labels.get("__address__"));
  if (const auto path = labels.get("__metrics_path__"); !path.empty()) url += escape_path(path);
  char separator = '?';
  for (const auto& [name, values] : params) {
    for (const auto& value : values) {
      url += separator + net::query_escape(name) + "=" + net::query_escape(value);
      separator = '&';
    }
  }
  return url;
}

std::string global_url(const std::string& url, const std::string& external_url) {
  const std::string_view authority = authority_of(url);
  const HostPort own = split(authority);
  const bool local = own.host == "localhost" || own.host == "127.0.0.1" || own.host == "[::1]";
  const HostPort outside = split(authority_of(external_url));
  if (!local || own.port.empty() || outside.host.empty()) return url;
  const auto at = static_cast<std::size_t>(authority.data() - url.data());
  std::string global = url;
  return global.replace(at, authority.size(), std::string(outside.host) + ":" + std::string(own.port));
}

}  // namespace narthex::scrape
