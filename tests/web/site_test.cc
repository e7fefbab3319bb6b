#include "web/site.h"

#include <doctest/doctest.h>
#include <prometheus/registry.h>

using namespace narthex;
using namespace narthex::web;

namespace {

struct Fixture {
  Readiness readiness = Readiness::ready;
  int reloads = 0;
  Result<void> reload_outcome;
  prometheus::Registry registry;

  Site make(std::string prefix = "/", bool lifecycle = true, std::string origin = ".*") {
    SiteOptions options{
        .route_prefix = std::move(prefix), .cors_origin = *Regex::compile(origin), .lifecycle = lifecycle};
    SiteActions actions{.readiness = [this] { return readiness; },
                        .reload =
                            [this] {
                              ++reloads;
                              return reload_outcome;
                            },
                        .quit = [] {},
                        .metrics_text = [] { return std::string("m 1\n"); }};
    return {std::move(options), std::move(actions), [] { return nullptr; }, registry};
  }
};

Request request_for(std::string method, std::string path) {
  Request request;
  request.method = std::move(method);
  request.path = std::move(path);
  return request;
}

std::string header(const Response& response, std::string_view name) {
  const auto found = net::find_header(response.headers, name);
  return found ? std::string(*found) : "";
}

}  // namespace

TEST_CASE("site: each route takes its methods and refuses others with Allow") {
  Fixture fixture;
  const Site site = fixture.make();
  const struct {
    std::string method, path;
    int status;
    std::string allow;
  } rows[] = {
      {"GET", "/-/healthy", 200, ""},
      {"HEAD", "/-/ready", 200, ""},
      {"POST", "/-/healthy", 405, "GET, HEAD, OPTIONS"},
      {"GET", "/-/reload", 405, "POST, PUT, OPTIONS"},
      {"PUT", "/-/reload", 200, ""},
      {"GET", "/metrics", 200, ""},
      {"GET", "/", 302, ""},
      {"GET", "/graph", 302, ""},
      {"GET", "/query", 200, ""},
      {"POST", "/query", 405, "GET, OPTIONS"},
      {"GET", "/nowhere", 404, ""},
      {"OPTIONS", "/nowhere", 204, ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.method);
    CAPTURE(row.path);
    const Response response = site.handle(request_for(row.method, row.path));
    CHECK(response.status == row.status);
    CHECK(header(response, "Allow") == row.allow);
  }
  CHECK(fixture.reloads == 1);
}

TEST_CASE("site: a route prefix stands before every route") {
  Fixture fixture;
  const Site site = fixture.make("/mon/");
  CHECK(site.handle(request_for("GET", "/mon/-/healthy")).status == 200);
  CHECK(site.handle(request_for("GET", "/-/healthy")).status == 404);
  CHECK(header(site.handle(request_for("GET", "/")), "Location") == "/mon/");
  Request graph = request_for("GET", "/mon/graph");
  graph.query = "g0.expr=up";
  CHECK(header(site.handle(graph), "Location") == "/mon/query?g0.expr=up");
}

TEST_CASE("site: before it is ready and while it stops, the API says so") {
  Fixture fixture;
  const Site site = fixture.make();
  fixture.readiness = Readiness::starting;
  Response response = site.handle(request_for("GET", "/api/v1/query"));
  CHECK(response.status == 503);
  CHECK(header(response, "X-Prometheus-Stopping") == "false");
  fixture.readiness = Readiness::stopping;
  response = site.handle(request_for("HEAD", "/-/ready"));
  CHECK(response.status == 503);
  CHECK(header(response, "X-Prometheus-Stopping") == "true");
  CHECK(site.handle(request_for("GET", "/-/healthy")).status == 200);
  CHECK(site.handle(request_for("GET", "/metrics")).body == "m 1\n");
}

TEST_CASE("site: lifecycle calls need the flag, and a failed reload says why") {
  Fixture fixture;
  CHECK(fixture.make("/", false).handle(request_for("POST", "/-/reload")).status == 403);
  fixture.reload_outcome = fail(Code::invalid, "prometheus.yml:3:1: oh no");
  const Response response = fixture.make().handle(request_for("POST", "/-/reload"));
  CHECK(response.status == 500);
  CHECK(response.body == "failed to reload config: prometheus.yml:3:1: oh no\n");
}

TEST_CASE("site: CORS headers come with an Origin only") {
  Fixture fixture;
  const Site any = fixture.make();
  CHECK(header(any.handle(request_for("GET", "/metrics")), "Access-Control-Allow-Origin").empty());
  Request asked = request_for("GET", "/metrics");
  asked.headers = {{"Origin", "https://a.example"}};
  CHECK(header(any.handle(asked), "Access-Control-Allow-Origin") == "https://a.example");
  const Site some = fixture.make("/", true, "https://(a|b)\\.example");
  CHECK(header(some.handle(asked), "Access-Control-Allow-Origin") == "https://a.example");
  asked.headers = {{"Origin", "https://c.example"}};
  CHECK(header(some.handle(asked), "Access-Control-Allow-Origin").empty());
}

TEST_CASE("site: health and readiness are told at once, behind the prefix; queries are known as such") {
  Fixture fixture;
  const Site site = fixture.make("/prom");
  const struct {
    std::string path;
    bool at_once;
    bool is_query;
  } rows[] = {
      {"/prom/-/healthy", true, false},      {"/prom/-/ready", true, false},
      {"/-/healthy", false, false},          {"/prom/metrics", false, false},
      {"/prom/api/v1/query", false, true},   {"/prom/api/v1/query_range", false, true},
      {"/prom/api/v1/labels", false, false}, {"/prom/api/v1/status/queries", false, false},
      {"/api/v1/query", false, false},       {"/", false, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.path);
    const Request request = request_for("GET", row.path);
    const auto quick = site.handle_at_once(request);
    CHECK(quick.has_value() == row.at_once);
    if (quick) CHECK(quick->status == 200);
    CHECK(site.is_query(request) == row.is_query);
  }
  fixture.readiness = Readiness::starting;
  CHECK(site.handle_at_once(request_for("GET", "/prom/-/ready"))->status == 503);
  CHECK(site.handle_at_once(request_for("POST", "/prom/-/healthy"))->status == 405);
}
