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
#include "net/prepared_request.h"
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

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// The request that an answer with `status` and `location` to `before` asks for. Errors: invalid.
Result<Request> after_redirect(const PreparedRequest& before, int status, std::string_view location) {
  auto url = resolve_url(before.request.url, location);
  if (!url) return pass(url, before.shown() + ": failed to parse Location header");
  Request next = before.request;
  next.url = std::move(*url);
  const bool keeps_method = status == 307 || status == 308 || next.method == "HEAD";
  if (!keeps_method && next.method != "GET") {
    next.method = "GET";
    next.body.clear();
    std::erase_if(next.headers, [](const auto& h) { return h.first.starts_with("Content-"); });
  }
  return next;
}

}  // namespace

struct HttpClient::Impl {
  Impl(boost::asio::any_io_executor on, config::HttpConfig with, io::FileSystem& files)
      : executor(std::move(on)), config(std::move(with)), fs(files), tls(config.tls, files) {}

  /// One hop: connects or takes an idle connection, sends, receives.
  Awaitable<Result<Response>> round_trip(const PreparedRequest& request, Stream::Deadline deadline,
                                         const Awaited& awaited);
  Awaitable<Result<std::unique_ptr<Stream>>> connect(const Url& url, Stream::Deadline deadline);
  Result<std::string> complete_head(const PreparedRequest& request) const;
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

Result<std::shared_ptr<const PreparedRequest>> HttpClient::prepare(Request request) const {
  return PreparedRequest::make(std::move(request), impl_->config);
}

Awaitable<Result<Response>> HttpClient::send(Request request, Awaited awaited) {
  auto prepared = prepare(std::move(request));
  if (!prepared) co_return pass(prepared);
  co_return co_await send(std::move(*prepared), std::move(awaited));
}

Awaitable<Result<Response>> HttpClient::send(std::shared_ptr<const PreparedRequest> request,
                                             Awaited awaited) {
  const auto impl = impl_;  // this client may go away while we wait
  const auto deadline = std::chrono::steady_clock::now() + request->request.timeout;
  const std::shared_ptr<const PreparedRequest> first = request;
  for (int hop = 0;; ++hop) {
    auto response = co_await impl->round_trip(*request, deadline, awaited);
    if (!response || !impl->config.follow_redirects || !is_redirect(response->status)) co_return response;
    const auto location = find_header(response->headers, "Location");
    if (!location) co_return response;
    if (hop == kMaxRedirects) {
      PreparedRequest last = *request;
      last.url.shown = *location;  // Go shows where it would go next, as it was told
      co_return fail(Code::invalid, last.shown() + ": stopped after 10 redirects");
    }
    auto next = after_redirect(*request, response->status, *location);
    if (!next) co_return pass(next);
    auto prepared = PreparedRequest::make_redirected(std::move(*next), impl->config, first->url.host);
    if (!prepared) co_return pass(prepared);
    request = std::move(*prepared);
  }
}

Awaitable<Result<Response>> HttpClient::Impl::round_trip(const PreparedRequest& prepared,
                                                         Stream::Deadline deadline, const Awaited& awaited) {
  const Request& request = prepared.request;
  auto head = complete_head(prepared);
  if (!head) co_return pass(head, prepared.shown());
  const std::uint64_t max_body = request.max_body_bytes == 0 ? kDefaultMaxBody : request.max_body_bytes;
  const Exchange out{*head, request.body, request.method == "HEAD", max_body + kGzipSlack,
                     awaited.usual_bytes};

  const boost::asio::any_io_executor strand = co_await boost::asio::this_coro::executor;
  const bool repeatable = request.method == "GET" || request.method == "HEAD";
  std::unique_ptr<Stream> stream = pool.take(prepared.origin);
  bool reused = stream != nullptr;
  for (;;) {
    if (!stream) {
      auto fresh = co_await connect(prepared.url, deadline);
      if (!fresh) co_return pass(fresh, prepared.shown());
      stream = std::move(*fresh);
    }
    stream->attach(strand);
    stream->expires_at(deadline);
    auto answer = co_await exchange(*stream, out, awaited.memory);
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
      co_return std::unexpected(std::move(failed.error).during(prepared.shown()));
    }
    if (answer->keep_alive) {
      stream->expires_never();
      pool.give(prepared.origin, std::move(stream));
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

Result<std::string> HttpClient::Impl::complete_head(const PreparedRequest& request) const {
  constexpr std::string_view kName = "Authorization: ";
  constexpr std::string_view kEnd = "\r\n";
  std::string credentials;
  if (request.trusted) {
    auto found = authorization(request.url);
    if (!found) return pass(found);
    if (has_line_break(*found))
      return fail(Code::invalid, "net/http: invalid header field value for \"Authorization\"");
    if (!find_header(request.request.headers, "Authorization")) credentials = std::move(*found);
  }
  std::string head;
  head.reserve(request.head.size() + kName.size() + credentials.size() + 2 * kEnd.size());
  head += request.head;
  if (!credentials.empty()) head.append(kName).append(credentials).append(kEnd);
  head += kEnd;
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
