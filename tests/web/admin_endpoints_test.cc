// /admin/tsdb/*: what it takes, what it answers, what it does.
#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <memory>

#include "io/fault_file_system.h"
#include "model/label_pool.h"
#include "web/api/api.h"

using namespace narthex;
using namespace narthex::web;

namespace {

constexpr Timestamp kNow = 1'770'091'506'789;

/// An API over a database with ten samples, one a second up to now, of each of two series.
struct Fixture {
  io::FaultFileSystem fs;
  ManualClock clock{kNow};
  boost::asio::io_context io;
  sync::ThreadPool pool{1};
  std::unique_ptr<tsdb::Db> db;
  std::unique_ptr<query::Engine> engine;
  std::unique_ptr<scrape::ScrapeManager> scrape;
  std::unique_ptr<Api> api;

  explicit Fixture(bool enabled = true) {
    auto opened = tsdb::Db::open(fs, "/data", {.background_interval = 0}, clock, nullptr);
    REQUIRE(opened);
    db = *std::move(opened);
    auto appender = db->appender();
    for (const char* name : {"a", "b"}) {
      const auto ref = *appender->series(Labels{{"__name__", name}});
      for (int i = 9; i >= 0; --i) appender->append(ref, kNow - i * 1000, i);
    }
    REQUIRE(appender->commit());
    engine = std::make_unique<query::Engine>(query::EngineOptions{}, clock, nullptr);
    scrape = std::make_unique<scrape::ScrapeManager>(
        scrape::ScrapeThreads{io.get_executor(), {io.get_executor()}, pool}, db.get(), fs, clock,
        scrape::ScrapeOptions{}, nullptr);
    api = std::make_unique<Api>(ApiSources{.engine = *engine,
                                           .db = *db,
                                           .scrape = *scrape,
                                           .rule_groups = {},
                                           .alertmanagers = {},
                                           .config = {},
                                           .runtime = {},
                                           .flags = {},
                                           .admin_enabled = enabled,
                                           .clock = clock});
  }

  struct Said {
    int status;
    std::string body;
  };
  Said ask(const std::string& method, const std::string& path, std::string query = "",
           std::string form = "") {
    Request request;
    request.method = method;
    request.path = "/api/v1/admin/tsdb/" + path;
    request.query = std::move(query);
    if (!form.empty()) request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = std::move(form);
    Response response = api->handle(request, "/admin/tsdb/" + path);
    std::string body = response.body;
    if (response.pieces) {
      while (response.pieces(body)) {
      }
    }
    return {response.status, body};
  }

  std::size_t count_samples(const std::string& name) {
    LabelPool labels;
    auto querier = db->querier({});
    REQUIRE(querier);
    const std::vector<Matcher> matchers = {*Matcher::make(MatchOp::equal, "__name__", name)};
    auto set = (*querier)->select({}, matchers, labels, {});
    REQUIRE(set);
    storage::SampleColumns columns;
    for (std::size_t i = 0; i < (*set)->size(); ++i) REQUIRE((*set)->samples(i, {}, columns));
    return columns.t.size();
  }
};

}  // namespace

TEST_CASE("admin: without the flag every endpoint says that it is disabled") {
  Fixture fixture(false);
  for (const char* path : {"delete_series", "clean_tombstones", "snapshot"}) {
    CAPTURE(path);
    const auto said = fixture.ask("POST", path, "match[]=a");
    CHECK(said.status == 500);
    CHECK(said.body == R"({"status":"error","errorType":"unavailable","error":"admin APIs disabled"})");
  }
  CHECK(fixture.count_samples("a") == 10);
  CHECK(!fixture.fs.exists("/data/snapshots"));
}

TEST_CASE("admin: POST and PUT only") {
  Fixture fixture;
  for (const char* path : {"delete_series", "clean_tombstones", "snapshot"}) {
    CAPTURE(path);
    CHECK(fixture.ask("GET", path, "match[]=a").status == 405);
  }
  CHECK(fixture.count_samples("a") == 10);
}

TEST_CASE("admin: a deletion takes the samples of its selectors and times, inclusive, and says nothing") {
  const struct {
    std::string method, query, form;
    std::size_t left_of_a, left_of_b;
  } rows[] = {
      {"POST", "match[]=a", "", 0, 10},
      {"PUT", "", "match%5B%5D=a&match[]=b", 0, 0},
      {"POST", "match[]={__name__=~\"a|b\"}&end=1770091500.788", "", 7, 7},
      {"POST", "match[]=a&end=1770091500.789", "", 6, 10},
      {"POST", "match[]=a&start=2026-02-03T04:05:05.789Z", "", 8, 10},
      {"POST", "match[]=a&start=1770091504&end=1770091505", "", 9, 10},
      {"POST", "match[]={}", "", 0, 0},
      {"POST", "match[]=c", "", 10, 10},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    Fixture fixture;
    const auto said = fixture.ask(row.method, "delete_series", row.query, row.form);
    CAPTURE(said.body);
    CHECK(said.status == 204);
    CHECK(said.body.empty());
    CHECK(fixture.count_samples("a") == row.left_of_a);
    CHECK(fixture.count_samples("b") == row.left_of_b);
  }
}

TEST_CASE("admin: a bad parameter is named, and nothing is deleted") {
  const struct {
    std::string query, error;
  } rows[] = {
      {"", "no match[] parameter provided"},
      {"match[]=a&start=soon",
       R"(invalid parameter \"start\": invalid time value for 'start': cannot parse \"soon\" to a valid timestamp)"},
      {"match[]=a&end=x",
       R"(invalid parameter \"end\": invalid time value for 'end': cannot parse \"x\" to a valid timestamp)"},
      {"match[]=a&match[]=b{", R"(invalid parameter \"match[]\": )"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    Fixture fixture;
    const auto said = fixture.ask("POST", "delete_series", row.query);
    CAPTURE(said.body);
    CHECK(said.status == 400);
    CHECK(said.body.starts_with(R"({"status":"error","errorType":"bad_data","error":")" + row.error));
    CHECK(fixture.count_samples("a") == 10);
  }
}

TEST_CASE("admin: tombstones are cleaned, and a failing disk is an internal error") {
  Fixture fixture;
  CHECK(fixture.ask("POST", "clean_tombstones").status == 204);
  fixture.fs.set_judge([](io::Operation op, const std::string& path) -> std::optional<Error> {
    if (op == io::Operation::append) return Error{Code::io, path + ": Input/output error", {}};
    return std::nullopt;
  });
  const auto said = fixture.ask("POST", "delete_series", "match[]=a");
  CHECK(said.status == 500);
  CHECK(said.body.contains(R"("errorType":"internal")"));
}

TEST_CASE("admin: a snapshot is named, and has the head unless it is to be skipped") {
  const struct {
    std::string query;
    std::size_t blocks;
  } rows[] = {{"", 1}, {"skip_head=false", 1}, {"skip_head=0", 1}, {"skip_head=true", 0}, {"skip_head=T", 0}};
  for (const auto& row : rows) {
    CAPTURE(row.query);
    Fixture fixture;
    const auto said = fixture.ask("PUT", "snapshot", row.query);
    CAPTURE(said.body);
    CHECK(said.status == 200);
    const std::string before = R"({"status":"success","data":{"name":")";
    REQUIRE(said.body.starts_with(before + "20260203T040506Z-"));
    const std::string name = said.body.substr(before.size(), 33);
    const auto entries = fixture.fs.list("/data/snapshots/" + name);
    REQUIRE(entries);
    CHECK(entries->size() == row.blocks);
  }
  Fixture fixture;
  const auto said = fixture.ask("POST", "snapshot", "skip_head=maybe");
  CHECK(said.status == 400);
  CHECK(said.body.contains(R"(invalid parameter \"skip_head\": unable to parse boolean: strconv.ParseBool: )"
                           R"(parsing \"maybe\": invalid syntax)"));
}
