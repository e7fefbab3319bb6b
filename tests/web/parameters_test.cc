#include "web/api/parameters.h"

#include <doctest/doctest.h>

using narthex::web::Parameters;
using narthex::web::Request;

namespace {

Parameters from_query(std::string query) {
  Request request;
  request.method = "GET";
  request.query = std::move(query);
  auto parameters = Parameters::from(request);
  REQUIRE(parameters.has_value());
  return std::move(*parameters);
}

}  // namespace

TEST_CASE("parameters: a form body comes before the query string") {
  Request request;
  request.method = "POST";
  request.query = "query=a&time=1";
  request.headers = {{"content-type", "application/x-www-form-urlencoded"}};
  request.body = "query=b+c%2Bd&match%5B%5D=x";
  auto parameters = Parameters::from(request);
  REQUIRE(parameters.has_value());
  CHECK(parameters->get("query") == "b c+d");
  CHECK(parameters->get("time") == "1");
  CHECK(parameters->all("match[]").size() == 1);
}

TEST_CASE("parameters: limits are whole numbers that are not negative") {
  CHECK(from_query("").limit() == 0U);
  CHECK(from_query("limit=12").limit() == 12U);
  const struct {
    std::string query, error;
  } rows[] = {
      {"limit=-1", R"(invalid parameter "limit": limit must be non-negative)"},
      {"limit=x", R"(invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax)"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    const auto limit = from_query(row.query).limit();
    REQUIRE_FALSE(limit.has_value());
    CHECK(limit.error().text == row.error);
  }
}

TEST_CASE("parameters: times are seconds or RFC 3339, and the API's own bounds") {
  const struct {
    std::string text;
    std::int64_t want;
  } rows[] = {
      {"1435781430.781", 1435781430781},
      {"2015-07-01T20:10:30.781Z", 1435781430781},
      {"2015-07-01T20:10:30Z", 1435781430000},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(from_query("start=" + row.text).time("start", 0) == row.want);
  }
  const auto bad = from_query("start=yesterday").time("start", 0);
  REQUIRE_FALSE(bad.has_value());
  CHECK(
      bad.error().text ==
      R"(invalid parameter "start": invalid time value for 'start': cannot parse "yesterday" to a valid timestamp)");
  CHECK(from_query("start=-292273086-05-16T16:47:06Z").time("start", 0).has_value());
  CHECK(from_query("start=292277025-08-18T07:12:54.999999999Z").time("start", 0).has_value());
}

TEST_CASE("parameters: each match[] has to restrict something") {
  const auto empty = from_query("match[]={job=~\".*\"}").matcher_sets();
  REQUIRE_FALSE(empty.has_value());
  CHECK(empty.error().text == "match[] must contain at least one non-empty matcher");
  const auto two = from_query("match[]=up&match[]={job=\"x\"}").matcher_sets();
  REQUIRE(two.has_value());
  CHECK(two->size() == 2);
}
