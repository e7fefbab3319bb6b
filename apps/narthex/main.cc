// narthex: the server.
#include <fmt/core.h>
#include <malloc.h>

#include <cstdio>
#include <exception>

#include "apps/narthex/features.h"
#include "apps/narthex/flags.h"
#include "apps/narthex/server_process.h"
#include "io/file_system.h"
#include "telemetry/log.h"

namespace {

constexpr int kBadUsage = 2;
/// Pieces of memory from so many bytes on are mapped one by one.
constexpr int kMappedFrom = 1 << 20;
constexpr int kMostHeaps = 4;

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
  // What large queries held goes back to the system at once, and does not lie in the heaps of as many
  // threads: the C library would raise the limit with the first large piece that is freed.
  ::mallopt(M_MMAP_THRESHOLD, kMappedFrom);
  ::mallopt(M_ARENA_MAX, kMostHeaps);
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "narthex: a bug ended the server: {}\n", e.what());
    return 1;
  }
}
