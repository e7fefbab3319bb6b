// What the verbs of `narthextool tsdb` print, against recorded texts of promtool 3.14 on the same
// blocks (golden/).
#include <doctest/doctest.h>

#include <cstdlib>

#include "apps/narthextool/progress.h"
#include "apps/narthextool/tsdb_analyze.h"
#include "apps/narthextool/tsdb_dump.h"
#include "apps/narthextool/tsdb_forget.h"
#include "apps/narthextool/tsdb_list.h"
#include "apps/narthextool/tsdb_verify.h"
#include "tests/tsdb/directory_fixture.h"
#include "tests/tsdb/why.h"

using namespace narthex;
using tsdb::why;

namespace {

constexpr const char* kSecondBlock = "01HF4YRXG1ABCDEFGHJKMNPQRS";

std::unique_ptr<io::FaultFileSystem> two_blocks() {
  auto fs = std::make_unique<io::FaultFileSystem>();
  tsdb::write_mixed_block(*fs, tsdb::kMixedBlock, tsdb::kStart - tsdb::kRange, 60);
  tsdb::write_mixed_block(*fs, kSecondBlock, tsdb::kStart, 7);
  return fs;
}

std::string golden(const std::string& name) {
  const char* root = std::getenv("NARTHEX_SOURCE_ROOT");
  INFO("run by meson, or set NARTHEX_SOURCE_ROOT");
  REQUIRE(root != nullptr);
  auto text = io::local_file_system().read_file(std::string(root) + "/tests/apps/golden/" + name);
  REQUIRE_MESSAGE(text, why(text));
  return *std::move(text);
}

/// What a verb prints; it must succeed.
template <class Verb>
std::string printed(Verb verb) {
  std::string out;
  const apps::Print print = [&](std::string_view text) { out += text; };
  const auto done = verb(print);
  CHECK_MESSAGE(done, why(done));
  return out;
}

}  // namespace

TEST_CASE("tsdb list prints promtool's table") {
  const auto fs = two_blocks();
  for (const bool human_readable : {false, true}) {
    CAPTURE(human_readable);
    const std::string got = printed(
        [&](const apps::Print& print) { return apps::list_blocks(*fs, "/data/", human_readable, print); });
    CHECK(got == golden(human_readable ? "list_human_readable.txt" : "list.txt"));
  }
  io::FaultFileSystem empty;
  REQUIRE(empty.make_directories("/data"));
  const std::string header =
      printed([&](const apps::Print& print) { return apps::list_blocks(empty, "/data", false, print); });
  CHECK(header ==
        "BLOCK ULID   MIN TIME     MAX TIME     DURATION     NUM SAMPLES  NUM CHUNKS   NUM SERIES   SIZE\n");
}

TEST_CASE("tsdb analyze prints promtool's lists, of the newest block unless one is named") {
  const auto fs = two_blocks();
  struct Row {
    std::string golden_file;
    apps::AnalyzeOptions options;
  };
  Row limit{"analyze_limit.txt", {}};
  limit.options.limit = 3;
  Row extended{"analyze_extended.txt", {}};
  extended.options.block = tsdb::kMixedBlock;
  extended.options.extended = true;
  Row match{"analyze_match.txt", {}};
  match.options.block = kSecondBlock;
  match.options.extended = true;
  match.options.selector = "{__name__=~\".*histogram\"}";
  for (Row& row : std::vector<Row>{limit, extended, match}) {
    CAPTURE(row.golden_file);
    row.options.directory = "/data";
    const std::string got =
        printed([&](const apps::Print& print) { return apps::analyze(*fs, row.options, print); });
    CHECK(got == golden(row.golden_file));
  }
}

TEST_CASE("tsdb dump prints samples, OpenMetrics or series as promtool does") {
  const auto fs = two_blocks();
  const struct {
    std::string golden_file;
    apps::DumpFormat format;
    Timestamp mint;
  } rows[] = {{"dump.txt", apps::DumpFormat::samples, tsdb::kStart},
              {"dump_openmetrics.txt", apps::DumpFormat::openmetrics, tsdb::kStart},
              {"dump_series.txt", apps::DumpFormat::series_json, kMinTime}};
  for (const auto& row : rows) {
    CAPTURE(row.golden_file);
    apps::DumpOptions options;
    options.directory = "/data";
    options.format = row.format;
    options.range.mint = row.mint;
    const std::string got =
        printed([&](const apps::Print& print) { return apps::dump(*fs, options, print); });
    CHECK(got == golden(row.golden_file));
  }
}

TEST_CASE("tsdb verbs: errors have promtool's words") {
  const auto fs = two_blocks();
  const apps::Print print = [](std::string_view) {};
  apps::DumpOptions dump;
  dump.directory = "/data";
  dump.selectors = {"a{"};
  CHECK(apps::dump(*fs, dump, print).error().text ==
        "1:3: parse error: unexpected end of input inside braces");
  apps::AnalyzeOptions analyze;
  analyze.directory = "/data";
  analyze.block = "foo";
  CHECK(apps::analyze(*fs, analyze, print).error().text == "invalid block ID foo");
  analyze.directory = "/nowhere";
  CHECK(apps::analyze(*fs, analyze, print).error().text ==
        "opening the db dir: stat /nowhere: no such file or directory");
}

TEST_CASE("tsdb dump prints what can be read of a damaged log, and fails") {
  io::FaultFileSystem fs;
  tsdb::Contents model;
  tsdb::make_directory(fs, model);
  tsdb::Files files;
  tsdb::collect_files(fs, "/data", files);
  std::string last;
  for (const auto& [path, text] : files) {
    if (path.starts_with("/data/wal/0") && !text.empty()) last = path;
  }
  files.at(last).at(files.at(last).size() / 2) ^= 1;
  const auto disk = tsdb::disk_with(files);
  std::string out;
  apps::DumpOptions options;
  options.directory = "/data";
  const auto done = apps::dump(*disk, options, [&](std::string_view text) { out += text; });
  REQUIRE(!done);
  CHECK(done.error().code == Code::corruption);
  CHECK(done.error().text.starts_with("1 places in the log cannot be read"));
  CHECK(out.size() > 1000);
}

TEST_CASE("tsdb verify prints findings, totals and a verdict") {
  const auto fs = two_blocks();
  const ManualClock clock(0);
  apps::Progress progress("verifying", apps::Progress::Mode::off, clock, [](std::string_view) {});
  std::string out;
  const apps::Print print = [&](std::string_view text) { out += text; };
  auto sound = apps::verify(*fs, "/data", progress, print);
  REQUIRE_MESSAGE(sound, why(sound));
  CHECK(*sound);
  CHECK(out ==
        "2 blocks, 6 series, 6 chunks, 201 samples; 0 log segments, 0 records; 0 head chunk files, 0 chunks; "
        "2647 bytes\nno damage, 0 notices\n");
  out.clear();
  tsdb::write_file(*fs, "/data/wal/00000000", io::as_bytes("\x01"));
  sound = apps::verify(*fs, "/data", progress, print);
  REQUIRE(sound);
  CHECK(*sound);
  CHECK(out.starts_with("notice: wal/00000000: offset 0: the last 1 bytes are a record"));
  CHECK(out.ends_with("no damage, 1 notice\n"));
  out.clear();
  tsdb::write_file(*fs, "/data/wal/00000002", {});
  sound = apps::verify(*fs, "/data", progress, print);
  REQUIRE(sound);
  CHECK(!*sound);
  CHECK(out.contains("damage: wal/00000002: segments 00000001 to 00000001 before it are missing\n"));
}

TEST_CASE("tsdb forget removes our own files, and what was set aside only if asked to") {
  const auto fs = two_blocks();
  const auto said = [&](bool quarantine) {
    return printed([&](const apps::Print& print) { return apps::forget(*fs, "/data", quarantine, print); });
  };
  CHECK(said(false) == "/data/narthex is not there: nothing to forget\n");
  tsdb::write_file(*fs, "/data/narthex/head.00000007", io::as_bytes("12345"));
  tsdb::write_file(*fs, "/data/narthex/manifest", io::as_bytes("123"));
  tsdb::write_file(*fs, "/data/narthex/quarantine/wal-00000001", io::as_bytes("1"));
  CHECK(said(false) ==
        "removed: /data/narthex/head.00000007 (5 bytes)\nremoved: /data/narthex/manifest (3 bytes)\n"
        "left: /data/narthex/quarantine\n");
  CHECK(fs->exists("/data/narthex/quarantine/wal-00000001"));
  CHECK_FALSE(fs->exists("/data/lock"));
  CHECK(said(true) == "removed: /data/narthex/quarantine (1 bytes)\n");
  CHECK_FALSE(fs->exists("/data/narthex"));

  tsdb::write_file(*fs, "/data/narthex/manifest", {});
  const auto server = fs->lock("/data/lock");
  REQUIRE(server);
  const auto refused = apps::forget(*fs, "/data", false, [](std::string_view) {});
  REQUIRE(!refused);
  CHECK(refused.error().code == Code::unavailable);
  CHECK(fs->exists("/data/narthex/manifest"));
}

TEST_CASE("progress: drawn over itself on a terminal, a line now and then elsewhere, never too often") {
  ManualClock clock(0);
  std::string out;
  const auto put = [&](std::string_view text) { out += text; };
  {
    apps::Progress progress("working", apps::Progress::Mode::terminal, clock, put);
    progress.update(1, 4);
    CHECK(out.empty());
    clock.advance(250);
    progress.update(1, 4);
    progress.update(2, 4);
    CHECK(out == "\r\033[Kworking: 25 % of 4 B");
    out.clear();
  }
  CHECK(out == "\r\033[K");
  out.clear();
  apps::Progress lines("working", apps::Progress::Mode::lines, clock, put);
  for (int i = 0; i < 100; ++i) {
    clock.advance(100);
    lines.update(static_cast<std::uint64_t>(i) << 20, 100 << 20);
  }
  CHECK(out == "working: 1 % of 100.0 MiB\nworking: 51 % of 100.0 MiB\n");
  out.clear();
  clock.advance(5000);
  lines.update(90, 360, "queries");
  CHECK(out == "working: 25 % of 360 queries\n");
}
