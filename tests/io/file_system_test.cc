// What both file systems promise, checked on both.
#include "io/file_system.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "io/fault_file_system.h"

using namespace narthex;
using namespace narthex::io;

namespace {

/// A fresh directory on the disk, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = "/tmp/narthex-io-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { CHECK(local_file_system().remove_tree(path_).has_value()); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void on_both(const std::function<void(FileSystem&, const std::string&)>& test) {
  SUBCASE("on the disk") {
    const TemporaryDirectory directory;
    test(local_file_system(), directory.path());
  }
  SUBCASE("in memory") {
    FaultFileSystem fs;
    REQUIRE(fs.make_directories("/data").has_value());
    test(fs, "/data");
  }
}

void write(FileSystem& fs, const std::string& path, std::string_view text,
           OpenMode mode = OpenMode::create_truncate) {
  auto file = fs.open_writable(path, mode);
  REQUIRE(file.has_value());
  REQUIRE((*file)->append(as_bytes(text)).has_value());
}

}  // namespace

TEST_CASE("files are written, read, mapped and measured") {
  on_both([](FileSystem& fs, const std::string& dir) {
    const std::string path = dir + "/f";
    auto file = fs.open_writable(path, OpenMode::create_new);
    REQUIRE(file.has_value());
    CHECK((*file)->append(as_bytes("hello")).has_value());
    CHECK((*file)->append(as_bytes(" world")).has_value());
    CHECK((*file)->write_at(0, as_bytes("J")).has_value());
    CHECK((*file)->write_at(13, as_bytes("!")).has_value());
    CHECK((*file)->size() == 14);
    CHECK((*file)->sync().has_value());
    CHECK(fs.read_file(path).value() == std::string("Jello world\0\0!", 14));
    CHECK((*file)->truncate(5).has_value());
    CHECK((*file)->append(as_bytes("?")).has_value());
    const auto mapping = fs.map(path);
    REQUIRE(mapping.has_value());
    CHECK(as_text((*mapping)->bytes()) == "Jello?");
    CHECK(fs.file_size(path).value() == 6);
    CHECK(fs.exists(path));
  });
}

TEST_CASE("the open modes keep, empty or refuse what is there") {
  on_both([](FileSystem& fs, const std::string& dir) {
    const std::string path = dir + "/f";
    write(fs, path, "one", OpenMode::append);
    write(fs, path, "two", OpenMode::append);
    CHECK(fs.read_file(path).value() == "onetwo");
    CHECK(fs.open_writable(path, OpenMode::create_new).error().code == Code::io);
    write(fs, path, "three", OpenMode::create_truncate);
    CHECK(fs.read_file(path).value() == "three");
  });
}

TEST_CASE("an empty file maps to no bytes") {
  on_both([](FileSystem& fs, const std::string& dir) {
    write(fs, dir + "/empty", "");
    const auto mapping = fs.map(dir + "/empty");
    REQUIRE(mapping.has_value());
    CHECK((*mapping)->bytes().empty());
    CHECK(fs.read_file(dir + "/empty").value().empty());
  });
}

TEST_CASE("what is missing is not_found, with its path") {
  on_both([](FileSystem& fs, const std::string& dir) {
    const std::string path = dir + "/nope";
    const Error errors[] = {
        fs.read_file(path).error(),      fs.map(path).error(),
        fs.file_size(path).error(),      fs.list(path).error(),
        fs.remove_file(path).error(),    fs.rename(path, dir + "/x").error(),
        fs.sync_directory(path).error(), fs.open_writable(path + "/f", OpenMode::append).error()};
    for (const Error& error : errors) {
      CAPTURE(error.text);
      CHECK(error.code == Code::not_found);
      CHECK(error.text.find(path) != std::string::npos);
      CHECK(error.text.find("No such file or directory") != std::string::npos);
    }
    CHECK_FALSE(fs.exists(path));
    CHECK(fs.remove_tree(path).has_value());
  });
}

TEST_CASE("directories are made, listed by name, renamed and removed") {
  on_both([](FileSystem& fs, const std::string& dir) {
    CHECK(fs.make_directories(dir + "/b/c").has_value());
    CHECK(fs.make_directories(dir + "/b/c").has_value());
    write(fs, dir + "/b/z", "123");
    write(fs, dir + "/b/a", "1");
    const auto entries = fs.list(dir + "/b");
    REQUIRE(entries.has_value());
    REQUIRE(entries->size() == 3);
    CHECK((*entries)[0].name == "a");
    CHECK((*entries)[0].size_bytes == 1);
    CHECK((*entries)[1].name == "c");
    CHECK((*entries)[1].is_directory);
    CHECK((*entries)[2].name == "z");
    CHECK(fs.rename(dir + "/b", dir + "/d").has_value());
    CHECK(fs.read_file(dir + "/d/z").value() == "123");
    CHECK(fs.remove_file(dir + "/d/z").has_value());
    CHECK(fs.remove_tree(dir + "/d").has_value());
    CHECK_FALSE(fs.exists(dir + "/d"));
    CHECK(fs.list(dir).value().empty());
  });
}

TEST_CASE("a directory is not renamed over one that has entries") {
  on_both([](FileSystem& fs, const std::string& dir) {
    CHECK(fs.make_directories(dir + "/a").has_value());
    CHECK(fs.make_directories(dir + "/b/c").has_value());
    CHECK(fs.rename(dir + "/a", dir + "/b").error().code == Code::io);
    CHECK(fs.rename(dir + "/b", dir + "/a").has_value());
    CHECK(fs.exists(dir + "/a/c"));
  });
}

TEST_CASE("a hard link is a second name: what replaces the first leaves it alone") {
  on_both([](FileSystem& fs, const std::string& dir) {
    REQUIRE(replace_file(fs, dir + "/a", as_bytes("old")).has_value());
    REQUIRE(fs.hard_link(dir + "/a", dir + "/b").has_value());
    CHECK(fs.read_file(dir + "/b").value() == "old");
    CHECK(fs.hard_link(dir + "/a", dir + "/b").error().code == Code::io);
    CHECK(fs.hard_link(dir + "/none", dir + "/c").error().code == Code::not_found);
    REQUIRE(replace_file(fs, dir + "/a", as_bytes("new")).has_value());
    CHECK(fs.read_file(dir + "/b").value() == "old");
    REQUIRE(fs.remove_file(dir + "/a").has_value());
    CHECK(fs.read_file(dir + "/b").value() == "old");
  });
}

TEST_CASE("the space of a file system is told") {
  on_both([](FileSystem& fs, const std::string& dir) {
    const auto space = fs.space(dir);
    REQUIRE(space.has_value());
    CHECK(space->total_bytes > 0);
    CHECK(space->available_bytes <= space->total_bytes);
    CHECK(fs.space(dir + "/none").error().code == Code::not_found);
  });
  FaultFileSystem fs;
  fs.set_disk_bytes(1000);
  fs.set_free_bytes(10);
  CHECK(fs.space("/").value().total_bytes == 1000);
  CHECK(fs.space("/").value().available_bytes == 10);
}

TEST_CASE("a lock is held by one and given up by its destructor") {
  on_both([](FileSystem& fs, const std::string& dir) {
    auto held = fs.lock(dir + "/lock");
    REQUIRE(held.has_value());
    CHECK(fs.lock(dir + "/lock").error().code == Code::unavailable);
    held->reset();
    CHECK(fs.lock(dir + "/lock").has_value());
  });
}

TEST_CASE("a file is replaced and a directory published as a whole") {
  on_both([](FileSystem& fs, const std::string& dir) {
    write(fs, dir + "/f", "old");
    CHECK(replace_file(fs, dir + "/f", as_bytes("new")).has_value());
    CHECK(fs.read_file(dir + "/f").value() == "new");
    CHECK_FALSE(fs.exists(dir + "/f.tmp"));

    CHECK(fs.make_directories(dir + "/b.tmp/chunks").has_value());
    write(fs, dir + "/b.tmp/chunks/000001", "x");
    CHECK(publish_directory(fs, dir + "/b.tmp", dir + "/b").has_value());
    CHECK(fs.read_file(dir + "/b/chunks/000001").value() == "x");
    CHECK_FALSE(fs.exists(dir + "/b.tmp"));
  });
}

TEST_CASE("another process that has a file open is found, this one is not") {
  const auto path = std::filesystem::temp_directory_path() / "narthex_holder_test";
  FileSystem& fs = local_file_system();
  CHECK(!fs.holder_of(path.string()));
  const auto file = fs.open_writable(path.string(), OpenMode::create_truncate);
  REQUIRE(file.has_value());
  CHECK(!fs.holder_of(path.string()));
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // It has inherited the open file, and waits until it is told to end.
    ::close(ends[1]);
    char byte = 0;
    static_cast<void>(::read(ends[0], &byte, 1) == 0);
    ::_exit(0);
  }
  ::close(ends[0]);
  CHECK(fs.holder_of(path.string()) == static_cast<std::uint32_t>(child));
  ::close(ends[1]);
  ::waitpid(child, nullptr, 0);
  CHECK(!fs.holder_of(path.string()));
  std::filesystem::remove(path);
}
