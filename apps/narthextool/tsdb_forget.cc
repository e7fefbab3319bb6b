#include "apps/narthextool/tsdb_forget.h"

#include <fmt/format.h>

#include <memory>
#include <string_view>
#include <utility>

namespace narthex::apps {
namespace {

std::uint64_t bytes_below(io::FileSystem& fs, const std::string& path, const io::DirEntry& entry) {
  if (!entry.is_directory) return entry.size_bytes;
  const auto entries = fs.list(path);
  std::uint64_t bytes = 0;
  if (!entries) return bytes;
  for (const io::DirEntry& e : *entries) bytes += bytes_below(fs, path + "/" + e.name, e);
  return bytes;
}

bool goes(std::string_view name, bool quarantine) {
  if (name == "quarantine") return quarantine;
  return name == "manifest" || name.starts_with("manifest.") || name.starts_with("head.");
}

Result<void> remove_from(io::FileSystem& fs, const std::string& own, bool quarantine, const Print& print) {
  auto entries = fs.list(own);
  if (!entries) return pass(entries);
  bool is_left = false;
  for (const io::DirEntry& e : *entries) {
    const std::string path = own + "/" + e.name;
    if (!goes(e.name, quarantine)) {
      print(fmt::format("left: {}\n", path));
      is_left = true;
      continue;
    }
    const std::uint64_t bytes = bytes_below(fs, path, e);
    if (auto removed = fs.remove_tree(path); !removed) return removed;
    print(fmt::format("removed: {} ({} bytes)\n", path, bytes));
  }
  return is_left ? fs.sync_directory(own) : fs.remove_tree(own);
}

}  // namespace

Result<void> forget(io::FileSystem& fs, const std::string& directory, bool quarantine, const Print& print) {
  if (!fs.exists(directory)) return fail(Code::not_found, directory + ": no such directory");
  const std::string own = directory + "/narthex";
  if (!fs.exists(own)) {
    print(fmt::format("{} is not there: nothing to forget\n", own));
    return {};
  }
  const std::string lock_file = directory + "/lock";
  const bool was_there = fs.exists(lock_file);
  auto lock = fs.lock(lock_file);
  if (!lock) return pass(lock, "is a server using this directory? Stop it first");
  auto done = remove_from(fs, own, quarantine, print);
  if (done) done = fs.sync_directory(directory);
  if (!was_there) {
    if (auto removed = fs.remove_file(lock_file); !removed && done) done = std::move(removed);
  }
  return done;
}

}  // namespace narthex::apps
