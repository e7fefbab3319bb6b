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
