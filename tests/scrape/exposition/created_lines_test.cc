#include "scrape/exposition/created_lines.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "scrape/exposition/number.h"
#include "scrape/exposition/parser.h"

namespace narthex::scrape {
namespace {

/// Starts of the page's samples, in seconds: `1 - 2`.
std::string starts_of(const std::string& page) {
  const ScrapeBody body(page + "# EOF\n");
  Parser parser(body, Format::open_metrics);
  CreatedLines created;
  std::vector<Timestamp> starts;
  std::size_t samples = 0;
  for (auto kind = parser.next(); kind && *kind != EntryKind::end; kind = parser.next()) {
    if (*kind != EntryKind::series) {
      created.begin_family(parser.entry().name);
    } else if (!CreatedLines::are_for(parser.type())) {
      created.pass_other();
      ++samples;
    } else {
      const auto is_created = created.read(parser.entry().series_text, parser.type());
      REQUIRE(is_created);
      if (*is_created) {
        created.resolve(*parse_value(parser.entry().value_text), starts);
      } else {
        created.add(samples++, starts);
      }
    }
  }
  starts.resize(samples);
  std::string text;
  for (const Timestamp st : starts) {
    if (!text.empty()) text += ' ';
    text += st == 0 ? "-" : fmt::format("{}", static_cast<double>(st) / 1000);
  }
  return text;
}

TEST_CASE("created lines: samples get the start that the line behind them says") {
  const struct {
    const char* what;
    const char* page;
    const char* want;
  } rows[] = {
      {"a counter", "# TYPE a counter\na_total 1\na_created 1.5\n", "1.5"},
      {"each its own",
       "# TYPE a counter\na_total{x=\"1\"} 1\na_created{x=\"1\"} 1\n"
       "a_total{x=\"2\"} 1\na_created{x=\"2\"} 2\n",
       "1 2"},
      {"all of a histogram",
       "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_bucket{le=\"+Inf\"} 1\n"
       "a_count 1\na_sum 1\na_created 3\n",
       "3 3 3 3"},
      {"all of a summary", "# TYPE a summary\na{quantile=\"0.5\"} 1\na_count 1\na_sum 1\na_created 3\n",
       "3 3 3"},
      {"le counts elsewhere", "# TYPE a counter\na_total{le=\"1\"} 1\na_created 3\n", "-"},
      {"in front of its sample", "# TYPE a counter\na_created 3\na_total 1\n", "-"},
      {"between its samples", "# TYPE a histogram\na_count 1\na_created 3\na_sum 1\n", "3 3"},
      {"others' line comes first",
       "# TYPE a counter\na_total{x=\"1\"} 1\na_total{x=\"2\"} 1\n"
       "a_created{x=\"1\"} 1\na_created{x=\"2\"} 2\n",
       "1 -"},
      {"behind another family", "# TYPE a counter\na_total 1\n# TYPE b counter\na_created 3\n", "-"},
      {"no counter", "# TYPE a gauge\na 1\na_created 3\n", "- -"},
      {"no type", "a 1\na_created 3\n", "- -"},
      {"labels in another order",
       "# TYPE a counter\na_total{x=\"1\",y=\"2\"} 1\n"
       "a_created{y=\"2\",x=\"1\"} 3\n",
       "-"},
      {"a name in quotes",
       "# TYPE \"a.b\" counter\n{\"a.b_total\",x=\"1\"} 1\n"
       "{\"a.b_created\",x=\"1\"} 3\n",
       "3"},
      {"no time", "# TYPE a counter\na_total 1\na_created NaN\n", "-"},
      {"too late for anybody", "# TYPE a counter\na_total 1\na_created 1e300\n", "-"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    CHECK(starts_of(row.page) == row.want);
  }
}

TEST_CASE("created lines: a series text that is malformed is refused") {
  CreatedLines created;
  CHECK_FALSE(created.read("a{x=}", MetricType::counter));
}

}  // namespace
}  // namespace narthex::scrape
