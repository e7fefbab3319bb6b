#include "query/engine/crash_notes.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "io/file_system.h"
#include "query/engine/active_query_file.h"

namespace narthex::query {

namespace {

struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "narthex-crash-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) FAIL("no temporary directory");
    path = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }

  std::string path;
};

/// `queries.active` in `folder` behind a child that dies with a small query under way.
std::string left_by_crash(const std::string& folder, std::string_view query, void (*die)()) {
  io::FileSystem& fs = io::local_file_system();
  const ManualClock clock(1'700'000'000'000);
  const pid_t child = ::fork();
  if (child == 0) {
    // Not the test runner's handlers, nor a sanitizer's: they would report the death as a finding.
    for (const int signal : {SIGSEGV, SIGABRT}) ::signal(signal, SIG_DFL);
    auto file = ActiveQueryFile::open(fs, folder, 3, clock);
    if (!file) ::_exit(0);
    (*file)->begin_small(0, "ended");
    (*file)->begin_small(1, query);
    (*file)->end_small(0);
    die();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK_MESSAGE(WIFSIGNALED(status), "it died of the signal all the same");
  auto text = fs.read_file(folder + "/queries.active");
  REQUIRE(text.has_value());
  CHECK(text->size() == 3001);
  return unfinished_queries(*text);
}

}  // namespace

TEST_CASE("a small query that runs when the process dies of a fault stands in queries.active") {
  struct Row {
    const char* name;
    void (*die)();
  };
  for (const Row& row : {Row{"a fault", [] { ::raise(SIGSEGV); }}, Row{"an abort", [] { std::abort(); }}}) {
    CAPTURE(row.name);
    const Folder folder;
    const std::string left = left_by_crash(folder.path, "sum(up) > \"<\n>\"", row.die);
    CHECK(left.starts_with(R"([{"query":"sum(up) \u003e \"\u003c\n\u003e\"","timestamp_sec":)"));
    CHECK(left.ends_with("}]"));
  }
}

TEST_CASE("a long small query is cut to its slot when the process dies") {
  const Folder folder;
  const std::string left = left_by_crash(folder.path, std::string(2000, '<'), [] { std::abort(); });
  CHECK(left.size() > 900);
  CHECK(left.size() < 1000);
  CHECK(left.ends_with("}]"));
}

TEST_CASE("a small query that runs when the process is killed from outside is not noted") {
  const Folder folder;
  CHECK(left_by_crash(folder.path, "up", [] { ::raise(SIGKILL); }).empty());
}

}  // namespace narthex::query
