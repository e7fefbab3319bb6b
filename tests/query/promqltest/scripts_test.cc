// Prometheus' own test scripts, from the conformance folder, against the engine and the
// simplest store. Skipped where the folder is missing.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "model/clock.h"
#include "query/engine/engine.h"
#include "query/promqltest/runner.h"
#include "sync/stop_token.h"
#include "tests/query/promqltest/model_script_store.h"

using namespace narthex;
using namespace narthex::query;

namespace {

std::vector<std::string> conformance_scripts() {
  const char* folder = std::getenv("NARTHEX_CONFORMANCE");
  const char* root = std::getenv("NARTHEX_SOURCE_ROOT");
  const std::filesystem::path path =
      (folder ? std::filesystem::path(folder)
              : std::filesystem::path(root ? root : ".") / "../shared/conformance") /
      "promql";
  std::vector<std::string> files;
  std::error_code missing;
  for (const auto& entry : std::filesystem::directory_iterator(path, missing))
    if (entry.path().extension() == ".test") files.push_back(entry.path().string());
  if (files.empty()) MESSAGE("skipped: no conformance scripts in ", path.string());
  std::ranges::sort(files);
  return files;
}

std::string read(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("Prometheus' scripts pass, at least as many cases as ever did") {
  // Of 2,017; raise it with each step of the engine.
  constexpr std::size_t kPassedBefore = 2017;
  Engine engine(script_engine_options(), system_clock(), nullptr);
  const Evaluate evaluate = [&](storage::Queryable& store, const QueryRequest& request) {
    return engine.run(store, request, sync::StopToken());
  };
  std::size_t passed = 0;
  std::size_t failed = 0;
  const auto files = conformance_scripts();
  for (const std::string& file : files) {
    const ScriptReport report = run_script(read(file), tests::make_model_script_store, evaluate);
    MESSAGE(std::filesystem::path(file).filename().string(), ": ", report.passed, " passed, ",
            report.failed.size(), " failed");
    passed += report.passed;
    failed += report.failed.size();
  }
  if (files.empty()) return;
  MESSAGE("all scripts: ", passed, " passed, ", failed, " failed");
  CHECK(passed >= kPassedBefore);
}
