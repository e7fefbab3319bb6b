#include "net/url.h"

#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>
#include <boost/url/url_view.hpp>

#include "model/labels.h"

namespace narthex::net {

namespace urls = boost::urls;

namespace {

std::string escape_stray_bytes(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  constexpr std::string_view kStray = " \"<>\\^`{|}";
  const std::size_t scheme = text.find("://");
  const std::size_t path = scheme == std::string_view::npos ? 0 : text.find_first_of("/?#", scheme + 3);
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    const bool bracket = i >= path && (c == '[' || c == ']');  // these belong to IPv6 hosts only
    if (byte > 0x20 && byte < 0x7f && !bracket && kStray.find(c) == std::string_view::npos) {
      out += c;
      continue;
    }
    out += '%';
    out += kHex[byte >> 4U];
    out += kHex[byte & 15U];
  }
  return out;
}

std::unexpected<Error> bad(std::string_view text, std::string_view why) {
  return fail(Code::invalid, "parse " + quote(text) + ": " + std::string(why));
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  const std::string clean = escape_stray_bytes(text);
  const auto parsed = urls::parse_uri(clean);
  if (!parsed) return bad(text, parsed.error().message());
  const urls::url_view& view = *parsed;
  Url url;
  url.scheme = view.scheme();
  if (url.scheme != "http" && url.scheme != "https")
    return bad(text, "unsupported protocol scheme " + quote(url.scheme));
  url.host = view.host_address();
  if (url.host.empty()) return bad(text, "no Host in request URL");
  // Boost 1.81 takes `http://a:x/` for port "" and path "x/".
  if (!view.encoded_path().empty() && view.encoded_path().front() != '/')
    return bad(text, "invalid port after host");
  url.port = view.port();
  if (url.port.empty()) url.port = url.is_tls() ? "443" : "80";
  url.host_header = std::string(view.encoded_host());
  if (!view.port().empty()) url.host_header += ":" + std::string(view.port());
  url.target = view.encoded_path().empty() ? "/" : std::string(view.encoded_path());
  if (view.has_query()) url.target += "?" + std::string(view.encoded_query());
  url.user = view.user();
  url.password = view.password();
  urls::url shown(view);
  if (view.has_password()) shown.set_password("xxxxx");
  url.shown = std::string(shown.buffer());
  return url;
}

Result<std::string> resolve_url(std::string_view base, std::string_view reference) {
  const std::string clean_base = escape_stray_bytes(base);
  const std::string clean_reference = escape_stray_bytes(reference);
  const auto from = urls::parse_uri(clean_base);
  if (!from) return bad(base, from.error().message());
  const auto to = urls::parse_uri_reference(clean_reference);
  if (!to) return bad(reference, to.error().message());
  urls::url whole;
  const auto resolved = urls::resolve(*from, *to, whole);
  if (!resolved) return bad(reference, resolved.error().message());
  return std::string(whole.buffer());
}

}  // namespace narthex::net
