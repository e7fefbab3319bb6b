#include "apps/narthex/runtime_facts.h"

#include <unistd.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "io/file_system.h"

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

std::uint64_t memory_limit() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page = sysconf(_SC_PAGESIZE);
  const std::uint64_t machine =
      pages > 0 && page > 0 ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page) : 0;
  // Of version 2, then of version 1, as a container sees its own.
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    const auto text = io::local_file_system().read_file(path);
    if (!text) continue;
    std::uint64_t limit = 0;
    // "max" is none, and stays 0.
    std::from_chars(text->data(), text->data() + text->size(), limit);
    if (limit > 0 && (machine == 0 || limit < machine)) return limit;
  }
  return machine;
}

}  // namespace narthex::apps
