#include "io/file_holder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace narthex::io {
namespace {

namespace fs = std::filesystem;

std::optional<std::uint32_t> process_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

bool holds(const fs::path& process, const struct stat& wanted) {
  std::error_code error;
  for (fs::directory_iterator at(process / "fd", error), end; !error && at != end; at.increment(error)) {
    struct stat open{};
    if (::stat(at->path().c_str(), &open) == 0 && open.st_dev == wanted.st_dev &&
        open.st_ino == wanted.st_ino)
      return true;
  }
  return false;
}

}  // namespace

std::optional<std::uint32_t> find_holder(const std::string& path) {
  struct stat wanted{};
  if (::stat(path.c_str(), &wanted) != 0) return std::nullopt;
  std::error_code error;
  for (fs::directory_iterator at("/proc", error), end; !error && at != end; at.increment(error)) {
    const auto process = process_of(at->path());
    if (!process || *process == static_cast<std::uint32_t>(::getpid())) continue;
    if (holds(at->path(), wanted)) return process;
  }
  return std::nullopt;
}

}  // namespace narthex::io
