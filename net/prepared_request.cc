#include "net/prepared_request.h"

#include <cctype>
#include <utility>

#include "net/http.h"

namespace narthex::net {

namespace {

Result<std::string> compose_head(const PreparedRequest& prepared, const config::HttpConfig& config) {
  const Request& request = prepared.request;
  constexpr std::size_t kUsualBytes = 512;
  std::string head;
  head.reserve(kUsualBytes);
  head.append(request.method).append(" ").append(prepared.url.target);
  head.append(" HTTP/1.1\r\nHost: ").append(prepared.url.host_header).append("\r\n");
  const auto add = [&](std::string_view name, std::string_view value) {
    head.append(name).append(": ").append(value).append("\r\n");
  };
  for (const auto& [name, value] : request.headers) {
    if (has_line_break(name) || has_line_break(value))
      return fail(Code::invalid, "net/http: invalid header field value for \"" + name + "\"");
    add(name, value);
  }
  if (!find_header(request.headers, "Accept-Encoding"))
    add("Accept-Encoding", request.accept_gzip ? "gzip" : "identity");
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT")
    add("Content-Length", std::to_string(request.body.size()));
  if (prepared.trusted) {
    for (const auto& [name, values] : config.headers)
      for (const auto& value : values) add(name, value);
  }
  return head;
}

Result<std::shared_ptr<const PreparedRequest>> prepare(Request request, Url url,
                                                       const config::HttpConfig& config, bool trusted) {
  auto prepared = std::make_shared<PreparedRequest>();
  prepared->request = std::move(request);
  prepared->url = std::move(url);
  prepared->origin = prepared->url.origin();
  prepared->trusted = trusted;
  auto head = compose_head(*prepared, config);
  if (!head) return pass(head, prepared->shown());
  prepared->head = std::move(*head);
  return prepared;
}

}  // namespace

std::string PreparedRequest::shown() const {
  std::string name = request.method;
  for (std::size_t i = 1; i < name.size(); ++i)
    name[i] = static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
  return name + " \"" + url.shown + "\"";
}

Result<std::shared_ptr<const PreparedRequest>> PreparedRequest::make(Request request,
                                                                     const config::HttpConfig& config) {
  auto url = parse_url(request.url);
  if (!url) return pass(url);
  return prepare(std::move(request), std::move(*url), config, true);
}

Result<std::shared_ptr<const PreparedRequest>> PreparedRequest::make_redirected(
    Request next, const config::HttpConfig& config, const std::string& first_host) {
  auto url = parse_url(next.url);
  if (!url) return pass(url);
  const bool trusted = url->host == first_host;
  return prepare(std::move(next), std::move(*url), config, trusted);
}

bool has_line_break(std::string_view text) {
  return text.find_first_of("\r\n") != std::string_view::npos;
}

}  // namespace narthex::net
