// narthex: the server.
#include <fmt/core.h>

#include <cstdio>
#include <exception>

#include "apps/narthex/features.h"
#include "apps/narthex/flags.h"
#include "apps/narthex/server_process.h"
#include "io/file_system.h"
#include "telemetry/log.h"

namespace {

constexpr int kBadUsage = 2;

int run(int argc, char** argv) {
  using namespace narthex;
  auto parsed = apps::parse_flags(argc, argv);
  if (!parsed) {
    fmt::print(stderr, "narthex: error: {}\n", parsed.error().text);
    return kBadUsage;
  }
  if (parsed->outcome == apps::FlagsOutcome::done) {
    fmt::print("{}", parsed->text);
    return 0;
  }
  apps::Flags& flags = parsed->flags;
  telemetry::set_up_log(flags.log_level, flags.log_format);
  const apps::Features features = apps::read_features(flags);
  for (const std::string& warning : flags.warnings) telemetry::warn(warning);
  for (const std::string& warning : features.warnings) telemetry::warn(warning);

  auto loaded = config::load_config(io::local_file_system(), flags.config_file, features.config);
  if (!loaded) {
    telemetry::error("Error loading config", {{"file", flags.config_file}, {"err", loaded.error().text}});
    return kBadUsage;
  }
  apps::ServerProcess server(flags, std::make_shared<const config::Config>(std::move(*loaded)));
  if (auto served = server.run(); !served) {
    telemetry::error("The server ended with an error", {{"err", served.error().text}});
    return served.error().code == Code::invalid ? kBadUsage : 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "narthex: a bug ended the server: {}\n", e.what());
    return 1;
  }
}
