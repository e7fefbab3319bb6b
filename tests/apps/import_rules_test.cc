// Answers of a server to range queries, and blocks made of them.
#include "apps/narthextool/import_rules.h"

#include <doctest/doctest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <string>
#include <thread>

#include "apps/narthextool/range_query.h"
#include "apps/narthextool/tsdb_dump.h"
#include "io/fault_file_system.h"
#include "tests/net/fake_server.h"
#include "tests/tsdb/why.h"

using namespace narthex;
using tsdb::why;

namespace {

/// A fake server on a thread of its own: the import blocks.
class ServerThread {
 public:
  explicit ServerThread(test::FakeServer::Answer answer)
      : server_(io_.get_executor(), std::move(answer)), thread_([this] { io_.run(); }) {}
  ~ServerThread() { stop(); }

  [[nodiscard]] std::string url() const { return server_.url("/prefix/"); }
  /// Bodies of the requests, after the end.
  std::vector<std::string> stop() {
    if (thread_.joinable()) {
      io_.stop();
      thread_.join();
    }
    std::vector<std::string> bodies;
    for (const std::string& request : server_.requests()) {
      const std::size_t body = request.find("\r\n\r\n");
      bodies.push_back(request.substr(0, request.find('\r')) + " " +
                       (body == std::string::npos ? "" : request.substr(body + 4)));
    }
    return bodies;
  }

 private:
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  test::FakeServer server_;
  std::thread thread_;
};

constexpr std::string_view kRules = R"(groups:
  - name: all
    interval: 1h
    labels: {team: storage}
    rules:
      - {record: job:up, expr: 'sum by (job)(up)', labels: {job: '', kind: recorded}}
      - {alert: Down, expr: 'up == 0'}
  - name: slow
    interval: 5h
    rules:
      - {record: five, expr: vector(1)}
)";

struct Backfill {
  io::FaultFileSystem fs;
  apps::RulesImportOptions options;
  std::string complaints;

  Backfill() {
    auto file = fs.open_writable("/rules.yml", io::OpenMode::create_new);
    REQUIRE(file);
    REQUIRE((*file)->append(io::as_bytes(kRules)));
    options.files = {"/rules.yml"};
    options.start = "1970-01-02T00:00:00Z";
    options.end = "100800";  // four hours later
    options.directory = "/data";
  }
  Result<void> run() {
    apps::Progress progress("backfilling", apps::Progress::Mode::off, system_clock(),
                            [](std::string_view) {});
    return apps::import_rules(fs, options, system_clock(), progress,
                              [this](std::string_view text) { complaints += text; });
  }
};

}  // namespace

TEST_CASE("a range answer is read with its samples, warnings and errors") {
  const auto good = apps::read_range_answer(200, R"({"status":"success","warnings":["slow"],"data":{
    "resultType":"matrix","result":[{"metric":{"__name__":"a","b":"c"},"values":[[1.5,"2"],[2.5,"NaN"],[3,"+Inf"]],
    "histograms":[[4,{}]]}]}})");
  REQUIRE_MESSAGE(good, why(good));
  REQUIRE(good->series.size() == 1);
  CHECK(good->series[0].labels == Labels{{"__name__", "a"}, {"b", "c"}});
  REQUIRE(good->series[0].samples.size() == 3);
  CHECK(good->series[0].samples[0].t == 1500);
  CHECK(good->series[0].samples[0].v == 2);
  CHECK(good->histograms == 1);
  CHECK(good->warnings == std::vector<std::string>{"slow"});

  const struct {
    int status;
    std::string body;
    std::string_view error;
  } rows[] = {
      {400, R"({"status":"error","errorType":"bad_data","error":"unknown \"x\""})",
       "bad_data: unknown \"x\""},
      {404, "nothing here", "client_error: client error: 404"},
      {502, "", "server_error: server error: 502"},
      {302, "", "bad_response: bad response code 302"},
      {200, "<html>", "bad_response: the answer is no JSON object"},
      {400, R"({"status":"success"})", "bad_response: inconsistent body for response code"},
      {200, R"({"status":"success","data":{"resultType":"vector","result":[]}})",
       "rule result is wrong type vector"},
      {200, R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1]]}]}})",
       "bad_response: a sample is not of the form [TIME, \"VALUE\"]"},
      {200, R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":1}}]}})",
       "bad_response: the value of a label is no text"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.body);
    const auto got = apps::read_range_answer(row.status, row.body);
    REQUIRE_FALSE(got);
    CHECK(got.error().text == row.error);
  }
}

TEST_CASE("recording rules become blocks with the labels of rule and group, alerts none") {
  Backfill backfill;
  ServerThread server([](const std::string& request) {
    const bool first = request.find("query=sum") != std::string::npos;
    // What was asked for first is what is answered.
    const std::size_t start = request.find("start=") + 6;
    const std::string t = request.substr(start, request.find('&', start) - start);
    return test::FakeAnswer(test::http_ok(
        R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"job":"x","__name__":"y"},"values":[[)" +
        t + (first ? R"(,"3"]]}]}})" : R"(,"5"]]}]}})")));
  });
  backfill.options.url = server.url();
  const auto done = backfill.run();
  CHECK_MESSAGE(done, why(done));
  CHECK(backfill.complaints.empty());
  const auto requests = server.stop();
  // Three block ranges for the first rule; the second is due every five hours.
  std::size_t of_first = 0;
  std::size_t of_second = 0;
  for (const std::string& request : requests) {
    CAPTURE(request);
    CHECK(request.starts_with("POST /prefix/api/v1/query_range HTTP/1.1 "));
    of_first += request.find("query=sum+by+%28job%29+%28up%29&start=") != std::string::npos ? 1 : 0;
    of_second += request.find("&step=18000.000") != std::string::npos ? 1 : 0;
  }
  CHECK(of_first >= 2);
  CHECK(of_first <= 3);
  CHECK(of_second <= 1);
  std::string out;
  apps::DumpOptions dump;
  dump.directory = "/data";
  const auto dumped = apps::dump(backfill.fs, dump, [&](std::string_view text) { out += text; });
  REQUIRE_MESSAGE(dumped, why(dumped));
  CHECK(out.find(R"({__name__="job:up", kind="recorded", team="storage"} 3 )") != std::string::npos);
  CHECK(out.find("alertname") == std::string::npos);
  CHECK(out.find("Down") == std::string::npos);
}

TEST_CASE("a rule that fails is named, and the import ends with an error") {
  Backfill backfill;
  ServerThread server([](const std::string&) {
    const std::string body = R"({"status":"error","errorType":"execution","error":"too much"})";
    return test::FakeAnswer("HTTP/1.1 422 Unprocessable Entity\r\nContent-Length: " +
                            std::to_string(body.size()) + "\r\n\r\n" + body);
  });
  backfill.options.url = server.url();
  const auto done = backfill.run();
  REQUIRE_FALSE(done);
  CHECK(done.error().text == "error importing rules");
  CHECK(backfill.complaints.starts_with("rule importer error: query range: execution: too much\n"));
}

TEST_CASE("times and files of a rules import are checked before anybody is asked") {
  const struct {
    std::string start;
    std::string end;
    std::string file;
    std::string_view error;
  } rows[] = {
      {"x", "2", "/rules.yml", "error parsing start time: cannot parse \"x\" to a valid timestamp"},
      {"1", "y", "/rules.yml", "error parsing end time: cannot parse \"y\" to a valid timestamp"},
      {"2", "2", "/rules.yml", "start time is not before end time"},
      {"1", "2", "/none.yml", "rule importer parse error: "},
  };
  for (const auto& row : rows) {
    CAPTURE(row.start);
    CAPTURE(row.end);
    Backfill backfill;
    backfill.options.start = row.start;
    backfill.options.end = row.end;
    backfill.options.files = {row.file};
    const auto done = backfill.run();
    REQUIRE_FALSE(done);
    CHECK(done.error().text.starts_with(row.error));
  }
}
