#include <doctest/doctest.h>

#include "tests/scrape/exposition/read_page.h"

using namespace narthex;
using namespace narthex::scrape;

TEST_CASE("the text format is read as Prometheus reads it") {
  const struct {
    std::string_view what;
    std::string_view page;
    std::string_view entries;
  } rows[] = {
      {"nothing", "", ""},
      {"no newline at the end", "a 1", "{__name__=\"a\"} 1\n"},
      {"blank lines", "\n\n a 1\n \t\n", "{__name__=\" a\"} 1\n"},
      {"labels", "a{b=\"c\",d=\"e\"} 1.5\n", "{__name__=\"a\", b=\"c\", d=\"e\"} 1.5\n"},
      {"no labels in braces", "a{} 1\n", "{__name__=\"a\"} 1\n"},
      {"blanks everywhere", "a { b = \"c\" , } \t 1 \t 5 \n", "{__name__=\"a\", b=\"c\"} 1 @5\n"},
      {"no blank before the value", "a{b=\"c\"}1\nb+2\n",
       "{__name__=\"a\", b=\"c\"} 1\n{__name__=\"b\"} 2\n"},
      {"no commas", "a{b=\"c\" d=\"e\"} 1\n", "{__name__=\"a\", b=\"c\", d=\"e\"} 1\n"},
      {"braces, quotes and newlines in values", "a{b=\"}{\\\"\\\\\\n\n,\"} 1\n",
       "{__name__=\"a\", b=\"}{\\\"\\\\\\n\\n,\"} 1\n"},
      {"an unknown escape stays", "a{b=\"\\d\"} 1\n", "{__name__=\"a\", b=\"\\\\d\"} 1\n"},
      {"empty values are no labels", "a{b=\"\"} 1\n", "{__name__=\"a\"} 1\n"},
      {"NUL bytes in values", std::string_view("a{b=\"x\0\"} 1\n", 12), "{__name__=\"a\", b=\"x\\x00\"} 1\n"},
      {"quoted names", "{\"a.b\",\"c d\"=\"e\"} 1\n{\"x\\ny\"} 2\n",
       "{__name__=\"a.b\", \"c d\"=\"e\"} 1\n{__name__=\"x\\ny\"} 2\n"},
      {"a quoted name anywhere", "{b=\"c\",\"a\"} 1\n", "{__name__=\"a\", b=\"c\"} 1\n"},
      {"values", "a NaN\na +Inf\na -inf\na 1e3\na .5\na -0\n",
       "{__name__=\"a\"} NaN\n{__name__=\"a\"} +Inf\n{__name__=\"a\"} -Inf\n{__name__=\"a\"} 1000\n"
       "{__name__=\"a\"} 0.5\n{__name__=\"a\"} -0\n"},
      {"timestamps", "a 1 0\na 1 9223372036854775807\n",
       "{__name__=\"a\"} 1 @0\n{__name__=\"a\"} 1 @9223372036854775807\n"},
      {"metadata", "# HELP a A \\\\ b\\n\\\"c\n# TYPE a counter\na 1\n",
       "HELP a A \\ b\n\\\"c\nTYPE a counter\n{__name__=\"a\"} 1\n"},
      {"quoted metadata", "# HELP \"a.b\" x\n#\t TYPE\t\"a.b\" untyped\n", "HELP a.b x\nTYPE a.b unknown\n"},
      {"empty help", "# HELP a\n# HELP a \n# HELP a  \n", "HELP a \nHELP a \nHELP a \n"},
      {"comments", "#\n# x\n#HELP a b\n# HELPx\n# EOF\n", "#\n# x\n#HELP a b\n# HELPx\n# EOF\n"},
      {"bounds of histograms",
       "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_bucket{le=\"x\"} "
       "1\nh{quantile=\"1\"} 1\n",
       "TYPE h histogram\n{__name__=\"h_bucket\", le=\"1.0\"} 1\n{__name__=\"h_bucket\", le=\"+Inf\"} 1\n"
       "{__name__=\"h_bucket\", le=\"x\"} 1\n{__name__=\"h\", quantile=\"1\"} 1\n"},
      {"quantiles of summaries", "# TYPE s summary\ns{quantile=\"0.50\"} 1\ns{le=\"1\"} 1\n",
       "TYPE s summary\n{__name__=\"s\", quantile=\"0.5\"} 1\n{__name__=\"s\", le=\"1\"} 1\n"},
      {"bounds without a type", "h_bucket{le=\"1\"} 1\n", "{__name__=\"h_bucket\", le=\"1\"} 1\n"},
      {"a NUL byte at the start of a line ends the page", std::string_view("a 1\n\0b", 6),
       "{__name__=\"a\"} 1\n"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    for (const ScanBlock scan : {best_scan_block(), &scan_block_scalar}) {
      const Page page = read_page(Format::text, row.page, scan);
      CHECK(page.error == "");
      CHECK(page.entries == row.entries);
    }
  }
}

TEST_CASE("the text format is refused as Prometheus refuses it, with its words and the line") {
  const struct {
    std::string_view page;
    std::string_view error;
    std::uint32_t line;
  } rows[] = {
      {"a", R"(expected value after metric, got "\n" ("INVALID") while parsing: "a\n")", 1},
      {"a 1\nb{c='d'} 1\n", R"(expected label value, got "'" ("INVALID") while parsing: "b{c='")", 2},
      {"a{b=\n", R"(expected label value, got "\n" ("INVALID") while parsing: "a{b=\n")", 1},
      {"a{b} 1\n", R"(expected equal, got "} " ("BCLOSE") while parsing: "a{b} ")", 1},
      {"a{,} 1\n", R"(expected label name, got ",}" ("COMMA") while parsing: "a{,}")", 1},
      {"a{\xff=\"foo\"} 1\n", R"(expected label name, got "\xff" ("INVALID") while parsing: "a{\xff")", 1},
      {"a{b=\"\xff\"} 1\n", R"(invalid UTF-8 label value: "\"\xff\"")", 1},
      {"{\"a\",\"b\"} 1\n", R"(metric name already set while parsing: "{\"a\",\"b\"}")", 1},
      {"a{\"b\"} 1\n", R"(metric name already set while parsing: "a{\"b\"}")", 1},
      {"{b=\"c\"} 1\n", R"(metric name not set while parsing: "{b=\"c\"} 1")", 1},
      {"a{b=\"1\",b=\"2\"} 1\n", R"(label name "b" is not unique: invalid sample)", 1},
      {"a{__name__=\"b\"} 1\n", R"(label name "__name__" is not unique: invalid sample)", 1},
      {"\n\na true\n", R"(strconv.ParseFloat: parsing "true": invalid syntax while parsing: "a true")", 3},
      {"a 1\r\n", R"(strconv.ParseFloat: parsing "1\r": invalid syntax while parsing: "a 1\r")", 1},
      {"a 1e999\n", R"(strconv.ParseFloat: parsing "1e999": value out of range while parsing: "a 1e999")", 1},
      {"a 1_2\n", R"(unsupported character in float while parsing: "a 1_2")", 1},
      {"a 0x1p-3\n", R"(unsupported character in float while parsing: "a 0x1p-3")", 1},
      {"a 1 1_2\n", R"(expected next entry after timestamp, got "_" ("INVALID") while parsing: "a 1 1_")", 1},
      {"a 1 -5\n", R"(expected timestamp or new record, got "-" ("INVALID") while parsing: "a 1 -")", 1},
      {"a 1 99999999999999999999\n",
       R"(strconv.ParseInt: parsing "99999999999999999999": value out of range while parsing: "a 1 99999999999999999999")",
       1},
      {"a 1 2 3\n",
       R"(expected next entry after timestamp, got "3\n" ("TIMESTAMP") while parsing: "a 1 2 3\n")", 1},
      {"9a 1\n", R"(expected a valid start token, got "9" ("INVALID") while parsing: "9")", 1},
      {"# TYPE a blah\n", R"(invalid metric type "blah")", 1},
      {"# TYPE a\n", R"(invalid metric type "")", 1},
      {"# TYPE #\n", R"(expected metric name after TYPE, got "#" ("INVALID") while parsing: "# TYPE #")", 1},
      {"# HELP a \xff\n", R"(help text "\xff" is not a valid utf8 string)", 1},
  };
  for (const auto& row : rows) {
    CAPTURE(row.page);
    for (const ScanBlock scan : {best_scan_block(), &scan_block_scalar}) {
      const Page page = read_page(Format::text, row.page, scan);
      CHECK(page.error == row.error);
      CHECK(page.line == row.line);
    }
  }
}
