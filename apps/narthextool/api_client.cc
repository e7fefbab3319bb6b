#include "apps/narthextool/api_client.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>
#include <optional>

#include "net/http_client.h"

namespace narthex::apps {

namespace json = boost::json;

namespace {

constexpr auto kTimeout = std::chrono::minutes(2);

std::string encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (is_word || c == '-' || c == '_' || c == '.' || c == '~') {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += '%';
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    }
  }
  return out;
}

std::string form(const ApiParameters& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (!out.empty()) out += '&';
    out += encoded(name) + '=' + encoded(value);
  }
  return out;
}

std::string text_member(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(name);
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

std::unexpected<Error> refused(std::string_view type, std::string_view text, std::string_view detail = {}) {
  std::string whole = fmt::format("{}: {}", type, text);
  while (detail.ends_with('\n') || detail.ends_with(' ')) detail.remove_suffix(1);
  if (!detail.empty()) whole += fmt::format(" (detail: {})", detail);
  return fail(Code::execution, std::move(whole));
}

/// An answer with a status that does not promise JSON.
std::unexpected<Error> refused_by_status(const net::Response& response) {
  if (response.status / 100 == 4)
    return refused("client_error", fmt::format("client error: {}", response.status), response.body);
  if (response.status / 100 == 5)
    return refused("server_error", fmt::format("server error: {}", response.status), response.body);
  return refused("bad_response", fmt::format("bad response code {}", response.status), response.body);
}

Result<ApiAnswer> read(const net::Response& response) {
  const bool is_api_error = response.status == 400 || response.status == 422;
  if (response.status / 100 != 2 && !is_api_error) return refused_by_status(response);
  boost::system::error_code ec;
  json::value parsed = json::parse(response.body, ec);
  const json::object* envelope = ec ? nullptr : parsed.if_object();
  if (!envelope) return refused("bad_response", "readObjectStart: expect { or n", response.body);
  const bool success = text_member(*envelope, "status") == "success";
  if (is_api_error == success) return refused("bad_response", "inconsistent body for response code");
  if (!success) return refused(text_member(*envelope, "errorType"), text_member(*envelope, "error"));
  ApiAnswer answer;
  if (const json::value* warnings = envelope->if_contains("warnings"); warnings && warnings->is_array())
    for (const json::value& one : warnings->get_array())
      if (one.is_string()) answer.warnings.emplace_back(one.get_string());
  const json::value* data = envelope->if_contains("data");
  answer.data = std::make_shared<const json::value>(data ? *data : json::value());
  return answer;
}

}  // namespace

struct ApiClient::Impl {
  std::string base;  ///< to /api/v1, that included
  net::Headers headers;
  boost::asio::io_context io;
  std::shared_ptr<net::HttpClient> client;

  Result<net::Response> send(net::Request request) {
    request.headers.insert(request.headers.end(), headers.begin(), headers.end());
    request.timeout = kTimeout;
    std::optional<Result<net::Response>> outcome;
    boost::asio::co_spawn(io, client->send(std::move(request)),
                          [&](const std::exception_ptr& thrown, Result<net::Response> response) {
                            if (thrown) std::rethrow_exception(thrown);
                            outcome = std::move(response);
                          });
    io.restart();
    while (!outcome && io.run_one() > 0) {
    }
    if (!outcome) return fail(Code::internal, "the request did not end");
    return std::move(*outcome);
  }
};

ApiClient::ApiClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ApiClient::~ApiClient() = default;

Result<std::unique_ptr<ApiClient>> ApiClient::make(ApiTarget target) {
  auto impl = std::make_unique<Impl>();
  std::string url = std::move(target.url);
  if (url.find("://") == std::string::npos) url.insert(0, "http://");
  while (url.ends_with('/')) url.pop_back();
  impl->base = url + "/api/v1";
  for (auto& header : target.headers) impl->headers.push_back(std::move(header));
  auto client = net::HttpClient::make(impl->io.get_executor(), std::move(target.http));
  if (!client) return pass(client);
  impl->client = std::move(*client);
  return std::unique_ptr<ApiClient>(new ApiClient(std::move(impl)));
}

Result<ApiAnswer> ApiClient::get(std::string_view path, const ApiParameters& parameters) {
  net::Request request;
  request.url = fmt::format("{}{}?{}", impl_->base, path, form(parameters));
  auto response = impl_->send(std::move(request));
  if (!response) return pass(response);
  return read(*response);
}

Result<ApiAnswer> ApiClient::post(std::string_view path, const ApiParameters& parameters) {
  net::Request request;
  request.method = "POST";
  request.url = fmt::format("{}{}", impl_->base, path);
  request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  request.body = form(parameters);
  auto response = impl_->send(std::move(request));
  if (!response) return pass(response);
  if (response->status == 405 || response->status == 501) return get(path, parameters);
  return read(*response);
}

}  // namespace narthex::apps
