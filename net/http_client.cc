#include "net/http_client.h"

#include <openssl/evp.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <cctype>
#include <utility>

#include "io/file_system.h"
#include "net/connection_pool.h"
#include "net/dial.h"
#include "net/gzip.h"
#include "net/http_exchange.h"
#include "net/tls_client.h"
#include "net/url.h"

namespace narthex::net {

namespace {

constexpr std::uint64_t kDefaultMaxBody = 256U << 20U;
/// What gzip may add to data that does not shrink, generously.
constexpr std::uint64_t kGzipSlack = 64 * 1024;
constexpr int kMaxRedirects = 10;

std::string base64(std::string_view text) {
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string trim(std::string text) {
  const auto is_space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  text.erase(std::find_if_not(text.rbegin(), text.rend(), is_space).base(), text.end());
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), is_space));
  return text;
}

// As Go prefixes the errors of a request: `Get "http://a/b": `.
std::string go_prefix(const std::string& method, const Url& url) {
  std::string name = method;
  for (std::size_t i = 1; i < name.size(); ++i)
    name[i] = static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
  return name + " \"" + url.shown + "\"";
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// A header value with a line break would end the header and begin what its author likes.
bool has_line_break(std::string_view text) {
  return text.find_first_of("\r\n") != std::string_view::npos;
}

}  // namespace

struct HttpClient::Impl {
  Impl(boost::asio::any_io_executor on, config::HttpConfig with, io::FileSystem& files)
      : executor(std::move(on)), config(std::move(with)), fs(files), tls(config.tls, files) {}

  /// One hop: connects or takes an idle connection, sends, receives.
  Awaitable<Result<Response>> round_trip(const Request& request, const Url& url, bool trusted,
                                         Stream::Deadline deadline, const BodyMemory& memory);
  Awaitable<Result<std::unique_ptr<Stream>>> connect(const Url& url, Stream::Deadline deadline);
  Result<std::string> compose_head(const Request& request, const Url& url, bool trusted) const;
  Result<std::string> authorization(const Url& url) const;
  Result<std::string> secret(const std::string& text, const std::string& path, std::string_view what) const;

  boost::asio::any_io_executor executor;
  const config::HttpConfig config;
  io::FileSystem& fs;
  TlsClient tls;
  ConnectionPool pool;
};

HttpClient::HttpClient(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::~HttpClient() = default;

Result<std::shared_ptr<HttpClient>> HttpClient::make(boost::asio::any_io_executor executor,
                                                     config::HttpConfig config) {
  auto impl = std::make_shared<Impl>(std::move(executor), std::move(config), io::local_file_system());
  if (impl->tls.has_material()) {
    if (auto context = impl->tls.context(); !context) return pass(context);
  }
  return std::shared_ptr<HttpClient>(new HttpClient(std::move(impl)));
}

Awaitable<Result<Response>> HttpClient::send(Request request, BodyMemory memory) {
  const auto impl = impl_;  // this client may go away while we wait
  const auto deadline = std::chrono::steady_clock::now() + request.timeout;
  auto url = parse_url(request.url);
  if (!url) co_return pass(url);
  const std::string first_host = url->host;
  for (int hop = 0;; ++hop) {
    // Credentials stay with the host that they were meant for.
    const bool trusted = url->host == first_host;
    auto response = co_await impl->round_trip(request, *url, trusted, deadline, memory);
    if (!response || !impl->config.follow_redirects || !is_redirect(response->status)) co_return response;
    const auto location = find_header(response->headers, "Location");
    if (!location) co_return response;
    if (hop == kMaxRedirects) {
      url->shown = *location;  // Go shows where it would go next, as it was told
      co_return fail(Code::invalid, go_prefix(request.method, *url) + ": stopped after 10 redirects");
    }
    auto next = resolve_url(request.url, *location);
    if (!next) co_return pass(next, go_prefix(request.method, *url) + ": failed to parse Location header");
    request.url = std::move(*next);
    url = parse_url(request.url);
    if (!url) co_return pass(url);
    const bool keeps_method = response->status == 307 || response->status == 308 || request.method == "HEAD";
    if (!keeps_method && request.method != "GET") {
      request.method = "GET";
      request.body.clear();
      std::erase_if(request.headers, [](const auto& h) { return h.first.starts_with("Content-"); });
    }
  }
}

Awaitable<Result<Response>> HttpClient::Impl::round_trip(const Request& request, const Url& url, bool trusted,
                                                         Stream::Deadline deadline,
                                                         const BodyMemory& memory) {
  const auto head = compose_head(request, url, trusted);
  if (!head) co_return std::unexpected(head.error().during(go_prefix(request.method, url)));
  const std::uint64_t max_body = request.max_body_bytes == 0 ? kDefaultMaxBody : request.max_body_bytes;
  const Exchange out{*head, request.body, request.method == "HEAD", max_body + kGzipSlack,
                     request.usual_bytes};

  const boost::asio::any_io_executor strand = co_await boost::asio::this_coro::executor;
  const bool repeatable = request.method == "GET" || request.method == "HEAD";
  const std::string origin = url.origin();
  std::unique_ptr<Stream> stream = pool.take(origin);
  bool reused = stream != nullptr;
  for (;;) {
    if (!stream) {
      auto fresh = co_await connect(url, deadline);
      if (!fresh) co_return pass(fresh, go_prefix(request.method, url));
      stream = std::move(*fresh);
    }
    stream->attach(strand);
    stream->expires_at(deadline);
    auto answer = co_await exchange(*stream, out, memory);
    if (!answer) {
      ExchangeError failed = std::move(answer).error();
      stream.reset();
      // The peer may have closed an idle connection just as we wrote: a fresh one tells.
      if (reused && repeatable && !failed.answered && failed.error.code == Code::io) {
        reused = false;
        continue;
      }
      if (failed.in_body || failed.error.code == Code::limit)
        co_return std::unexpected(std::move(failed.error));
      co_return std::unexpected(std::move(failed.error).during(go_prefix(request.method, url)));
    }
    if (answer->keep_alive) {
      stream->expires_never();
      pool.give(origin, std::move(stream));
    }
    Response response = std::move(answer->response);
    const bool gzipped = find_header(response.headers, "Content-Encoding") == "gzip" && !out.head_only;
    if (gzipped && !request.inflate) co_return response;
    if (gzipped) {
      auto inflated = gunzip(response.body, max_body);
      if (!inflated) co_return pass(inflated);
      response.body = std::move(*inflated);
    }
    if (response.body.size() > max_body) co_return fail(Code::limit, "body size limit exceeded");
    co_return response;
  }
}

Awaitable<Result<std::unique_ptr<Stream>>> HttpClient::Impl::connect(const Url& url,
                                                                     Stream::Deadline deadline) {
  auto dialed = co_await dial(executor, url.host, url.port, deadline);
  if (!dialed || !url.is_tls()) co_return dialed;
  auto context = tls.context();
  if (!context) co_return pass(context);
  Stream& stream = **dialed;
  stream.expires_at(deadline);
  TlsPeer peer{config.tls.server_name.empty() ? url.host : config.tls.server_name,
               !config.tls.insecure_skip_verify};
  auto shaken = co_await stream.handshake_as_client(*context, std::move(peer));
  if (!shaken) co_return pass(shaken);
  co_return dialed;
}

Result<std::string> HttpClient::Impl::compose_head(const Request& request, const Url& url,
                                                   bool trusted) const {
  constexpr std::size_t kUsualBytes = 512;
  std::string head;
  head.reserve(kUsualBytes);
  head.append(request.method).append(" ").append(url.target);
  head.append(" HTTP/1.1\r\nHost: ").append(url.host_header).append("\r\n");
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
  if (trusted) {
    for (const auto& [name, values] : config.headers)
      for (const auto& value : values) add(name, value);
    auto credentials = authorization(url);
    if (!credentials) return pass(credentials);
    if (has_line_break(*credentials))
      return fail(Code::invalid, "net/http: invalid header field value for \"Authorization\"");
    if (!credentials->empty() && !find_header(request.headers, "Authorization"))
      add("Authorization", *credentials);
  }
  head += "\r\n";
  return head;
}

Result<std::string> HttpClient::Impl::authorization(const Url& url) const {
  if (config.basic_auth) {
    const config::BasicAuth& basic = *config.basic_auth;
    auto user = secret(basic.username, basic.username_file, "basic auth username");
    if (!user) return pass(user);
    auto password = secret(basic.password.text, basic.password_file, "basic auth password");
    if (!password) return pass(password);
    return "Basic " + base64(*user + ":" + *password);
  }
  if (config.authorization) {
    const config::Authorization& given = *config.authorization;
    auto credentials = secret(given.credentials.text, given.credentials_file, "authorization credentials");
    if (!credentials) return pass(credentials);
    return given.type + " " + *credentials;
  }
  if (!url.user.empty() || !url.password.empty()) return "Basic " + base64(url.user + ":" + url.password);
  return std::string();
}

// Files are read for each request: a rotated password needs no reload.
Result<std::string> HttpClient::Impl::secret(const std::string& text, const std::string& path,
                                             std::string_view what) const {
  if (path.empty()) return text;
  auto read = fs.read_file(path);
  if (!read) return pass(read, "unable to read " + std::string(what) + " " + path);
  return trim(std::move(*read));
}

}  // namespace narthex::net
