#include "query/engine/active_query_file.h"

#include <doctest/doctest.h>

#include "io/fault_file_system.h"

namespace narthex::query {

TEST_CASE("queries.active is written byte for byte as Prometheus writes it") {
  io::FaultFileSystem disk;
  const ManualClock clock(1'700'000'000'123);
  auto file = ActiveQueryFile::open(disk, "/data", 3, clock);
  REQUIRE(file.has_value());
  std::string want(3001, '\0');
  want[0] = '[';
  CHECK(*disk.read_file("/data/queries.active") == want);

  (*file)->begin(1, "sum(up) > \"<x>\"");
  const std::string entry = R"({"query":"sum(up) \u003e \"\u003cx\u003e\"","timestamp_sec":1700000000})";
  want.replace(1001, entry.size(), entry);
  want[2000] = ',';
  CHECK(*disk.read_file("/data/queries.active") == want);

  (*file)->end(1);
  std::string empty(3001, '\0');
  empty[0] = '[';
  CHECK(*disk.read_file("/data/queries.active") == empty);
}

TEST_CASE("an entry of queries.active fills its slot and no more, whatever the query") {
  io::FaultFileSystem disk;
  const ManualClock clock(1'700'000'000'000);
  const std::string overhead = R"({"query":"","timestamp_sec":1700000000})";
  auto file = ActiveQueryFile::open(disk, "/data", 2, clock);
  REQUIRE(file.has_value());
  (*file)->begin(1, "second");
  (*file)->begin(0, std::string(5000, 'x'));
  const std::string text = *disk.read_file("/data/queries.active");
  CHECK(text.substr(1, 999) ==
        R"({"query":")" + std::string(1000 - 1 - overhead.size(), 'x') + R"(","timestamp_sec":1700000000})");
  CHECK(text[1000] == ',');
  CHECK(text.substr(1001, 18) == R"({"query":"second",)");

  // A rune is not cut in two: the room for the query is odd.
  std::string two_byte_runes;
  for (int i = 0; i < 600; ++i) two_byte_runes += "\xC3\xA4";
  (*file)->begin(0, two_byte_runes);
  const std::string cut = *disk.read_file("/data/queries.active");
  const std::size_t end = cut.find("\",\"timestamp_sec\"");
  CHECK(cut.substr(end - 2, 2) == "\xC3\xA4");
}

TEST_CASE("what a crash has left in queries.active becomes a JSON list") {
  std::string file(2001, '\0');
  CHECK(unfinished_queries(file).empty());
  file[0] = '[';
  CHECK(unfinished_queries(file).empty());
  const std::string entry = R"({"query":"up","timestamp_sec":1})";
  file.replace(1, entry.size(), entry);
  file[1000] = ',';
  CHECK(unfinished_queries(file) == "[" + entry + "]");
  file.replace(1001, entry.size(), entry);
  file[2000] = ',';
  CHECK(unfinished_queries(file) == "[" + entry + "," + entry + "]");
}

TEST_CASE("opening queries.active anew empties it and fits it to the slots") {
  io::FaultFileSystem disk;
  const ManualClock clock(0);
  {
    auto file = ActiveQueryFile::open(disk, "/data", 5, clock);
    REQUIRE(file.has_value());
    (*file)->begin(4, "left behind");
  }
  auto file = ActiveQueryFile::open(disk, "/data", 2, clock);
  REQUIRE(file.has_value());
  const std::string text = *disk.read_file("/data/queries.active");
  CHECK(text.size() == 2001);
  CHECK(text.find("left behind") == std::string::npos);
}

}  // namespace narthex::query
