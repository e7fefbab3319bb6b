#include "scrape/exposition/parser.h"

#include <doctest/doctest.h>

#include <vector>

#include "tests/scrape/exposition/read_page.h"

using namespace narthex;
using namespace narthex::scrape;

TEST_CASE("an entry's views point into the body") {
  const ScrapeBody body("# TYPE a counter\na{b=\"c\"} 17 123\nn 5\n");
  Parser parser(body, Format::text);
  REQUIRE(parser.next().value() == EntryKind::type);
  CHECK(parser.type() == MetricType::counter);
  REQUIRE(parser.next().value() == EntryKind::series);
  CHECK(parser.entry().series_text == "a{b=\"c\"}");
  CHECK(parser.entry().series_text.data() == body.text().data() + 17);
  CHECK(parser.entry().value_text == "17");
  CHECK(parser.entry().timestamp == 123);
  REQUIRE(parser.next().value() == EntryKind::series);
  CHECK(parser.entry().series_text == "n");
  CHECK_FALSE(parser.entry().timestamp.has_value());
  CHECK(parser.next().value() == EntryKind::end);
  CHECK(parser.next().value() == EntryKind::end);
}

TEST_CASE("a value is not looked at before it is asked for, and then explained") {
  const ScrapeBody body("a 1\nb x\n");
  Parser parser(body, Format::text);
  REQUIRE(parser.next().value() == EntryKind::series);
  REQUIRE(parser.next().value() == EntryKind::series);
  const auto value = parse_value_or_error(parser.entry().value_text);
  REQUIRE_FALSE(value.has_value());
  const Error error = parser.explain(value.error());
  CHECK(error.text == "strconv.ParseFloat: parsing \"x\": invalid syntax while parsing: \"b x\"");
  REQUIRE(error.at.has_value());
  CHECK(error.at->line == 2);
}

TEST_CASE("a page cut at any byte is read the same by both ways of scanning") {
  const struct {
    Format format;
    std::string_view page;
  } rows[] = {
      {Format::text,
       "# HELP go_info Information \\n about \"it\".\n# TYPE go_info "
       "gauge\ngo_info{version=\"go1.21\",a=\"}\\\"\\\\\"} 1\n"
       "# TYPE h histogram\nh_bucket{le=\"0.005\",handler=\"/api/v1/query\"} 12 1700000000000\nh_sum 1.5e-3\n"
       "{\"utf8.näme\",l=\"v\nw\"}\t7\n"},
      {Format::open_metrics,
       "# TYPE foo counter\n# UNIT foo_s s\nfoo_total{a=\"b\\\"\"} 17.0 1520879607.789 # "
       "{id=\"counter-test\"} 5\n"
       "{\"utf8.näme\",l=\"v\"} 7\nbar 1\n# EOF\n"},
  };
  for (const auto& row : rows) {
    for (std::size_t size = 0; size <= row.page.size(); ++size) {
      // At different places within the blocks.
      for (const std::size_t shift : {0UZ, 1UZ, 31UZ, 62UZ}) {
        const std::string page = std::string(shift, 'x') + " 1\n" + std::string(row.page.substr(0, size));
        const Page best = read_page(row.format, page);
        const Page scalar = read_page(row.format, page, scan_block_scalar);
        REQUIRE(best.entries == scalar.entries);
        REQUIRE(best.error == scalar.error);
      }
    }
  }
}
