#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>

#include "apps/narthex/runtime_facts.h"
#include "apps/narthex/server_process.h"

namespace narthex::apps {

namespace {

void drop_slashes(std::string& text) {
  while (text.ends_with('/')) text.pop_back();
}

}  // namespace

Result<std::string> effective_external_url(const std::string& external_url,
                                           const std::string& listen_address) {
  std::string url = external_url;
  if (url.starts_with('"') || url.starts_with('\'') || url.ends_with('"') || url.ends_with('\'')) {
    return fail(Code::invalid, "flag --web.external-url: URL must not begin or end with quotes");
  }
  if (url.empty()) {
    const std::size_t colon = listen_address.rfind(':');
    if (colon == std::string::npos) {
      return fail(Code::invalid, "flag --web.listen-address: \"" + listen_address + "\" has no port");
    }
    url = "http://" + host_name() + listen_address.substr(colon) + "/";
  }
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed)
    return fail(Code::invalid,
                "flag --web.external-url: \"" + url + "\" is not a URL: " + parsed.error().message());
  drop_slashes(url);
  return url;
}

std::string effective_route_prefix(const std::string& route_prefix, const std::string& external_url) {
  std::string prefix = route_prefix;
  if (prefix.empty()) {
    const auto parsed = boost::urls::parse_uri(external_url);
    if (parsed) prefix = parsed->path();
  }
  drop_slashes(prefix);
  while (prefix.starts_with('/')) prefix.erase(0, 1);
  return "/" + prefix;
}

}  // namespace narthex::apps
