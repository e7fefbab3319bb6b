#include "net/http.h"

#include <doctest/doctest.h>

using namespace narthex::net;

TEST_CASE("headers are found without regard to case") {
  const Headers headers{{"Content-Type", "text/plain"}, {"X-A", "1"}, {"x-a", "2"}};
  CHECK(find_header(headers, "content-type") == "text/plain");
  CHECK(find_header(headers, "X-a") == "1");
  CHECK(!find_header(headers, "X-"));
}

TEST_CASE("percent escapes: decoded or refused") {
  CHECK(percent_decode("a%20b+c", false) == "a b+c");
  CHECK(percent_decode("a%2fb+c", true) == "a/b c");
  for (const char* bad : {"%", "%1", "%zz", "a%2"}) {
    CAPTURE(bad);
    CHECK(!percent_decode(bad, false));
  }
}

TEST_CASE("query values are escaped as Go does") {
  CHECK(query_escape("a b&c=d/é~-_.") == "a+b%26c%3Dd%2F%C3%A9~-_.");
}

TEST_CASE("forms keep their order and repeated names") {
  const auto form = parse_form("match%5B%5D=a&match[]=b+c&&empty=&bare");
  REQUIRE(form);
  REQUIRE(form->size() == 4);
  CHECK((*form)[0] == std::pair<std::string, std::string>("match[]", "a"));
  CHECK((*form)[1] == std::pair<std::string, std::string>("match[]", "b c"));
  CHECK((*form)[2] == std::pair<std::string, std::string>("empty", ""));
  CHECK((*form)[3] == std::pair<std::string, std::string>("bare", ""));
  CHECK(!parse_form("a=%g0"));
}
