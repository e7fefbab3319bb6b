#include <doctest/doctest.h>

#include "model/value.h"
#include "scrape/exposition/parser.h"

using namespace narthex;
using namespace narthex::scrape;

TEST_CASE("type and unit become labels where the feature is on") {
  const SeriesContext on{Format::open_metrics, MetricType::counter, "seconds", true};
  CHECK(
      parse_series("a_seconds_total{b=\"c\"}", on).value() ==
      Labels{{"__name__", "a_seconds_total"}, {"__type__", "counter"}, {"__unit__", "seconds"}, {"b", "c"}});
  // What the page says of itself wins over labels.
  CHECK(parse_series("a{__type__=\"x\",__unit__=\"y\"}", on).value() ==
        Labels{{"__name__", "a"}, {"__type__", "counter"}, {"__unit__", "seconds"}});
  CHECK(parse_series("a{__type__=\"x\"}", {Format::text, MetricType::unknown, "", true}).value() ==
        Labels{{"__name__", "a"}, {"__type__", "x"}});
  CHECK(parse_series("a{b=\"c\"}", {Format::text, MetricType::counter, "seconds", false}).value() ==
        Labels{{"__name__", "a"}, {"b", "c"}});
}

TEST_CASE("a series text is read to its end or refused") {
  const SeriesContext text{};
  for (const std::string_view bad :
       {"", "1a", "a b", "a{", "a{b=\"c\"", "a{b=\"c\"}x", "a}", "{}", "{\"a\"}{", "a{b=c}"}) {
    CAPTURE(bad);
    const auto labels = parse_series(bad, text);
    REQUIRE_FALSE(labels.has_value());
    CHECK(labels.error().code == Code::invalid);
    CHECK_FALSE(labels.error().text.empty());
  }
  // Only the text format forgives blanks.
  CHECK(parse_series("a { b = \"c\" }", text).has_value());
  CHECK_FALSE(
      parse_series("a { b = \"c\" }", {Format::open_metrics, MetricType::unknown, "", false}).has_value());
}

TEST_CASE("values are numbers of before Go 1.13, and every NaN is the normal one") {
  CHECK(parse_value("1.5").value() == 1.5);
  CHECK(parse_value("-1e-3").value() == -1e-3);
  CHECK(std::bit_cast<std::uint64_t>(parse_value("nan").value()) == kNormalNanBits);
  for (const std::string_view bad : {"", "0x1p3", "+0x1p3", "1_0", "1p3", "1e999", "x", "1 "}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_value(bad).has_value());
  }
}

TEST_CASE("an exemplar is read from its text") {
  const Exemplar exemplar = parse_exemplar("{a=\"b\"} 1.5 2").value();
  CHECK(exemplar == Exemplar{{{"a", "b"}}, 1.5, 2000});
  CHECK_FALSE(parse_exemplar("{} 1").value().timestamp.has_value());
  for (const std::string_view bad : {"", "{", "{}", "{} ", "{} x", "{a=\"b\",a=\"c\"} 1"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_exemplar(bad).has_value());
  }
}
