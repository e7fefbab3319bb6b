#include "net/http_client.h"

#include <doctest/doctest.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>
#include <fstream>

#include "net/stream.h"
#include "tests/net/fake_server.h"
#include "tests/net/run.h"
#include "tests/net/test_certificate.h"

using namespace narthex;
using namespace narthex::net;
namespace asio = boost::asio;
using test::FakeAnswer;
using test::FakeServer;
using test::http_ok;

namespace {

struct Fixture {
  asio::io_context io;

  std::shared_ptr<HttpClient> client(config::HttpConfig config = {}) {
    auto made = HttpClient::make(io.get_executor(), std::move(config));
    REQUIRE(made);
    return *made;
  }
  Result<Response> get(HttpClient& client, const std::string& url) {
    Request request;
    request.url = url;
    return send(client, std::move(request));
  }
  Result<Response> send(HttpClient& client, Request request, std::uint64_t usual_bytes = 0) {
    return test::run(io, client.send(std::move(request), {.usual_bytes = usual_bytes}));
  }
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A port on which nobody listens.
std::string free_port(asio::io_context& io) {
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  return std::to_string(acceptor.local_endpoint().port());
}

// Answers as a plain HTTP server does, whatever it is told.
asio::awaitable<void> answer_plainly(asio::ip::tcp::acceptor& acceptor) {
  Stream stream(co_await acceptor.async_accept(asio::use_awaitable));
  auto written = co_await stream.write("HTTP/1.0 400 Bad Request\r\n\r\n");
  CHECK(written);
  std::array<char, 4096> rest{};
  co_await stream.read_some(rest);
}

// Each answer as several writes, between which the client gets its turn; then the connection ends.
asio::awaitable<void> answer_in_pieces(asio::ip::tcp::acceptor& acceptor,
                                       std::vector<std::vector<std::string>> answers) {
  Stream stream(co_await acceptor.async_accept(asio::use_awaitable));
  for (const auto& pieces : answers) {
    std::array<char, 4096> request{};
    auto got = co_await stream.read_some(request);
    CHECK(got);
    for (const std::string& piece : pieces) {
      // A client that gives up early is the test's to notice.
      (void)co_await stream.write(piece);
      for (int turn = 0; turn < 10; ++turn) co_await asio::post(asio::use_awaitable);
    }
  }
}

// A body in which every misplaced byte shows.
std::string numbered_lines(std::size_t bytes) {
  std::string body;
  while (body.size() < bytes) body += std::to_string(body.size()) + '\n';
  body.resize(bytes);
  return body;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a GET brings status, headers and body, and keeps the connection") {
  FakeServer server(io.get_executor(),
                    [](const std::string&) { return FakeAnswer{http_ok("hello", "X-A: 1\r\n")}; });
  const auto http = client();
  for (int i = 0; i < 3; ++i) {
    const auto response = get(*http, server.url("/a?b=c"));
    REQUIRE(response);
    CHECK(response->status == 200);
    CHECK(response->body == "hello");
    CHECK(response->wire_bytes == 5);
    CHECK(find_header(response->headers, "x-a") == "1");
  }
  CHECK(server.connections() == 1);
  CHECK(has(server.requests()[0], "GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:"));
  CHECK(has(server.requests()[0], "Accept-Encoding: gzip\r\n"));
}

TEST_CASE_FIXTURE(Fixture, "all framings of a body are understood") {
  struct Row {
    std::string_view name;
    FakeAnswer answer;
    int status;
    std::string body;
  };
  const std::vector<Row> rows = {
      {"length", {http_ok("abc")}, 200, "abc"},
      {"chunks",
       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"},
       200,
       "abc"},
      {"to the end", {"HTTP/1.1 200 OK\r\n\r\nabc", true}, 200, "abc"},
      {"HTTP/1.0", {"HTTP/1.0 200 OK\r\n\r\nabc", true}, 200, "abc"},
      {"no content", {"HTTP/1.1 204 No Content\r\n\r\n"}, 204, ""},
      {"after an interim answer", {"HTTP/1.1 100 Continue\r\n\r\n" + http_ok("abc")}, 200, "abc"},
      {"not found", {"HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx"}, 404, "x"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    FakeServer server(io.get_executor(), [&](const std::string&) { return row.answer; });
    const auto response = get(*client(), server.url());
    REQUIRE(response);
    CHECK(response->status == row.status);
    CHECK(response->body == row.body);
  }
}

TEST_CASE_FIXTURE(Fixture, "a body is whole however it comes, and its connection serves the next request") {
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{9'000}, std::size_t{440'000}, std::size_t{3'500'000}}) {
    const std::string body = numbered_lines(size);
    const std::string all = http_ok(body);
    const std::size_t header = all.size() - body.size();
    for (const std::size_t cut :
         {std::size_t{5}, header - 2, header, header + 1, header + size / 2, all.size()}) {
      CAPTURE(size);
      CAPTURE(cut);
      asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
      std::vector<std::vector<std::string>> answers{
          {all.substr(0, cut), all.substr(cut)}, {http_ok("next")}, {all.substr(0, cut), all.substr(cut)}};
      asio::co_spawn(io, answer_in_pieces(acceptor, std::move(answers)), asio::detached);
      const std::string url = "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
      const auto http = client();
      for (const std::string& want : {body, std::string("next"), body}) {
        const auto response = get(*http, url);
        REQUIRE(response);
        CHECK(response->wire_bytes == want.size());
        CHECK((response->body == want));
      }
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "an answer of another length than the usual one is whole, too") {
  const std::string page = numbered_lines(440'000);
  const std::string short_page = numbered_lines(100);
  FakeServer server(io.get_executor(), [&](const std::string& request) {
    return FakeAnswer{http_ok(has(request, "/short") ? short_page : page)};
  });
  FakeServer refusing(io.get_executor(), [](const std::string&) {
    return FakeAnswer{"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n", true};
  });
  const auto http = client();
  for (const std::uint64_t usual : {std::uint64_t{100}, std::uint64_t{300'000}, std::uint64_t{440'000},
                                    std::uint64_t{900'000}, std::uint64_t{1} << 40}) {
    CAPTURE(usual);
    Request request;
    for (const std::string path : {"/", "/short", "/", "/"}) {
      request.url = server.url(path);
      const auto response = send(*http, request, usual);
      REQUIRE(response);
      CHECK((response->body == (path == "/" ? page : short_page)));
    }
    request.url = refusing.url("/");
    const auto refused = send(*http, request, usual);
    REQUIRE(refused);
    CHECK(refused->status == 503);
  }
  CHECK(server.connections() == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "a large body that ends early is refused, and one that is too long ends its connection") {
  const std::string body = numbered_lines(700'000);
  const std::string all = http_ok(body);
  FakeServer cut_off(io.get_executor(),
                     [&](const std::string&) { return FakeAnswer{all.substr(0, 500'000), true}; });
  const auto ended = get(*client(), cut_off.url());
  REQUIRE(!ended);
  CHECK(ended.error().text == "unexpected EOF");

  FakeServer talkative(io.get_executor(), [&](const std::string&) { return FakeAnswer{all + "more"}; });
  const auto http = client();
  for (int i = 0; i < 2; ++i) {
    const auto response = get(*http, talkative.url());
    REQUIRE(response);
    CHECK((response->body == body));
  }
  CHECK(talkative.connections() == 2);
}

TEST_CASE_FIXTURE(Fixture, "memory for a body is asked for when its answer comes, and used") {
  const std::string body = numbered_lines(300'000);
  FakeServer server(io.get_executor(), [&](const std::string& request) {
    return FakeAnswer{http_ok(body), false, has(request, "/silent")};
  });
  int asked = 0;
  const void* given = nullptr;
  const auto memory = [&] {
    ++asked;
    std::string buffer;
    buffer.reserve(body.size() * 2);
    given = buffer.data();
    return buffer;
  };
  const auto http = client();
  Request request;
  request.url = server.url("/silent");
  request.timeout = std::chrono::milliseconds(20);
  CHECK(!test::run(io, http->send(request, {.memory = memory})));
  CHECK(asked == 0);
  request.url = server.url("/");
  request.timeout = std::chrono::milliseconds(test::kBound);
  const auto response = test::run(io, http->send(request, {.memory = memory}));
  REQUIRE(response);
  CHECK(asked == 1);
  CHECK((response->body == body));
  CHECK(static_cast<const void*>(response->body.data()) == given);
}

TEST_CASE_FIXTURE(Fixture, "errors read as in Go") {
  const std::string port = free_port(io);
  const auto http = client();
  const auto refused = get(*http, "http://127.0.0.1:" + port + "/metrics");
  REQUIRE(!refused);
  CHECK(refused.error().text == "Get \"http://127.0.0.1:" + port + "/metrics\": dial tcp 127.0.0.1:" + port +
                                    ": connect: connection refused");
  CHECK(refused.error().code == Code::io);

  FakeServer silent(io.get_executor(), [](const std::string&) { return FakeAnswer{"", false, true}; });
  Request request;
  request.url = silent.url("/x");
  request.timeout = std::chrono::milliseconds(30);
  const auto late = send(*http, request);
  REQUIRE(!late);
  CHECK(late.error().text == "Get \"" + silent.url("/x") + "\": context deadline exceeded");
  CHECK(late.error().code == Code::timeout);

  FakeServer stalls(io.get_executor(), [](const std::string&) {
    return FakeAnswer{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"};
  });
  request.url = stalls.url();
  const auto half = send(*http, request);
  REQUIRE(!half);
  CHECK(half.error().text == "context deadline exceeded");
}

TEST_CASE_FIXTURE(Fixture, "broken answers are refused") {
  struct Row {
    std::string_view name;
    FakeAnswer answer;
    Code code;
    std::string text;
  };
  const std::vector<Row> rows = {
      {"nothing", {"", true}, Code::io, "EOF"},
      {"half a header", {"HTTP/1.1 200 OK\r\nContent-Le", true}, Code::io, "unexpected EOF"},
      {"half a body", {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", true}, Code::io, "unexpected EOF"},
      {"not HTTP",
       {"SSH-2.0-OpenSSH_9.2\r\n\r\n"},
       Code::corruption,
       "malformed HTTP response \"SSH-2.0-OpenSSH_9.2\""},
      {"bad chunk",
       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"},
       Code::corruption,
       "malformed"},
      {"endless headers",
       {"HTTP/1.1 200 OK\r\nA: " + std::string(100'000, 'a')},
       Code::limit,
       "headers exceeded"},
      {"endless interims",
       {[] {
         std::string many;
         for (int i = 0; i < 20; ++i) many += "HTTP/1.1 100 Continue\r\n\r\n";
         return many;
       }()},
       Code::corruption,
       "1xx"},
      {"bad gzip", {http_ok("no gzip", "Content-Encoding: gzip\r\n")}, Code::corruption, "gzip"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    FakeServer server(io.get_executor(), [&](const std::string&) { return row.answer; });
    const auto response = get(*client(), server.url());
    REQUIRE(!response);
    CAPTURE(response.error().text);
    CHECK(response.error().code == row.code);
    CHECK(has(response.error().text, row.text));
  }
}

TEST_CASE_FIXTURE(Fixture, "bodies are limited, as sent and inflated") {
  const std::string body(100'000, 'x');
  struct Row {
    std::string_view name;
    FakeAnswer answer;
  };
  const std::vector<Row> rows = {
      {"length", {http_ok(body)}},
      {"to the end", {"HTTP/1.1 200 OK\r\n\r\n" + body + body, true}},
      {"gzip", {http_ok(gzip(body), "Content-Encoding: gzip\r\n")}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    FakeServer server(io.get_executor(), [&](const std::string&) { return row.answer; });
    Request request;
    request.url = server.url();
    request.max_body_bytes = 99'999;
    const auto response = send(*client(), request);
    REQUIRE(!response);
    CHECK(response.error().code == Code::limit);
    CHECK(response.error().text == "body size limit exceeded");
  }
}

TEST_CASE_FIXTURE(Fixture, "gzip is inflated unless the caller wants it as it came") {
  const std::string body(100'000, 'x');
  const std::string small = gzip(body);
  FakeServer server(io.get_executor(), [&](const std::string&) {
    return FakeAnswer{http_ok(small, "Content-Encoding: gzip\r\n")};
  });
  Request request;
  request.url = server.url();
  const auto inflated = send(*client(), request);
  REQUIRE(inflated);
  CHECK(inflated->body == body);
  CHECK(inflated->wire_bytes == small.size());
  request.inflate = false;
  const auto raw = send(*client(), request);
  REQUIRE(raw);
  CHECK(raw->body == small);
  request.max_body_bytes = 10;  // it is the inflated size that counts, and that is not known yet
  CHECK(send(*client(), request));
}

TEST_CASE_FIXTURE(Fixture, "a connection that its server closed while idle is replaced") {
  int served = 0;
  FakeServer server(io.get_executor(), [&](const std::string&) {
    ++served;
    return FakeAnswer{http_ok("abc"), true};  // says keep-alive, closes all the same
  });
  const auto http = client();
  for (int i = 0; i < 5; ++i) {
    const auto response = get(*http, server.url());
    REQUIRE(response);
    CHECK(response->body == "abc");
  }
  CHECK(served == 5);
}

TEST_CASE_FIXTURE(Fixture, "a POST carries its body and is not repeated") {
  FakeServer server(io.get_executor(), [](const std::string&) { return FakeAnswer{http_ok("")}; });
  Request request;
  request.method = "POST";
  request.url = server.url();
  request.headers = {{"Content-Type", "application/json"}};
  request.body = "[]";
  REQUIRE(send(*client(), request));
  CHECK(has(server.requests()[0], "POST / HTTP/1.1\r\n"));
  CHECK(has(server.requests()[0], "Content-Length: 2\r\n"));
  CHECK(server.requests()[0].ends_with("\r\n\r\n[]"));
}

TEST_CASE_FIXTURE(Fixture, "redirects are followed, changed to GET where they must be, and counted") {
  FakeServer server(io.get_executor(), [](const std::string& request) {
    if (request.starts_with("POST /see"))
      return FakeAnswer{"HTTP/1.1 303 See Other\r\nLocation: end\r\nContent-Length: 0\r\n\r\n"};
    if (request.starts_with("POST /keep"))
      return FakeAnswer{"HTTP/1.1 307 Temporary Redirect\r\nLocation: /end\r\nContent-Length: 0\r\n\r\n"};
    if (request.starts_with("GET /loop"))
      return FakeAnswer{"HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n"};
    return FakeAnswer{http_ok(request.substr(0, 4))};
  });
  Request request;
  request.method = "POST";
  request.body = "x";
  request.url = server.url("/see");
  auto response = send(*client(), request);
  REQUIRE(response);
  CHECK(response->body == "GET ");
  request.url = server.url("/keep");
  response = send(*client(), request);
  REQUIRE(response);
  CHECK(response->body == "POST");
  response = get(*client(), server.url("/loop"));
  REQUIRE(!response);
  CHECK(response.error().text == "Get \"/loop\": stopped after 10 redirects");

  config::HttpConfig stay;
  stay.follow_redirects = false;
  response = get(*client(stay), server.url("/loop"));
  REQUIRE(response);
  CHECK(response->status == 302);
}

TEST_CASE_FIXTURE(Fixture, "credentials go to their host and to no other") {
  FakeServer other(io.get_executor(), [](const std::string&) { return FakeAnswer{http_ok("other")}; });
  const std::string elsewhere = "http://localhost:" + std::to_string(other.port()) + "/";
  FakeServer server(io.get_executor(), [&](const std::string& request) {
    if (request.starts_with("GET /away"))
      return FakeAnswer{"HTTP/1.1 302 Found\r\nLocation: " + elsewhere + "\r\nContent-Length: 0\r\n\r\n"};
    if (request.starts_with("GET /here"))
      return FakeAnswer{"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"};
    return FakeAnswer{http_ok("own")};
  });
  config::HttpConfig config;
  config.basic_auth = config::BasicAuth{"ann", "", {"pass"}, ""};
  config.headers = {{"X-Api-Key", {"k1"}}};
  const auto http = client(config);
  REQUIRE(get(*http, server.url("/here")));
  REQUIRE(get(*http, server.url("/away")));
  REQUIRE(server.requests().size() == 3);
  for (const auto& request : server.requests()) {
    CHECK(has(request, "Authorization: Basic YW5uOnBhc3M=\r\n"));
    CHECK(has(request, "X-Api-Key: k1\r\n"));
  }
  REQUIRE(other.requests().size() == 1);
  CHECK(!has(other.requests()[0], "Authorization"));
  CHECK(!has(other.requests()[0], "X-Api-Key"));
}

TEST_CASE_FIXTURE(Fixture, "secrets in files are read anew for each request") {
  const auto path = std::filesystem::temp_directory_path() / "narthex_http_client_test_secret";
  const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
  FakeServer server(io.get_executor(), [](const std::string&) { return FakeAnswer{http_ok("")}; });
  config::HttpConfig config;
  config.authorization = config::Authorization{"Bearer", {}, path.string()};
  const auto http = client(config);
  write("one\n");
  REQUIRE(get(*http, server.url()));
  write("two\n");
  REQUIRE(get(*http, server.url()));
  CHECK(has(server.requests()[0], "Authorization: Bearer one\r\n"));
  CHECK(has(server.requests()[1], "Authorization: Bearer two\r\n"));
  write("evil\r\nX-Injected: 1");
  CHECK(!get(*http, server.url()));
  std::filesystem::remove(path);
  const auto missing = get(*http, server.url());
  REQUIRE(!missing);
  CHECK(has(missing.error().text, path.string()));
}

TEST_CASE_FIXTURE(Fixture, "a prepared request is the same each time, but for the secrets of the moment") {
  const auto path = std::filesystem::temp_directory_path() / "narthex_http_client_test_prepared_secret";
  const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
  FakeServer server(io.get_executor(), [](const std::string& request) {
    if (request.starts_with("GET /there"))
      return FakeAnswer{"HTTP/1.1 302 Found\r\nLocation: /end\r\nContent-Length: 0\r\n\r\n"};
    return FakeAnswer{http_ok("")};
  });
  config::HttpConfig config;
  config.authorization = config::Authorization{"Bearer", {}, path.string()};
  config.headers = {{"X-Api-Key", {"k1"}}};
  const auto http = client(config);
  Request request;
  request.url = server.url("/there?a=b");
  request.headers = {{"Accept", "text/plain"}};
  const auto prepared = http->prepare(request);
  REQUIRE(prepared);
  for (const std::string secret : {"one", "two"}) {
    write(secret);
    const auto answer = test::run(io, http->send(*prepared));
    REQUIRE(answer);
    CHECK(answer->status == 200);
  }
  std::filesystem::remove(path);
  REQUIRE(server.requests().size() == 4);
  const auto head = [&](const std::string& target, const std::string& secret) {
    return "GET " + target + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
           "\r\nAccept: text/plain\r\nAccept-Encoding: gzip\r\nX-Api-Key: k1\r\nAuthorization: Bearer " +
           secret + "\r\n\r\n";
  };
  CHECK(server.requests()[0] == head("/there?a=b", "one"));
  CHECK(server.requests()[1] == head("/end", "one"));
  CHECK(server.requests()[2] == head("/there?a=b", "two"));
  CHECK(server.requests()[3] == head("/end", "two"));

  request.headers = {{"Accept", "text/plain\r\nX-Injected: 1"}};
  CHECK(!http->prepare(request));
  request.url = "no address";
  CHECK(!http->prepare(request));
}

TEST_CASE_FIXTURE(Fixture, "TLS servers are verified") {
  const auto certificate = test::make_certificate("server.test");
  const auto stranger = test::make_certificate("stranger.test");
  FakeServer server(
      io.get_executor(), [](const std::string&) { return FakeAnswer{http_ok("secret")}; },
      test::server_context(certificate));
  config::HttpConfig config;

  config.tls.ca = certificate.cert;
  auto response = get(*client(config), server.url());
  REQUIRE(response);
  CHECK(response->body == "secret");

  config.tls.server_name = "server.test";
  CHECK(get(*client(config), server.url()));
  config.tls.server_name = "wrong.test";
  response = get(*client(config), server.url());
  REQUIRE(!response);
  CHECK(has(response.error().text,
            "tls: failed to verify certificate: x509: certificate is not valid for wrong.test"));

  config.tls.server_name = "";
  config.tls.ca = stranger.cert;
  response = get(*client(config), server.url());
  REQUIRE(!response);
  CHECK(has(response.error().text,
            "tls: failed to verify certificate: x509: certificate signed by unknown authority"));
  config.tls.insecure_skip_verify = true;
  CHECK(get(*client(config), server.url()));

  config.tls.min_version = "TLS13";
  config.tls.max_version = "TLS12";
  CHECK(!get(*client(config), server.url()));
}

TEST_CASE_FIXTURE(Fixture, "a client certificate is shown where the server asks for it") {
  const auto own = test::make_certificate("client.test");
  const auto theirs = test::make_certificate("server.test");
  FakeServer server(
      io.get_executor(), [](const std::string&) { return FakeAnswer{http_ok("hello")}; },
      test::server_context(theirs, own.cert));
  config::HttpConfig config;
  config.tls.ca = theirs.cert;
  CHECK(!get(*client(config), server.url()));
  config.tls.cert = own.cert;
  config.tls.key.text = own.key;
  CHECK(get(*client(config), server.url()));
}

TEST_CASE_FIXTURE(Fixture, "certificates that cannot be used are an error from the start") {
  const auto make = [&](const config::TlsConfig& tls) {
    config::HttpConfig config;
    config.tls = tls;
    return HttpClient::make(io.get_executor(), config);
  };
  config::TlsConfig tls;
  tls.ca_file = "/nowhere/ca.pem";
  CHECK(make(tls).error().text.find("/nowhere/ca.pem") != std::string::npos);
  tls = {};
  tls.ca = "no certificate";
  CHECK(make(tls).error().code == Code::invalid);
  tls = {};
  tls.cert = test::make_certificate("a").cert;
  CHECK(make(tls).error().code == Code::invalid);
  tls.key.text = test::make_certificate("b").key;
  CHECK(make(tls).error().code == Code::invalid);
}

TEST_CASE_FIXTURE(Fixture, "a server that speaks no TLS is told apart from one with a bad certificate") {
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  const std::string url = "https://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "/";
  asio::co_spawn(io, answer_plainly(acceptor), [](const std::exception_ptr&) {});
  const auto response = get(*client(), url);
  REQUIRE(!response);
  CHECK(response.error().text == "Get \"" + url + "\": http: server gave HTTP response to HTTPS client");
}
