#include "apps/narthex/runtime_facts.h"

#include <unistd.h>

#include <array>
#include <filesystem>
#include <system_error>

namespace narthex::apps {

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : "localhost";
}

std::string working_directory() {
  std::error_code ec;
  const auto path = std::filesystem::current_path(ec);
  return ec ? "" : path.string();
}

}  // namespace narthex::apps
