#include "scrape/metadata_cache.h"

#include <doctest/doctest.h>

#include "scrape/exposition/parser.h"

using namespace narthex;
using namespace narthex::scrape;

namespace {

void scrape_page(MetadataCache& cache, const std::string& text, bool accepted = true) {
  const ScrapeBody body(text);
  Parser parser(body, Format::text);
  for (;;) {
    const auto kind = parser.next();
    REQUIRE(kind);
    if (*kind == EntryKind::end) break;
    if (*kind == EntryKind::type || *kind == EntryKind::help) cache.update(parser.entry(), Format::text);
  }
  cache.end_scrape(accepted);
}

}  // namespace

TEST_CASE("metadata is kept as the target last said it") {
  MetadataCache cache;
  scrape_page(cache, "# HELP a first\\nline\n# TYPE a counter\n# TYPE b gauge\n");
  auto all = cache.list("");
  REQUIRE(all.size() == 2);
  CHECK(all[0].first == "a");
  CHECK(all[0].second == MetricMetadata{"counter", "first\nline", ""});
  CHECK(all[1].second == MetricMetadata{"gauge", "", ""});
  CHECK(cache.size_bytes() == 7 + 10 + 5);

  scrape_page(cache, "# HELP a second\n# TYPE a counter\n# TYPE b gauge\n");
  CHECK(cache.list("a")[0].second.help == "second");
  CHECK(cache.list("c").empty());
  CHECK(cache.count() == 2);
}

TEST_CASE("metadata outlives its lines by ten scrapes") {
  MetadataCache cache;
  scrape_page(cache, "# TYPE a counter\n# TYPE b gauge\n");
  for (int i = 0; i < 10; ++i) {
    scrape_page(cache, "# TYPE b gauge\n");
    CHECK(cache.count() == 2);
  }
  scrape_page(cache, "", false);
  CHECK(cache.count() == 2);
  scrape_page(cache, "# TYPE b gauge\n");
  CHECK(cache.count() == 1);
  CHECK(cache.size_bytes() == 5);
}

TEST_CASE("metadata outlives its lines by ten scrapes, too, if they were missing in a refused page first") {
  MetadataCache cache;
  scrape_page(cache, "# TYPE a counter\n# TYPE b gauge\n");
  scrape_page(cache, "# TYPE a counter\n# TYPE c gauge\n", false);
  for (int i = 0; i < 9; ++i) {
    scrape_page(cache, "# TYPE a counter\n# TYPE c gauge\n");
    CHECK(cache.count() == 3);
  }
  scrape_page(cache, "# TYPE a counter\n# TYPE c gauge\n");
  CHECK(cache.count() == 2);
  CHECK(cache.list("b").empty());
}

TEST_CASE("the ten scrapes count from the last page that had the line, refused or not") {
  const std::string a = "# TYPE a counter\n";
  const std::string b = "# TYPE b gauge\n";
  const struct {
    std::string before;   // accepted, many times
    std::string refused;  // then this
    int times;
    int kept;  // pages without `b` that leave it
  } rows[] = {
      {a + b, "", 0, 10}, {a + b, a + b, 12, 10}, {a + b, a, 4, 6}, {a + b, "", 4, 6}, {b + a, b, 4, 10},
  };
  for (const auto& row : rows) {
    CAPTURE(row.before);
    CAPTURE(row.refused);
    CAPTURE(row.times);
    MetadataCache cache;
    for (int i = 0; i < 20; ++i) scrape_page(cache, row.before);
    for (int i = 0; i < row.times; ++i) scrape_page(cache, row.refused, false);
    for (int i = 0; i < row.kept; ++i) {
      scrape_page(cache, a);
      CHECK(cache.count() == 2);
    }
    scrape_page(cache, a);
    CHECK(cache.count() == 1);
  }
}
