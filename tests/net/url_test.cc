#include "net/url.h"

#include <doctest/doctest.h>

using namespace narthex;
using namespace narthex::net;

TEST_CASE("addresses are taken apart as a client needs them") {
  const struct {
    std::string_view text, host, port, target, host_header;
  } rows[] = {
      {"http://example.org", "example.org", "80", "/", "example.org"},
      {"https://example.org/a/b?x=1&y=2", "example.org", "443", "/a/b?x=1&y=2", "example.org"},
      {"http://127.0.0.1:9100/metrics", "127.0.0.1", "9100", "/metrics", "127.0.0.1:9100"},
      {"http://[::1]:9100/metrics", "::1", "9100", "/metrics", "[::1]:9100"},
      {"http://a/x y?match[]={a=\"b\"}", "a", "80", "/x%20y?match%5B%5D=%7Ba=%22b%22%7D", "a"},
      {"http://a#fragment", "a", "80", "/", "a"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto url = parse_url(row.text);
    REQUIRE(url);
    CHECK(url->host == row.host);
    CHECK(url->port == row.port);
    CHECK(url->target == row.target);
    CHECK(url->host_header == row.host_header);
  }
}

TEST_CASE("a password in an address is never shown") {
  const auto url = parse_url("http://ann:se%20cret@a/b");
  REQUIRE(url);
  CHECK(url->user == "ann");
  CHECK(url->password == "se cret");
  CHECK(url->shown == "http://ann:xxxxx@a/b");
}

TEST_CASE("what is no http address is refused") {
  for (const std::string_view text :
       {"", "a/b", "ftp://a/b", "http://", "http://a:x/", "http://[::1/", "//a"}) {
    CAPTURE(text);
    const auto url = parse_url(text);
    REQUIRE(!url);
    CHECK(url.error().code == Code::invalid);
  }
}

TEST_CASE("references are resolved against their base") {
  const struct {
    std::string_view reference, want;
  } rows[] = {
      {"/x", "http://a:1/x"},  {"y", "http://a:1/b/y"},    {"../y?z=1", "http://a:1/y?z=1"},
      {"//c/d", "http://c/d"}, {"https://c", "https://c"}, {"?q=1", "http://a:1/b/c?q=1"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.reference);
    const auto resolved = resolve_url("http://a:1/b/c", row.reference);
    REQUIRE(resolved);
    CHECK(*resolved == row.want);
  }
}
