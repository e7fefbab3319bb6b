#include "io/fault_file_system.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

using namespace narthex;
using namespace narthex::io;

namespace {

std::unique_ptr<WritableFile> opened(FileSystem& fs, const std::string& path,
                                     OpenMode mode = OpenMode::create_truncate) {
  auto file = fs.open_writable(path, mode);
  REQUIRE(file.has_value());
  return std::move(*file);
}

/// /data exists and would survive a crash.
void make_data(FaultFileSystem& fs) {
  REQUIRE(fs.make_directories("/data").has_value());
  REQUIRE(fs.sync_directory("/").has_value());
}

}  // namespace

TEST_CASE("a crash keeps what was synced, of files and of directories") {
  FaultFileSystem fs;
  make_data(fs);
  const auto file = opened(fs, "/data/f");
  REQUIRE(file->append(as_bytes("synced")).has_value());
  REQUIRE(file->sync().has_value());
  REQUIRE(fs.sync_directory("/data").has_value());
  REQUIRE(file->append(as_bytes(" lost")).has_value());
  REQUIRE(file->write_at(0, as_bytes("X")).has_value());
  REQUIRE(opened(fs, "/data/entry-lost")->sync().has_value());
  fs.crash();
  CHECK(fs.read_file("/data/f").value() == "synced");
  CHECK_FALSE(fs.exists("/data/entry-lost"));
}

TEST_CASE("a crash undoes renames and removals that were not synced") {
  FaultFileSystem fs;
  make_data(fs);
  for (const char* name : {"/data/a", "/data/b"}) REQUIRE(opened(fs, name)->sync().has_value());
  REQUIRE(fs.sync_directory("/data").has_value());
  REQUIRE(fs.rename("/data/a", "/data/c").has_value());
  REQUIRE(fs.remove_file("/data/b").has_value());
  fs.crash();
  CHECK(fs.exists("/data/a"));
  CHECK(fs.exists("/data/b"));
  CHECK_FALSE(fs.exists("/data/c"));

  REQUIRE(fs.rename("/data/a", "/data/c").has_value());
  REQUIRE(fs.sync_directory("/data").has_value());
  fs.crash();
  CHECK_FALSE(fs.exists("/data/a"));
  CHECK(fs.exists("/data/c"));
}

TEST_CASE("replace_file leaves the old or the new content, whichever call fails") {
  for (int failing = 0;; ++failing) {
    CAPTURE(failing);
    FaultFileSystem fs;
    make_data(fs);
    REQUIRE(replace_file(fs, "/data/f", as_bytes("old")).has_value());
    int calls = 0;
    fs.set_judge([&](Operation, const std::string&) -> std::optional<Error> {
      if (calls++ == failing) return Error{Code::io, "injected", std::nullopt};
      return std::nullopt;
    });
    const auto replaced = replace_file(fs, "/data/f", as_bytes("new"));
    fs.crash();
    fs.set_judge(nullptr);
    const std::string content = fs.read_file("/data/f").value();
    if (replaced) {
      CHECK(content == "new");
      CHECK(failing > 4);
      break;
    }
    CHECK((content == "old" || content == "new"));
    CHECK(replaced.error().text.find("injected") != std::string::npos);
  }
}

TEST_CASE("publish_directory shows nothing or everything, whichever call fails") {
  for (int failing = 0;; ++failing) {
    CAPTURE(failing);
    FaultFileSystem fs;
    make_data(fs);
    REQUIRE(fs.make_directories("/data/b.tmp/chunks").has_value());
    REQUIRE(opened(fs, "/data/b.tmp/chunks/1")->append(as_bytes("chunk")).has_value());
    REQUIRE(opened(fs, "/data/b.tmp/index")->append(as_bytes("index")).has_value());
    int calls = 0;
    fs.set_judge([&](Operation, const std::string&) -> std::optional<Error> {
      if (calls++ == failing) return Error{Code::io, "injected", std::nullopt};
      return std::nullopt;
    });
    const auto published = publish_directory(fs, "/data/b.tmp", "/data/b");
    fs.set_judge(nullptr);
    CHECK(fs.exists("/data/b") == published.has_value());
    fs.crash();
    if (fs.exists("/data/b")) {
      CHECK(fs.read_file("/data/b/chunks/1").value() == "chunk");
      CHECK(fs.read_file("/data/b/index").value() == "index");
    }
    if (!published) continue;
    CHECK(fs.exists("/data/b"));
    break;
  }
}

TEST_CASE("a full disk refuses, with a part of the write if asked for") {
  FaultFileSystem fs;
  make_data(fs);
  const auto file = opened(fs, "/data/f");
  fs.set_free_bytes(4);
  const auto written = file->append(as_bytes("123456"));
  CHECK(written.error().code == Code::io);
  CHECK(written.error().text == "writing to /data/f: No space left on device");
  CHECK(fs.read_file("/data/f").value().empty());
  fs.set_free_bytes(4);
  fs.set_short_write(true);
  CHECK_FALSE(file->append(as_bytes("123456")).has_value());
  CHECK(fs.read_file("/data/f").value() == "1234");
  CHECK(file->write_at(0, as_bytes("x")).has_value());
  fs.set_free_bytes(-1);
  CHECK(file->append(as_bytes("56")).has_value());
  CHECK(fs.read_file("/data/f").value() == "x23456");
}

TEST_CASE("a judged write is cut short if asked for") {
  FaultFileSystem fs;
  make_data(fs);
  const auto file = opened(fs, "/data/f");
  fs.set_short_write(true);
  fs.set_judge([](Operation op, const std::string&) -> std::optional<Error> {
    if (op == Operation::append) return Error{Code::io, "EIO", std::nullopt};
    return std::nullopt;
  });
  CHECK(file->append(as_bytes("123456")).error().text == "EIO");
  CHECK(fs.read_file("/data/f").value() == "123");
}

TEST_CASE("after a failed sync a later one succeeds and brings nothing to the disk") {
  FaultFileSystem fs;
  make_data(fs);
  const auto file = opened(fs, "/data/f");
  REQUIRE(fs.sync_directory("/data").has_value());
  REQUIRE(file->append(as_bytes("lost")).has_value());
  fs.set_judge([](Operation op, const std::string&) -> std::optional<Error> {
    if (op == Operation::sync) return Error{Code::io, "EIO", std::nullopt};
    return std::nullopt;
  });
  CHECK_FALSE(file->sync().has_value());
  fs.set_judge(nullptr);
  CHECK(file->sync().has_value());
  fs.crash();
  CHECK(fs.read_file("/data/f").value().empty());
}

TEST_CASE("files and locks of before a crash are of no use after it") {
  FaultFileSystem fs;
  make_data(fs);
  const auto file = opened(fs, "/data/f");
  const auto lock = fs.lock("/data/lock");
  REQUIRE(lock.has_value());
  REQUIRE(fs.sync_directory("/data").has_value());
  fs.crash();
  CHECK_FALSE(file->append(as_bytes("x")).has_value());
  CHECK_FALSE(file->sync().has_value());
  CHECK(fs.lock("/data/lock").has_value());
}

TEST_CASE("a crash in write-back leaves any sectors of what was not synced, the same ones for a seed") {
  const std::string synced(2000, 's');
  const std::string unsynced(6000, 'u');
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    CAPTURE(seed);
    std::string first;
    for (int run = 0; run < 2; ++run) {
      FaultFileSystem fs;
      make_data(fs);
      const auto file = opened(fs, "/data/f");
      REQUIRE(file->append(as_bytes(synced)).has_value());
      REQUIRE(file->sync().has_value());
      REQUIRE(fs.sync_directory("/data").has_value());
      REQUIRE(file->append(as_bytes(unsynced)).has_value());
      fs.crash_in_write_back(seed);
      CHECK_FALSE(file->append(as_bytes("x")).has_value());
      const std::string left = fs.read_file("/data/f").value();
      REQUIRE(left.starts_with(synced));
      CHECK(left.find_first_not_of(std::string_view("u\0", 2), synced.size()) == std::string::npos);
      if (run == 0) first = left;
      CHECK(left == first);
    }
    seen.insert(first);
  }
  // Nothing more, holes in the middle, and much in between.
  CHECK(seen.contains(synced));
  CHECK(seen.size() > 10);
  CHECK(std::ranges::any_of(seen, [&](const std::string& left) {
    const std::size_t hole = left.find('\0');
    return hole != std::string::npos && left.find('u', hole) != std::string::npos;
  }));
}

TEST_CASE("a crash in write-back keeps changes of directories up to one of them, renames as a whole") {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    FaultFileSystem fs;
    make_data(fs);
    REQUIRE(fs.make_directories("/data/d").has_value());
    REQUIRE(opened(fs, "/data/a")->sync().has_value());
    REQUIRE(fs.sync_directory("/data").has_value());
    REQUIRE(fs.rename("/data/a", "/data/b").has_value());
    REQUIRE(opened(fs, "/data/d/c")->sync().has_value());
    REQUIRE(fs.remove_file("/data/b").has_value());
    fs.crash_in_write_back(seed);
    std::string names;
    for (const char* name : {"a", "b", "d/c"}) names += fs.exists(std::string("/data/") + name) ? name : "-";
    seen.insert(names);
  }
  CHECK(seen == std::set<std::string>{"a--", "-b-", "-bd/c", "--d/c"});
}
