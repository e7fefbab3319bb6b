#include <doctest/doctest.h>

#include "tests/scrape/exposition/read_page.h"

using namespace narthex;
using namespace narthex::scrape;

TEST_CASE("OpenMetrics is read as Prometheus reads it") {
  const struct {
    std::string_view what;
    std::string_view page;
    std::string_view entries;
  } rows[] = {
      {"nothing but the end", "# EOF", ""},
      {"samples", "a 1\nb{c=\"d\"} 2\n# EOF\n", "{__name__=\"a\"} 1\n{__name__=\"b\", c=\"d\"} 2\n"},
      {"timestamps in seconds", "a 1 1.5\na 1 -2\na 1 1e3\n# EOF\n",
       "{__name__=\"a\"} 1 @1500\n{__name__=\"a\"} 1 @-2000\n{__name__=\"a\"} 1 @1000000\n"},
      {"a timestamp beyond reason", "a 1 1e300\n# EOF\n", "{__name__=\"a\"} 1 @-9223372036854775808\n"},
      {"metadata",
       "# HELP a_s A \\\"b\\\"\n# TYPE a_s gauge\n# UNIT a_s s\na_s 1\n# TYPE i info\n# TYPE s stateset\n"
       "# TYPE g gaugehistogram\n# TYPE u unknown\n# EOF\n",
       "HELP a_s A \"b\"\nTYPE a_s gauge\nUNIT a_s s\n{__name__=\"a_s\"} 1\nTYPE i info\nTYPE s stateset\n"
       "TYPE g gaugehistogram\nTYPE u unknown\n"},
      {"exemplars",
       "a_total 1 # {t=\"x\"} 0.5\na_total{b=\"c\"} 1 2 # {t=\"x\",u=\"\\\"\"} 0.5 3.5\na 1 # {} 7\n# EOF\n",
       "{__name__=\"a_total\"} 1 # {t=\"x\"} 0.5\n"
       "{__name__=\"a_total\", b=\"c\"} 1 @2000 # {t=\"x\", u=\"\\\\\\\"\"} 0.5 @3500\n"
       "{__name__=\"a\"} 1 # {} 7\n"},
      {"quoted names", "{\"a.b\",\"c d\"=\"e\"} 1\n# EOF\n", "{__name__=\"a.b\", \"c d\"=\"e\"} 1\n"},
      {"bounds",
       "# TYPE h histogram\nh_bucket{le=\"10\"} 1\n# TYPE g gaugehistogram\ng_bucket{le=\"10\"} 1\n# EOF\n",
       "TYPE h histogram\n{__name__=\"h_bucket\", le=\"10.0\"} 1\nTYPE g gaugehistogram\n"
       "{__name__=\"g_bucket\", le=\"10\"} 1\n"},
      {"a trailing comma", "a{b=\"c\",} 1\n# EOF\n", "{__name__=\"a\", b=\"c\"} 1\n"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    for (const ScanBlock scan : {best_scan_block(), &scan_block_scalar}) {
      const Page page = read_page(Format::open_metrics, row.page, scan);
      CHECK(page.error == "");
      CHECK(page.entries == row.entries);
    }
  }
}

TEST_CASE("OpenMetrics is refused as Prometheus refuses it, with its words and the line") {
  const struct {
    std::string_view page;
    std::string_view error;
    std::uint32_t line;
  } rows[] = {
      {"", "data does not end with # EOF", 1},
      {"a 1\n", "data does not end with # EOF", 2},
      {"\n", R"(expected a valid start token, got "\n" ("INVALID") while parsing: "\n")", 1},
      {"a 1\n# EOF\nb 1\n", "unexpected data after # EOF", 2},
      {"a\n# EOF\n", R"(expected value after metric, got "\n" ("INVALID") while parsing: "a\n")", 1},
      {"a\t1\n# EOF\n", R"(expected value after metric, got "\t" ("INVALID") while parsing: "a\t")", 1},
      {"a 1\t2\n# EOF\n", R"(strconv.ParseFloat: parsing "1\t2": invalid syntax while parsing: "a 1\t2")", 1},
      {"a 1 2 \n# EOF\n",
       R"(expected next entry after timestamp, got " \n" ("INVALID") while parsing: "a 1 2 \n")", 1},
      {"a 1 2 3\n# EOF\n",
       R"(expected next entry after timestamp, got " 3\n" ("TIMESTAMP") while parsing: "a 1 2 3\n")", 1},
      {"a 1 1z\n# EOF\n", R"(strconv.ParseFloat: parsing "1z": invalid syntax while parsing: "a 1 1z")", 1},
      {"a 1 NaN\n# EOF\n", "invalid timestamp NaN", 1},
      {"a 1 +Inf\n# EOF\n", "invalid timestamp +Inf", 1},
      {"a 1 # {} 1 -Inf\n# EOF\n", "invalid exemplar timestamp -Inf", 1},
      {"a{b=\"c\"d=\"e\"} 1\n# EOF\n",
       R"(expected comma or brace close, got "d=" ("LNAME") while parsing: "a{b=\"c\"d=")", 1},
      {"a{ b=\"c\"} 1\n# EOF\n", R"(expected label name, got " " ("INVALID") while parsing: "a{ ")", 1},
      {"a{b=\"c\n\"} 1\n# EOF\n",
       R"(expected label value, got "\"c\n" ("INVALID") while parsing: "a{b=\"c\n")", 1},
      {"a 1 # {b} 1\n# EOF\n", R"(expected equal, got "} " ("BCLOSE") while parsing: "a 1 # {b} ")", 1},
      {"a 1 # {\"b\"} 1\n# EOF\n",
       R"(expected label name, got "} " ("BCLOSE") while parsing: "a 1 # {\"b\"} ")", 1},
      {"a 1 # {b=\"c\"}\n# EOF\n",
       R"(expected value after exemplar labels, got "\n" ("INVALID") while parsing: "a 1 # {b=\"c\"}\n")", 1},
      {"# TYPE a untyped\n# EOF\n", R"(invalid metric type "untyped")", 1},
      {"# TYPE a\n# EOF\n", "expected text in TYPE", 1},
      // The lexer steps over the NUL bytes as if they were of the line.
      {std::string_view("# TYPE a gauge\n\0\0# EOF\n", 23), R"(invalid metric type "gauge\n\x00")", 1},
      {"# UNIT a_s m\n# EOF\n", R"(unit "m" not a suffix of metric "a_s")", 1},
      {"# UNIT as s\n# EOF\n", R"(unit "s" not a suffix of metric "as")", 1},
      {"#\n# EOF\n", R"(expected a valid start token, got "#\n" ("INVALID") while parsing: "#\n")", 1},
      {"# comment\n# EOF\n", R"(expected a valid start token, got "# c" ("INVALID") while parsing: "# c")",
       1},
  };
  for (const auto& row : rows) {
    CAPTURE(row.page);
    for (const ScanBlock scan : {best_scan_block(), &scan_block_scalar}) {
      const Page page = read_page(Format::open_metrics, row.page, scan);
      CHECK(page.error == row.error);
      CHECK(page.line == row.line);
    }
  }
}
