// Blocks made of OpenMetrics texts: which samples come where, and what is refused.
#include "apps/narthextool/import_openmetrics.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "apps/narthextool/tsdb_dump.h"
#include "io/fault_file_system.h"
#include "tests/tsdb/why.h"
#include "tsdb/read_only.h"

using namespace narthex;
using tsdb::why;

namespace {

constexpr DurationMs kHour = 3'600'000;

struct Imported {
  std::unique_ptr<io::FaultFileSystem> fs = std::make_unique<io::FaultFileSystem>();
  Result<void> result;
  std::string printed;
};

Imported import_text(std::string_view text, apps::OpenMetricsImportOptions options = {}) {
  Imported imported;
  auto file = imported.fs->open_writable("/input.txt", io::OpenMode::create_new);
  REQUIRE(file);
  REQUIRE((*file)->append(io::as_bytes(text)));
  options.input = "/input.txt";
  options.directory = "/data/";
  apps::Progress progress("importing", apps::Progress::Mode::off, system_clock(), [](std::string_view) {});
  imported.result = apps::import_openmetrics(*imported.fs, options, system_clock(), progress,
                                             [&](std::string_view out) { imported.printed += out; });
  return imported;
}

std::string dumped(const Imported& imported) {
  std::string out;
  apps::DumpOptions options;
  options.directory = "/data";
  const auto done = apps::dump(*imported.fs, options, [&](std::string_view text) { out += text; });
  CHECK_MESSAGE(done, why(done));
  return out;
}

tsdb::Blocks blocks_of(const Imported& imported) {
  const auto db = tsdb::ReadOnlyDb::open(*imported.fs, "/data");
  REQUIRE_MESSAGE(db, why(db));
  auto blocks = db->blocks();
  REQUIRE_MESSAGE(blocks, why(blocks));
  return *std::move(blocks);
}

}  // namespace

TEST_CASE("an OpenMetrics text becomes blocks that begin at multiples of their duration") {
  const std::string_view text = R"(# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{code="200"} 1021 1565133713.989
http_requests_total{code="200"} 1022 1565144513.989
http_requests_total{code="400"} 2 1565155313.989
http_requests_total{code="400"} 1 1565166113.989
# TYPE lag gauge
lag -0.5 1565133714
# EOF
)";
  const auto imported = import_text(text);
  REQUIRE_MESSAGE(imported.result, why(imported.result));
  CHECK(dumped(imported) == R"({__name__="http_requests_total", code="200"} 1021 1565133713989
{__name__="http_requests_total", code="200"} 1022 1565144513989
{__name__="http_requests_total", code="400"} 2 1565155313989
{__name__="http_requests_total", code="400"} 1 1565166113989
{__name__="lag"} -0.5 1565133714000
)");
  const auto blocks = blocks_of(imported);
  REQUIRE(blocks.size() == 4);
  for (const auto& block : blocks) {
    const tsdb::BlockMeta& meta = block->meta();
    CHECK(apps::start_of_block(meta.mint, 2 * kHour) == apps::start_of_block(meta.maxt - 1, 2 * kHour));
    CHECK(meta.level == 1);
    CHECK(meta.sources == std::vector{meta.ulid});
  }
  // As promtool: from the first sample to just behind the last.
  CHECK(blocks[0]->meta().mint == 1565133713989);
  CHECK(blocks[0]->meta().maxt == 1565133714001);
  CHECK(imported.printed.starts_with("BLOCK ULID "));
  CHECK(std::ranges::count(imported.printed, '\n') == 5);
}

TEST_CASE("blocks of an import are as long as is allowed, by powers of three") {
  const struct {
    DurationMs longest;
    DurationMs want;
  } rows[] = {{0, 2 * kHour},         {kHour, 2 * kHour},           {6 * kHour - 1, 2 * kHour},
              {6 * kHour, 6 * kHour}, {2048 * kHour, 1458 * kHour}, {200'000 * kHour, 39366 * kHour}};
  for (const auto& row : rows) {
    CAPTURE(row.longest);
    CHECK(apps::import_block_duration(row.longest) == row.want);
  }
  CHECK(apps::start_of_block(-1, 2 * kHour) == -2 * kHour);
  CHECK(apps::start_of_block(2 * kHour, 2 * kHour) == 2 * kHour);
}

TEST_CASE("an import is the same whatever is in memory at a time") {
  std::string text;
  for (int series = 0; series < 3; ++series) {
    for (int t = -10; t < 40; ++t)
      text += "a{b=\"" + std::to_string(series) + "\"} 1 " + std::to_string(t * 1800) + "\n";
  }
  text += "# EOF\n";
  const auto all = import_text(text);
  REQUIRE_MESSAGE(all.result, why(all.result));
  CHECK(std::ranges::count(dumped(all), '\n') == 150);
  CHECK(blocks_of(all).size() == 13);
  for (const std::uint64_t most : {1, 20, 50}) {
    CAPTURE(most);
    apps::OpenMetricsImportOptions options;
    options.samples_at_a_time = most;
    options.quiet = true;
    const auto some = import_text(text, options);
    REQUIRE_MESSAGE(some.result, why(some.result));
    CHECK(dumped(some) == dumped(all));
    CHECK(blocks_of(some).size() == 13);
    CHECK(some.printed.empty());
  }
}

TEST_CASE("labels of the command line are set on every series, and empty ones taken away") {
  apps::OpenMetricsImportOptions options;
  options.labels = {{"cluster", "eu"}, {"code", "all"}, {"gone", ""}};
  const auto imported = import_text("a{code=\"200\",gone=\"x\"} 1 1\nb 2 1\n# EOF\n", options);
  REQUIRE_MESSAGE(imported.result, why(imported.result));
  CHECK(dumped(imported) ==
        "{__name__=\"a\", cluster=\"eu\", code=\"all\"} 1 1000\n"
        "{__name__=\"b\", cluster=\"eu\", code=\"all\"} 2 1000\n");
}

TEST_CASE("bounds of buckets are floats where the type says histogram") {
  const auto imported = import_text(
      "# TYPE h histogram\nh_bucket{le=\"1\"} 1 1\nh_bucket{le=\"+Inf\"} 1 1\n# TYPE g gauge\ng{le=\"1\"} 1 "
      "1\n# EOF\n");
  REQUIRE_MESSAGE(imported.result, why(imported.result));
  CHECK(dumped(imported) ==
        "{__name__=\"g\", le=\"1\"} 1 1000\n"
        "{__name__=\"h_bucket\", le=\"+Inf\"} 1 1000\n"
        "{__name__=\"h_bucket\", le=\"1.0\"} 1 1000\n");
}

TEST_CASE("what is wrong with a text is said with its line before anything is written") {
  const struct {
    std::string_view text;
    std::string_view error;
  } rows[] = {
      {"a 1 1\nb 2\n# EOF\n",
       "getting min and max timestamp: expected timestamp for series got none (line 2)"},
      {"a 1 1\n", "getting min and max timestamp: next: data does not end with # EOF (line 2)"},
      {"a 1 1\n# EOF\na 1 2\n", "getting min and max timestamp: next: unexpected data after # EOF (line 2)"},
      {"# TYPE a bad_type\na 1 1\n# EOF\n",
       "getting min and max timestamp: next: invalid metric type \"bad_type\" (line 1)"},
      {"a{b=\"c\",b=\"d\"} 1 1\n# EOF\n",
       "getting min and max timestamp: next: label name \"b\" is not unique: invalid sample (line 1)"},
      {"a x 1\n# EOF\n",
       "getting min and max timestamp: next: strconv.ParseFloat: parsing \"x\": invalid syntax while "
       "parsing: \"a "
       "x\" "
       "(line 1)"},
      {"a 1 8e15\n# EOF\n",
       "getting min and max timestamp: next: the timestamp is too far from now (line 1)"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto imported = import_text(row.text);
    REQUIRE_FALSE(imported.result);
    CHECK(imported.result.error().text == row.error);
    CHECK(imported.fs->list("/data")->empty());
  }
  io::FaultFileSystem fs;
  apps::OpenMetricsImportOptions options;
  options.input = "/missing.txt";
  options.directory = "/data";
  apps::Progress progress("importing", apps::Progress::Mode::off, system_clock(), [](std::string_view) {});
  const auto missing =
      apps::import_openmetrics(fs, options, system_clock(), progress, [](std::string_view) {});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().text == "stat /missing.txt: no such file or directory");
}

TEST_CASE("an empty text makes no block") {
  const auto imported = import_text("# EOF\n");
  CHECK_MESSAGE(imported.result, why(imported.result));
  CHECK(imported.fs->list("/data")->empty());
  CHECK(imported.printed.empty());
}

TEST_CASE("samples out of order end an import, but for those of one batch, which are left out") {
  const std::string_view head = "a 1 100\na 2 200\n";
  const struct {
    std::string_view rest;
    std::size_t batch;
    std::string_view error;
    std::string_view dump;
  } rows[] = {
      {"a 3 150\na 4 300\n", 5000, "", "1 100000|2 200000|4 300000|"},
      {"a 3 200\na 2 200\na 4 300\n", 5000, "", "1 100000|2 200000|4 300000|"},
      {"a 3 150\n", 2, "add sample: out of order sample (line 3)", ""},
      {"a 2 200\na 4 300\n", 2, "", "1 100000|2 200000|4 300000|"},
      {"a 3 200\n", 2,
       "add sample: duplicate sample for timestamp 200000; overrides not allowed: existing 2, new value 3 "
       "(line 3)",
       ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.rest);
    CAPTURE(row.batch);
    apps::OpenMetricsImportOptions options;
    options.batch = row.batch;
    const auto imported = import_text(std::string(head) + std::string(row.rest) + "# EOF\n", options);
    if (!row.error.empty()) {
      REQUIRE_FALSE(imported.result);
      CHECK(imported.result.error().text == "block creation: process blocks: " + std::string(row.error));
      continue;
    }
    REQUIRE_MESSAGE(imported.result, why(imported.result));
    std::string got = dumped(imported);
    for (std::size_t at; (at = got.find("{__name__=\"a\"} ")) != std::string::npos;) got.erase(at, 15);
    std::ranges::replace(got, '\n', '|');
    CHECK(got == row.dump);
  }
}

TEST_CASE("a block that cannot be written is an error and leaves nothing half done") {
  io::FaultFileSystem fs;
  auto file = fs.open_writable("/input.txt", io::OpenMode::create_new);
  REQUIRE(file);
  REQUIRE((*file)->append(io::as_bytes("a 1 1\n# EOF\n")));
  fs.set_free_bytes(10);
  apps::OpenMetricsImportOptions options;
  options.input = "/input.txt";
  options.directory = "/data";
  apps::Progress progress("importing", apps::Progress::Mode::off, system_clock(), [](std::string_view) {});
  const auto imported =
      apps::import_openmetrics(fs, options, system_clock(), progress, [](std::string_view) {});
  REQUIRE_FALSE(imported);
  CHECK(imported.error().text.starts_with("block creation: process blocks: flush: "));
  CHECK(fs.list("/data")->empty());
}
