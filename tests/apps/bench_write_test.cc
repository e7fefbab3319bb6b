#include "apps/narthextool/bench_write.h"

#include <doctest/doctest.h>

#include <regex>

#include "io/fault_file_system.h"
#include "tests/tsdb/why.h"
#include "tsdb/read_only.h"

using namespace narthex;
using tsdb::why;

namespace {

void write(io::FileSystem& fs, const std::string& path, std::string_view text) {
  auto file = fs.open_writable(path, io::OpenMode::create_new);
  REQUIRE_MESSAGE(file, why(file));
  REQUIRE((*file)->append(io::as_bytes(text)));
}

}  // namespace

TEST_CASE("label sets of a bench file are read a line each, repeated ones once") {
  io::FaultFileSystem fs;
  write(fs, "/series.json",
        "{\"__name__\":\"b\",\"a\":\"x\"}\n{\"a\":\"x\",\"__name__\":\"b\"}\r\n{\"__name__\":\"c\",\"url\":"
        "\"http://x\"}\n"
        "{\"__name__\":\"d\"}");
  const auto all = apps::read_bench_labels(fs, "/series.json", 100);
  REQUIRE_MESSAGE(all, why(all));
  REQUIRE(all->size() == 3);
  CHECK((*all)[0] == Labels{{"__name__", "b"}, {"a", "x"}});
  // Values end at a colon, as promtool has it.
  CHECK((*all)[1] == Labels{{"__name__", "c"}, {"url", "http"}});
  CHECK((*all)[2] == Labels{{"__name__", "d"}});
  CHECK(apps::read_bench_labels(fs, "/series.json", 2)->size() == 2);

  write(fs, "/bad.json", "{\"__name__\":\"b\"}\n\n");
  const auto bad = apps::read_bench_labels(fs, "/bad.json", 100);
  REQUIRE_FALSE(bad);
  CHECK(bad.error().text == "/bad.json:2: expected {\"name\":\"value\",...}, got \"\"");
}

TEST_CASE("a bench prints promtool's stages and leaves a data directory") {
  io::FaultFileSystem fs;
  std::string lines;
  for (int i = 0; i < 1500; ++i) lines += "{\"__name__\":\"m\",\"i\":\"" + std::to_string(i) + "\"}\n";
  write(fs, "/series.json", lines);
  apps::BenchWriteOptions options;
  options.out = "/out";
  options.samples_file = "/series.json";
  options.metrics = 1200;
  // Scrapes come in rounds of a hundred.
  options.scrapes = 101;
  // The second run empties what the first has left.
  for (int run = 0; run < 2; ++run) {
    std::string printed;
    apps::Progress progress("ingesting", apps::Progress::Mode::off, system_clock(), [](std::string_view) {});
    const auto done = apps::bench_write(fs, options, system_clock(), progress,
                                        [&](std::string_view text) { printed += text; });
    REQUIRE_MESSAGE(done, why(done));
    CAPTURE(printed);
    CHECK(std::regex_match(printed, std::regex(R"(>> start stage=readData
>> completed stage=readData duration=\S+s
>> start stage=ingestScrapes
ingestion completed
>> completed stage=ingestScrapes duration=\S+s
 > total samples: 240000
 > samples/sec: [0-9.e+]+
>> start stage=stopStorage
>> completed stage=stopStorage duration=\S+s
)")));
  }
  const auto db = tsdb::ReadOnlyDb::open(fs, "/out/storage");
  REQUIRE_MESSAGE(db, why(db));
  const std::vector<std::vector<Matcher>> selectors{{*Matcher::make(MatchOp::equal, "i", "1199")}};
  auto reader = db->series({}, selectors);
  REQUIRE_MESSAGE(reader, why(reader));
  tsdb::StoredSeries series;
  const auto found = (*reader)->next(series);
  REQUIRE_MESSAGE(found, why(found));
  REQUIRE(*found);
}

TEST_CASE("a bench does not empty a folder of something else") {
  io::FaultFileSystem fs;
  write(fs, "/series.json", "{\"__name__\":\"b\"}\n");
  REQUIRE(fs.make_directories("/precious"));
  write(fs, "/precious/letter.txt", "x");
  apps::BenchWriteOptions options;
  options.out = "/precious";
  options.samples_file = "/series.json";
  apps::Progress progress("ingesting", apps::Progress::Mode::off, system_clock(), [](std::string_view) {});
  const auto done = apps::bench_write(fs, options, system_clock(), progress, [](std::string_view) {});
  REQUIRE_FALSE(done);
  CHECK(done.error().text.find("letter.txt") != std::string::npos);
  CHECK(fs.exists("/precious/letter.txt"));
}
