#include "scrape/exposition/open_metrics_stream.h"

#include <doctest/doctest.h>

#include <string>

#include "model/value.h"
#include "tests/scrape/exposition/read_page.h"

using namespace narthex;
using namespace narthex::scrape;

namespace {

/// Series and types as read_page() prints them, and the error.
Page read_stream(std::string_view text, std::size_t piece_bytes) {
  OpenMetricsStream stream(text, piece_bytes);
  Page page;
  const auto refuse = [&](const Error& error) {
    page.error = error.text;
    page.line = error.at ? error.at->line : 0;
    return page;
  };
  for (;;) {
    const auto kind = stream.next();
    if (!kind) return refuse(kind.error());
    if (*kind == EntryKind::end) return page;
    const Entry& entry = stream.entry();
    if (*kind == EntryKind::type) {
      page.entries +=
          "TYPE " + std::string(entry.name) + " " + std::string(metric_type_name(stream.type())) + "\n";
    }
    if (*kind != EntryKind::series) continue;
    const auto labels = parse_series(entry.series_text, {Format::open_metrics, stream.type(), "", false});
    if (!labels) return refuse(stream.explain(labels.error()));
    const auto value = parse_value_or_error(entry.value_text);
    if (!value) return refuse(stream.explain(value.error()));
    page.entries += labels->to_string() + " " + format_general(*value);
    if (entry.timestamp) page.entries += " @" + std::to_string(*entry.timestamp);
    page.entries += "\n";
  }
}

}  // namespace

TEST_CASE("an OpenMetrics text says the same in pieces of any size") {
  constexpr std::string_view kSeveralFamilies =
      "# TYPE h histogram\nh_bucket{le=\"1\"} 1 10\nh_bucket{le=\"+Inf\"} 2 10\n# TYPE c counter\n"
      "c_total{a=\"}\\\"\\\\\\n\"} 17 1520879607.789\nc_total 18 1520879608\n# EOF\n";
  const std::string_view rows[] = {
      "# EOF",
      "# EOF\n",
      "a 1 1\n# EOF\n",
      "a 1 1\n# EOF",
      kSeveralFamilies,
      // Refused, at different places:
      "",
      "a 1 1\n",
      "a 1 1\nb 2 2",
      "a 1 1\n\n# EOF\n",
      "a 1 1\nb{c=\"d\" 2 2\n# EOF\n",
      "a 1 1\nb x 2\n# EOF\n",
      "a 1 1\nb{c=\"d\",c=\"e\"} 1 2\n# EOF\n",
      "a 1 1\n# EOF\na 2 2\n",
      "a 1 1\n# EOF\n# EOF\n",
      std::string_view("# HELP a text\n\0a 1 1\n# EOF\n", 27),
  };
  for (const std::string_view text : rows) {
    CAPTURE(text);
    const Page whole = read_stream(text, text.size() + 1);
    // What the parser by itself says.
    const Page page = read_page(Format::open_metrics, text);
    CHECK(whole.error == page.error);
    CHECK(whole.line == page.line);
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
      CAPTURE(piece);
      const Page pieces = read_stream(text, piece);
      CHECK(pieces.entries == whole.entries);
      CHECK(pieces.error == whole.error);
      CHECK(pieces.line == whole.line);
    }
  }
}
