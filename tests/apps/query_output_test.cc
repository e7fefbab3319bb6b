#include "apps/narthextool/query_output.h"

#include <doctest/doctest.h>

#include <boost/json/parse.hpp>

namespace narthex::apps {

namespace {

using Printer = Result<std::string> (*)(const boost::json::value&, QueryFormat);

std::string printed(Printer print, std::string_view data, QueryFormat format) {
  const auto text = print(boost::json::parse(data), format);
  return text ? *text : "error: " + text.error().text;
}

}  // namespace

TEST_CASE("results of queries are printed as promtool prints them") {
  const struct {
    std::string_view data, promql, json;
  } rows[] = {
      {R"({"resultType":"vector","result":[{"metric":{"__name__":"up","job":"<x>","a":"1"},"value":[1435781430.781,"1e-07"]},{"metric":{},"value":[1435781430,"NaN"]}]})",
       "up{a=\"1\", job=\"<x>\"} => 0.0000001 @[1435781430.781]\n{} => NaN @[1435781430]\n",
       R"([{"metric":{"__name__":"up","a":"1","job":"\u003cx\u003e"},"value":[1435781430.781,"0.0000001"]},{"metric":{},"value":[1435781430,"NaN"]}])"
       "\n"},
      {R"({"resultType":"matrix","result":[{"metric":{"__name__":"b"},"values":[[1,"1"],[2,"+Inf"]]},{"metric":{"__name__":"a"},"values":[[1,"5"]]}]})",
       "a =>\n5 @[1]\nb =>\n1 @[1]\n+Inf @[2]\n",
       R"([{"metric":{"__name__":"b"},"values":[[1,"1"],[2,"+Inf"]]},{"metric":{"__name__":"a"},"values":[[1,"5"]]}])"
       "\n"},
      {R"({"resultType":"vector","result":[{"metric":{"__name__":"h"},"histogram":[1.5,{"count":"3","sum":"2.5","buckets":[[0,"0.5","1","2"],[3,"-1","1","1"]]}]}]})",
       "h => Count: 3.000000, Sum: 2.500000, Buckets: [(0.5,1]:2 [-1,1]:1] @[1.5]\n",
       R"([{"metric":{"__name__":"h"},"histogram":[1.5,{"count":"3","sum":"2.5","buckets":[[0,"0.5","1","2"],[3,"-1","1","1"]]}]}])"
       "\n"},
      {R"({"resultType":"scalar","result":[1435781451.78,"1e+30"]})",
       "scalar: 1000000000000000000000000000000 @[1435781451.78]\n",
       "[1435781451.78,\"1000000000000000000000000000000\"]\n"},
      {R"({"resultType":"string","result":[5,"a \"text\""]})", "a \"text\"\n", "[5,\"a \\\"text\\\"\"]\n"},
      {R"({"resultType":"vector","result":[]})", "\n", "[]\n"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.data);
    CHECK(printed(print_value, row.data, QueryFormat::promql) == row.promql);
    CHECK(printed(print_value, row.data, QueryFormat::json) == row.json);
  }
}

TEST_CASE("an answer that no API gives is an error, not a crash") {
  for (const std::string_view data :
       {"null", "{}", R"({"resultType":"vector"})", R"({"resultType":"vector","result":{}})",
        R"({"resultType":"vector","result":[{}]})", R"({"resultType":"vector","result":[{"metric":{}}]})",
        R"({"resultType":"vector","result":[{"metric":{"a":1},"value":[1,"2"]}]})",
        R"({"resultType":"matrix","result":[{"metric":{},"values":[[1]]}]})",
        R"({"resultType":"vector","result":[{"metric":{},"histogram":[1,{"count":"x","sum":"1"}]}]})",
        R"({"resultType":"tree","result":[]})", R"({"resultType":"scalar","result":[1,"x"]})"}) {
    CAPTURE(data);
    CHECK(printed(print_value, data, QueryFormat::promql).starts_with("error: bad_response"));
  }
  CHECK(printed(print_series, "[1]", QueryFormat::promql).starts_with("error: bad_response"));
  CHECK(printed(print_label_values, "{}", QueryFormat::json).starts_with("error: bad_response"));
}

TEST_CASE("series and label values are printed a line each, or as one list") {
  const std::string_view series = R"([{"__name__":"up","job":"x"},{"b":"2","a":"1"}])";
  CHECK(printed(print_series, series, QueryFormat::promql) ==
        "{__name__=\"up\", job=\"x\"}\n{a=\"1\", b=\"2\"}\n");
  CHECK(printed(print_series, series, QueryFormat::json) ==
        "[{\"__name__\":\"up\",\"job\":\"x\"},{\"a\":\"1\",\"b\":\"2\"}]\n");
  CHECK(printed(print_label_values, R"(["a","b"])", QueryFormat::promql) == "a\nb\n");
  CHECK(printed(print_label_values, R"(["a","b"])", QueryFormat::json) == "[\"a\",\"b\"]\n");
  CHECK(printed(print_label_values, "[]", QueryFormat::promql).empty());
}

}  // namespace narthex::apps
