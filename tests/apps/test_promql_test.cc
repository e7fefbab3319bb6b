#include "apps/narthextool/test_promql.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "io/fault_file_system.h"
#include "query/promqltest/runner.h"

using namespace narthex;

namespace {

void write(io::FileSystem& fs, const std::string& path, std::string_view text) {
  auto file = fs.open_writable(path, io::OpenMode::create_truncate);
  REQUIRE(file);
  REQUIRE((*file)->append(io::as_bytes(text)));
}

struct Run {
  apps::ScriptTotals totals;
  std::string output;
};

Run run(io::FileSystem& fs, const std::vector<std::string>& files,
        const query::EngineOptions& options = query::script_engine_options()) {
  Run r;
  r.totals = apps::test_promql(fs, files, options, [&](std::string_view text) { r.output += text; });
  return r;
}

}  // namespace

TEST_CASE("narthextool test promql runs scripts against the real database and engine") {
  io::FaultFileSystem fs;
  write(fs, "/good.test",
        "load 1m\n  requests{job=\"a\"} 0+60x10\n  requests{job=\"b\"} 0+120x10\n\n"
        "eval instant at 10m sum(rate(requests[5m]))\n  {} 3\n\n"
        "eval range from 1m to 3m step 1m requests{job=\"a\"}\n  requests{job=\"a\"} 60 120 180\n\n"
        "clear\n\neval instant at 10m requests\n");
  const Run r = run(fs, {"/good.test"});
  CHECK(r.totals.passed == 3);
  CHECK(r.totals.failed == 0);
  CHECK(r.output == "/good.test: 3 passed, 0 failed\n3 passed, 0 failed\n");
}

TEST_CASE("narthextool test promql shows what failed, and a missing file is a failure") {
  io::FaultFileSystem fs;
  write(fs, "/bad.test", "load 1m\n  a 1\n\neval instant at 0 a\n  a 2\n\neval instant at 0 a\n  a 1\n");
  const Run r = run(fs, {"/bad.test", "/missing.test"});
  CHECK(r.totals.passed == 1);
  CHECK(r.totals.failed == 2);
  CHECK(r.output.contains("/bad.test:4: eval a\n"));
  CHECK(r.output.contains("  why:      a is 1, 2 was expected\n"));
  CHECK(r.output.contains("/bad.test: 1 passed, 1 failed\n"));
  CHECK(r.output.contains("/missing.test: 0 passed, 1 failed\n"));
  CHECK(r.output.ends_with("1 passed, 2 failed\n"));
}

TEST_CASE("narthextool test promql asks the engine as it is told to set it") {
  io::FaultFileSystem fs;
  write(fs, "/server.test",
        "load 1m\n  a 1\n\neval instant at 0 limitk(1, a)\n  expect fail regex: limitk\\(\\) is "
        "experimental\n");
  CHECK(run(fs, {"/server.test"}, query::EngineOptions()).totals.passed == 1);
  CHECK(run(fs, {"/server.test"}).totals.failed == 1);
}
