// narthextool: the command-line tool, with promtool's verbs.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "apps/narthextool/query_cli.h"
#include "apps/narthextool/test_promql.h"
#include "apps/narthextool/tsdb_cli.h"
#include "io/file_system.h"
#include "query/engine/engine.h"
#include "query/promqltest/runner.h"
#include "telemetry/log.h"

namespace {

constexpr int kBadUsage = 2;

int run(int argc, char** argv) {
  using namespace narthex;
  CLI::App app("Tooling for the Narthex monitoring server.", "narthextool");
  app.require_subcommand(1);

  // The parts of the server that run in here are to speak up only if something is wrong.
  telemetry::set_up_log(telemetry::LogLevel::warn, telemetry::LogFormat::logfmt);
  int exit_code = 0;
  const auto print = [](std::string_view text) { fmt::print("{}", text); };

  CLI::App* test = app.add_subcommand("test", "Tests of queries.");
  test->require_subcommand(1);
  std::vector<std::string> scripts;
  CLI::App* promql = test->add_subcommand("promql", "Run scripts of the PromQL test language.");
  promql->add_option("script", scripts, "The scripts to run.")->required()->type_name("FILE");
  std::string options = "suite";
  promql
      ->add_option("--options", options,
                   "What the engine is set to: as Prometheus' own scripts want it, or a server's defaults.")
      ->check(CLI::IsMember({"suite", "server"}))
      ->capture_default_str();
  promql->callback([&] {
    const auto engine = options == "suite" ? query::script_engine_options() : query::EngineOptions();
    exit_code = apps::test_promql(io::local_file_system(), scripts, engine, print).failed == 0 ? 0 : 1;
  });

  apps::add_query_verbs(app, exit_code);
  apps::add_promql_verbs(app, exit_code);
  apps::add_tsdb_verbs(app, exit_code);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kBadUsage;
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "narthextool: a bug ended it: {}\n", e.what());
    return 1;
  }
}
