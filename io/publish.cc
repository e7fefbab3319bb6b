// Replacing a file or a directory so that a crash leaves the old or the new one, whole.
#include "io/file_system.h"

namespace narthex::io {

namespace {

std::string parent_of(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> write_and_sync(FileSystem& fs, const std::string& path, Bytes content) {
  auto file = fs.open_writable(path, OpenMode::create_truncate);
  if (!file) return pass(file);
  if (auto written = (*file)->append(content); !written) return written;
  return (*file)->sync();
}

Result<void> sync_tree(FileSystem& fs, const std::string& directory) {
  const auto entries = fs.list(directory);
  if (!entries) return std::unexpected(entries.error());
  for (const DirEntry& entry : *entries) {
    const std::string path = directory + "/" + entry.name;
    if (entry.is_directory) {
      if (auto synced = sync_tree(fs, path); !synced) return synced;
      continue;
    }
    auto file = fs.open_writable(path, OpenMode::append);
    if (!file) return pass(file);
    if (auto synced = (*file)->sync(); !synced) return synced;
  }
  return fs.sync_directory(directory);
}

}  // namespace

Result<void> replace_file(FileSystem& fs, const std::string& path, Bytes content) {
  const std::string temporary = path + ".tmp";
  auto done = write_and_sync(fs, temporary, content);
  if (done) done = fs.rename(temporary, path);
  if (!done) {
    // The first error counts; what is left of the temporary file is overwritten next time.
    const auto removed = fs.remove_file(temporary);
    if (!removed && removed.error().code != Code::not_found)
      done.error().text += " (and " + removed.error().text + ")";
    return done;
  }
  return fs.sync_directory(parent_of(path));
}

Result<void> publish_directory(FileSystem& fs, const std::string& from, const std::string& to) {
  if (auto synced = sync_tree(fs, from); !synced) return synced;
  if (auto renamed = fs.rename(from, to); !renamed) return renamed;
  auto synced = fs.sync_directory(parent_of(to));
  if (synced) return synced;
  // What is told as failed must not be found later: a block, say, that nobody knew of when samples were
  // deleted.
  if (auto taken_back = fs.rename(to, from); !taken_back)
    synced.error().text += " (and " + taken_back.error().text + ")";
  return synced;
}

}  // namespace narthex::io
