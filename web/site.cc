#include "web/site.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <utility>

#include "net/http.h"
#include "sync/mutex.h"
#include "web/api/build_info.h"
#include "web/api/json_writer.h"
#include "web/assets.h"

namespace narthex::web {

namespace {

constexpr std::string_view kApi = "/api/v1";
constexpr std::array<std::string_view, 3> kPages = {"/query", "/alerts", "/targets"};

Response redirect(std::string to) {
  return {302,
          {{"Location", to}, {"Content-Type", "text/html; charset=utf-8"}},
          "<a href=\"" + to + "\">Found</a>.\n\n",
          {}};
}

Response not_found() {
  return Response::text(404, "404 page not found\n");
}

Response not_allowed(std::string methods) {
  Response response = Response::text(405, "Method Not Allowed\n");
  response.headers.emplace_back("Allow", std::move(methods));
  return response;
}

bool is_get(const Request& request) {
  return request.method == "GET";
}
bool is_get_or_head(const Request& request) {
  return is_get(request) || request.method == "HEAD";
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// Bounded label for request metrics: paths with names in them share one.
std::string handler_label(std::string_view path) {
  if (path.starts_with("/api/v1/label/")) return "/api/v1/label/:name/values";
  if (path.starts_with("/api/v1/status/queries/")) return "/api/v1/status/queries/:id/cancel";
  if (path.starts_with("/assets/")) return "/assets/*filepath";
  return std::string(path);
}

}  // namespace

struct Site::Impl {
  Impl(SiteOptions o, SiteActions a, std::function<const Api*()> api_source, prometheus::Registry& registry)
      : options(std::move(o)),
        actions(std::move(a)),
        api(std::move(api_source)),
        requests(prometheus::BuildCounter()
                     .Name("prometheus_http_requests_total")
                     .Help("Counter of HTTP requests.")
                     .Register(registry)),
        durations(prometheus::BuildHistogram()
                      .Name("prometheus_http_request_duration_seconds")
                      .Help("Histogram of latencies for HTTP requests.")
                      .Register(registry)) {
    while (options.route_prefix.ends_with('/')) options.route_prefix.pop_back();
    index = make_index();
  }

  SiteOptions options;
  SiteActions actions;
  std::function<const Api*()> api;
  prometheus::Family<prometheus::Counter>& requests;
  prometheus::Family<prometheus::Histogram>& durations;
  std::string index;

  struct Counters {
    prometheus::Counter* requests = nullptr;
    prometheus::Histogram* durations = nullptr;
  };
  mutable sync::Mutex mutex;
  /// By handler and status; a family is asked once for each.
  mutable std::map<std::pair<std::string, int>, Counters> known NARTHEX_GUARDED_BY(mutex);

  [[nodiscard]] std::string make_index() const;
  [[nodiscard]] Response route(const Request& request, std::string_view path) const;
  [[nodiscard]] Response lifecycle(const Request& request, std::string_view path) const;
  [[nodiscard]] Response ready(const Request& request) const;
  [[nodiscard]] Response asset(std::string_view path) const;
  [[nodiscard]] Response api_call(const Request& request, std::string_view path) const;
  /// What holds for every answer.
  void finish(const Request& request, std::string_view path, std::chrono::steady_clock::time_point began,
              Response& response) const;
  void set_cors(const Request& request, Response& response) const;
  void count(std::string_view path, int status, double seconds) const;
  [[nodiscard]] Counters counters_of(std::string handler, int status) const;
  /// Empty: the path does not begin with the prefix.
  [[nodiscard]] std::string_view behind_prefix(std::string_view path) const {
    return path.starts_with(options.route_prefix) ? path.substr(options.route_prefix.size())
                                                  : std::string_view();
  }
};

std::string Site::Impl::make_index() const {
  const auto page = find_asset("index.html");
  if (!page) return "<!doctype html><p>This binary was built without the browser app.</p>\n";
  std::string html(page->content);
  replace_all(html, "__NARTHEX_BASE__", html_escaped(options.route_prefix + "/"));
  replace_all(html, "__NARTHEX_TITLE__", html_escaped(options.page_title));
  return html;
}

Response Site::Impl::ready(const Request& request) const {
  if (!is_get_or_head(request)) return not_allowed("GET, HEAD, OPTIONS");
  return Response::text(200, "Prometheus Server is Ready.\n");
}

Response Site::Impl::lifecycle(const Request& request, std::string_view path) const {
  if (request.method != "POST" && request.method != "PUT") {
    Response refused = Response::text(405, "Only POST or PUT requests allowed");
    refused.headers.emplace_back("Allow", "POST, PUT, OPTIONS");
    return refused;
  }
  if (!options.lifecycle) return Response::text(403, "Lifecycle API is not enabled.");
  if (path == "/-/quit") {
    actions.quit();
    return Response::text(200, "Requesting termination... Goodbye!");
  }
  if (auto reloaded = actions.reload(); !reloaded) {
    return Response::text(500, "failed to reload config: " + reloaded.error().text + "\n");
  }
  return Response::text(200, "");
}

Response Site::Impl::asset(std::string_view path) const {
  const auto found = find_asset(path.substr(1));
  if (!found) return not_found();
  Response response;
  response.headers = {{"Content-Type", std::string(found->content_type)}, {"Cache-Control", "no-cache"}};
  if (found->gzipped) response.headers.emplace_back("Content-Encoding", "gzip");
  response.body = found->content;
  return response;
}

Response Site::Impl::api_call(const Request& request, std::string_view path) const {
  const Api* ready_api = api();
  if (!ready_api) {
    Response response = Response::text(503, "Service Unavailable");
    response.headers.emplace_back("X-Prometheus-Stopping",
                                  actions.readiness() == Readiness::stopping ? "true" : "false");
    return response;
  }
  return ready_api->handle(request, path);
}

Response Site::Impl::route(const Request& request, std::string_view path) const {
  if (path == "/-/healthy") {
    return is_get_or_head(request) ? Response::text(200, "Prometheus Server is Healthy.\n")
                                   : not_allowed("GET, HEAD, OPTIONS");
  }
  if (path == "/-/reload" || path == "/-/quit") return lifecycle(request, path);
  if (path == "/metrics") {
    if (!is_get(request)) return not_allowed("GET, OPTIONS");
    return {200, {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}}, actions.metrics_text(), {}};
  }
  if (path == "/-/ready" || path.starts_with("/api/v1/")) {
    const Readiness state = actions.readiness();
    if (state != Readiness::ready) {
      Response response = Response::text(503, "Service Unavailable");
      response.headers.emplace_back("X-Prometheus-Stopping", state == Readiness::stopping ? "true" : "false");
      return response;
    }
    return path == "/-/ready" ? ready(request) : api_call(request, path.substr(kApi.size()));
  }
  const bool is_page = std::ranges::find(kPages, path) != kPages.end();
  const bool is_known = is_page || path == "/" || path == "/graph" || path == "/version" ||
                        path.starts_with("/assets/") || path.starts_with("/favicon.");
  if (!is_known) return not_found();
  if (!is_get(request)) return not_allowed("GET, OPTIONS");
  if (path == "/") return redirect(options.route_prefix + "/query");
  if (path == "/graph") {
    return redirect(options.route_prefix + "/query" + (request.query.empty() ? "" : "?" + request.query));
  }
  if (path == "/version") {
    std::string body;
    JsonWriter(body)
        .begin_object()
        .key("version")
        .string(kVersion)
        .key("revision")
        .string(kRevision)
        .end_object();
    return {200, {{"Content-Type", "application/json"}}, std::move(body), {}};
  }
  if (is_page) return {200, {{"Content-Type", "text/html; charset=utf-8"}}, index, {}};
  return asset(path == "/favicon.ico" ? "/favicon.svg" : path);
}

void Site::Impl::set_cors(const Request& request, Response& response) const {
  response.headers.emplace_back("Vary", "Origin");
  const auto origin = net::find_header(request.headers, "Origin");
  if (!origin || origin->empty()) return;
  response.headers.emplace_back("Access-Control-Allow-Headers",
                                "Accept, Authorization, Content-Type, Origin");
  response.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
  response.headers.emplace_back("Access-Control-Expose-Headers", "Date");
  if (options.cors_origin.matches(*origin)) {
    response.headers.emplace_back("Access-Control-Allow-Origin", std::string(*origin));
  }
}

void Site::Impl::finish(const Request& request, std::string_view path,
                        std::chrono::steady_clock::time_point began, Response& response) const {
  set_cors(request, response);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  count(path, response.status, took.count());
}

void Site::Impl::count(std::string_view path, int status, double seconds) const {
  // Paths that lead nowhere come from outside in any number: they are not counted by name.
  if (status == 404) return;
  const Counters counters = counters_of(handler_label(path), status);
  counters.requests->Increment();
  counters.durations->Observe(seconds);
}

Site::Impl::Counters Site::Impl::counters_of(std::string handler, int status) const {
  const sync::MutexLock lock(mutex);
  auto [at, is_new] = known.try_emplace({std::move(handler), status});
  if (is_new) {
    const std::string& name = at->first.first;
    at->second.requests = &requests.Add({{"handler", name}, {"code", std::to_string(status)}});
    at->second.durations = &durations.Add(
        {{"handler", name}}, prometheus::Histogram::BucketBoundaries{.1, .2, .4, 1, 3, 8, 20, 60, 120});
  }
  return at->second;
}

Site::Site(SiteOptions options, SiteActions actions, std::function<const Api*()> api,
           prometheus::Registry& registry)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(actions), std::move(api), registry)) {}
Site::~Site() = default;

std::optional<Response> Site::handle_at_once(const Request& request) const {
  const auto began = std::chrono::steady_clock::now();
  const std::string_view path = impl_->behind_prefix(request.path);
  if (path == "/-/healthy" || path == "/-/ready") return handle(request);
  if (!is_query(request) || impl_->actions.readiness() != Readiness::ready) return std::nullopt;
  const Api* api = impl_->api();
  if (!api) return std::nullopt;
  auto response = api->handle_if_small(request, path.substr(kApi.size()));
  if (response) impl_->finish(request, path, began, *response);
  return response;
}

bool Site::is_query(const Request& request) const {
  const std::string_view path = impl_->behind_prefix(request.path);
  return path == "/api/v1/query" || path == "/api/v1/query_range";
}

Response Site::handle(const Request& request) const {
  const auto began = std::chrono::steady_clock::now();
  const std::string& prefix = impl_->options.route_prefix;
  const std::string_view whole = request.path;
  if (whole == "/" && !prefix.empty()) return redirect(prefix + "/");
  if (!whole.starts_with(prefix)) return not_found();
  std::string_view path = whole.substr(prefix.size());
  if (path.empty()) path = "/";

  Response response;
  if (request.method == "OPTIONS") {
    response.status = 204;
  } else {
    response = impl_->route(request, path);
  }
  impl_->finish(request, path, began, response);
  return response;
}

}  // namespace narthex::web
