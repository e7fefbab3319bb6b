#include "model/json_writer.h"

#include <doctest/doctest.h>

#include <limits>

using narthex::JsonWriter;
using narthex::Labels;

TEST_CASE("JSON: commas stand between members and nowhere else") {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("a").number(std::int64_t{1}).key("b").begin_array();
  json.string("x").string("y").begin_object().end_object().end_array();
  json.key("c").boolean(true).key("d").null().end_object();
  CHECK(out == R"({"a":1,"b":["x","y",{}],"c":true,"d":null})");
}

TEST_CASE("JSON: strings are escaped as Go does, labels keep <, > and &") {
  const struct {
    std::string_view text, escaped, raw;
  } rows[] = {
      {"a\xE2\x80\xA8z\xFFz", "\"a\\u2028z\\ufffdz\"", "\"a\xE2\x80\xA8z\xFFz\""},
      {"plain", R"("plain")", R"("plain")"},
      {"a\"b\\c\n\r\t", R"("a\"b\\c\n\r\t")", R"("a\"b\\c\n\r\t")"},
      {"<a&b>", R"("\u003ca\u0026b\u003e")", R"("<a&b>")"},
      {std::string_view("\x01\x1f", 2), R"("\u0001\u001f")", R"("\u0001\u001f")"},
      {"ä€😀", R"("ä€😀")", R"("ä€😀")"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    std::string escaped;
    JsonWriter(escaped).string(row.text);
    CHECK(escaped == row.escaped);
    std::string raw;
    JsonWriter(raw).raw_string(row.text);
    CHECK(raw == row.raw);
  }
  std::string labels;
  JsonWriter(labels).labels(Labels{{"__name__", "up"}, {"job", "<x>"}});
  CHECK(labels == R"({"__name__":"up","job":"<x>"})");
}

TEST_CASE("JSON: samples carry time in seconds and value as text") {
  const struct {
    std::int64_t t;
    double v;
    std::string_view want;
  } rows[] = {
      {1435781430000, 1, R"([1435781430,"1"])"},
      {1435781430781, 0.5, R"([1435781430.781,"0.5"])"},
      {0, std::numeric_limits<double>::infinity(), R"([0,"+Inf"])"},
      {-1500, 1e-7, R"([-1.500,"1e-07"])"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.want);
    std::string out;
    JsonWriter(out).sample(row.t, row.v);
    CHECK(out == row.want);
  }
}

TEST_CASE("JSON: numbers are written as Go's encoder writes them") {
  const struct {
    double v;
    std::string_view want;
  } rows[] = {{0, "0"}, {0.1, "0.1"}, {1e21, "1e+21"}, {1.5e-7, "1.5e-07"}, {123456789, "123456789"}};
  for (const auto& row : rows) {
    CAPTURE(row.want);
    std::string out;
    JsonWriter(out).number(row.v);
    CHECK(out == row.want);
  }
}
