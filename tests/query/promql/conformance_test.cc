// Facts from Prometheus' own parser tests, read from the conformance folder beside the
// project (or where NARTHEX_CONFORMANCE says). Skipped where it is missing.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "query/promql/parser.h"

using namespace narthex;
using namespace narthex::query;

namespace {

constexpr ParserOptions kEverything{true, true, true, true};

std::string conformance_folder() {
  if (const char* folder = std::getenv("NARTHEX_CONFORMANCE")) return folder;
  const char* root = std::getenv("NARTHEX_SOURCE_ROOT");
  return std::string(root ? root : ".") + "/../shared/conformance";
}

/// The file's objects, one a line; empty, with a message, if it is missing.
std::vector<boost::json::object> cases(const std::string& name) {
  const std::string path = conformance_folder() + "/promql-parse/" + name;
  std::ifstream file(path);
  if (!file) MESSAGE("skipped: no conformance data at ", path);
  std::vector<boost::json::object> objects;
  for (std::string line; std::getline(file, line);)
    if (!line.empty()) objects.push_back(boost::json::parse(line).as_object());
  return objects;
}

std::string text_of(const boost::json::value& v) {
  return std::string(v.as_string());
}

std::string show(const std::vector<ParseError>& errors) {
  std::string out;
  for (const ParseError& e : errors) out += fmt::format("{}-{} {}\n", e.span.start, e.span.end, e.text);
  return out;
}

std::string expected_errors(const boost::json::object& c) {
  std::string out;
  if (const auto* errors = c.if_contains("errors"))
    for (const auto& e : errors->as_array())
      out +=
          fmt::format("{}-{} {}\n", e.at("start").as_int64(), e.at("end").as_int64(), text_of(e.at("text")));
  return out;
}

}  // namespace

TEST_CASE("queries are accepted or refused as Prometheus does, with its error texts") {
  std::size_t passed = 0;
  const auto all = cases("parse.jsonl");
  for (const auto& c : all) {
    std::string query = text_of(c.at("query"));
    // JSON cannot hold the broken byte that this query is about.
    if (query == "some_metric{a=\"\u00ff\"}") query = "some_metric{a=\"\xff\"}";
    CAPTURE(query);
    const auto errors = parse_errors(query, kEverything);
    const bool ok = c.at("fail").as_bool() == !errors.empty() &&
                    (!c.contains("errors") || show(errors) == expected_errors(c));
    CHECK_MESSAGE(ok, "got:\n", show(errors), "expected:\n", expected_errors(c));
    passed += ok ? 1 : 0;
  }
  MESSAGE("parse.jsonl: ", passed, " of ", all.size(), " passed");
}

TEST_CASE("queries are printed as Prometheus prints them") {
  std::size_t passed = 0;
  const auto all = cases("print.jsonl");
  for (const auto& c : all) {
    const std::string query = text_of(c.at("query"));
    CAPTURE(query);
    const auto tree = parse(query, kEverything);
    REQUIRE(tree);
    CHECK(print(**tree) == text_of(c.at("printed")));
    passed += print(**tree) == text_of(c.at("printed")) ? 1 : 0;
  }
  MESSAGE("print.jsonl: ", passed, " of ", all.size(), " passed");
}

TEST_CASE("queries are formatted as Prometheus formats them") {
  std::size_t passed = 0;
  const auto all = cases("pretty.jsonl");
  for (const auto& c : all) {
    const std::string query = text_of(c.at("query"));
    CAPTURE(query);
    const auto tree = parse(query, kEverything);
    REQUIRE(tree);
    const auto width = static_cast<std::size_t>(c.at("line_width").as_int64());
    CHECK(pretty_print(**tree, width) == text_of(c.at("pretty")));
    passed += pretty_print(**tree, width) == text_of(c.at("pretty")) ? 1 : 0;
  }
  MESSAGE("pretty.jsonl: ", passed, " of ", all.size(), " passed");
}

TEST_CASE("what Prometheus' parser tests accept is printed so that it reads the same again") {
  // Forms that Prometheus itself prints so that they change, or are refused, when read again.
  const auto changes = [](std::string_view printed) {
    return printed.contains("Inf");  // +Inf gets one sign more each time
  };
  std::size_t read_again = 0;
  for (const char* file : {"parse.jsonl", "print.jsonl", "pretty.jsonl"})
    for (const auto& c : cases(file)) {
      const std::string query = text_of(c.at("query"));
      const auto tree = parse(query, kEverything);
      if (!tree) continue;
      CAPTURE(query);
      const std::string printed = print(**tree);
      if (changes(printed)) continue;
      for (const std::string& form : {printed, pretty_print(**tree), pretty_print(**tree, 10)}) {
        CAPTURE(form);
        const auto again = parse(form, kEverything);
        REQUIRE_MESSAGE(again, again.error().text);
        CHECK(print(**again) == printed);
        ++read_again;
      }
    }
  MESSAGE(read_again, " printed forms were read again");
}
