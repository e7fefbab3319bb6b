#include "io/fault_file_system.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

#include "io/fault_disk.h"

namespace narthex::io {

namespace {

std::unexpected<Error> missing(std::string_view doing, const std::string& path) {
  return fail(Code::not_found, std::string(doing) + " " + path + ": No such file or directory");
}
std::unexpected<Error> refused(std::string_view doing, const std::string& path, std::string_view why) {
  return fail(Code::io, std::string(doing) + " " + path + ": " + std::string(why));
}

/// "/a//b/./c" and "a/b/c" are the same place.
std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (!part.empty() && part != ".") parts.emplace_back(part);
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return parts;
}

}  // namespace

struct FaultFileSystem::State {
  std::mutex mutex;
  std::shared_ptr<DirectoryNode> root = std::make_shared<DirectoryNode>();
  Judge judge;
  std::int64_t free_bytes = -1;
  std::uint64_t disk_bytes = std::uint64_t{1} << 40;
  bool short_write = false;
  std::uint64_t crashes = 0;
  std::uint64_t changes = 0;  ///< of directories, so far

  void link(DirectoryNode& directory, const std::string& name, Entry entry) {
    directory.change(++changes, name, std::move(entry));
  }
  void unlink(DirectoryNode& directory, const std::string& name) {
    if (directory.entries.contains(name)) directory.change(++changes, name, {});
  }
  /// The file of that name, made if it is missing; null if it is a directory.
  std::shared_ptr<FileNode> file_in(DirectoryNode& directory, const std::string& name) {
    const auto known = directory.entries.find(name);
    if (known != directory.entries.end()) return known->second.file;
    auto made = std::make_shared<FileNode>();
    link(directory, name, {made, nullptr});
    return made;
  }

  /// Asks the judge outside of the lock, so that it may look at the file system.
  std::optional<Error> verdict(Operation operation, const std::string& path) {
    Judge asked;
    {
      const std::lock_guard lock(mutex);
      asked = judge;
    }
    return asked ? asked(operation, path) : std::nullopt;
  }

  [[nodiscard]] std::shared_ptr<DirectoryNode> find_directory(const std::vector<std::string>& parts,
                                                              std::size_t count) const {
    std::shared_ptr<DirectoryNode> at = root;
    for (std::size_t i = 0; i < count && at; ++i) {
      const auto entry = at->entries.find(parts[i]);
      at = entry == at->entries.end() ? nullptr : entry->second.directory;
    }
    return at;
  }
  [[nodiscard]] std::shared_ptr<DirectoryNode> find_directory(const std::string& path) const {
    const auto parts = parts_of(path);
    return find_directory(parts, parts.size());
  }
  /// The directory that holds the last part of `path`, and that part.
  [[nodiscard]] std::pair<std::shared_ptr<DirectoryNode>, std::string> find_parent(
      const std::string& path) const {
    const auto parts = parts_of(path);
    if (parts.empty()) return {nullptr, ""};
    return {find_directory(parts, parts.size() - 1), parts.back()};
  }
  [[nodiscard]] Entry find(const std::string& path) const {
    const auto [parent, name] = find_parent(path);
    if (!parent) return parts_of(path).empty() ? Entry{nullptr, root} : Entry{};
    const auto entry = parent->entries.find(name);
    return entry == parent->entries.end() ? Entry{} : entry->second;
  }

  /// How many of `wanted` new bytes the disk takes.
  std::size_t take_space(std::size_t wanted) {
    if (free_bytes < 0) return wanted;
    const auto taken = std::min(wanted, static_cast<std::size_t>(free_bytes));
    free_bytes -= static_cast<std::int64_t>(taken);
    return taken;
  }
};

namespace {

template <class State>
class MemoryFile final : public WritableFile {
 public:
  MemoryFile(std::shared_ptr<State> state, std::shared_ptr<FileNode> node, std::string path)
      : state_(std::move(state)), node_(std::move(node)), path_(std::move(path)), crashes_(state_->crashes) {}

  Result<void> append(Bytes data) override { return write(Operation::append, std::nullopt, data); }
  Result<void> write_at(std::uint64_t offset, Bytes data) override {
    return write(Operation::write_at, offset, data);
  }

  Result<void> truncate(std::uint64_t size) override {
    if (auto error = state_->verdict(Operation::truncate, path_)) return std::unexpected(std::move(*error));
    const std::lock_guard lock(state_->mutex);
    if (outlived()) return stale();
    node_->touch(std::min<std::size_t>(size, node_->content.size()));
    node_->content.resize(size);
    return {};
  }

  Result<void> sync() override {
    auto error = state_->verdict(Operation::sync, path_);
    const std::lock_guard lock(state_->mutex);
    if (outlived()) return stale();
    if (error) {
      node_->sync_is_lost = true;
      return std::unexpected(std::move(*error));
    }
    node_->sync();
    return {};
  }

  [[nodiscard]] std::uint64_t size() const override {
    const std::lock_guard lock(state_->mutex);
    return node_->content.size();
  }

 private:
  [[nodiscard]] bool outlived() const { return crashes_ != state_->crashes; }
  std::unexpected<Error> stale() { return refused("using", path_, "it was open when the machine crashed"); }

  Result<void> write(Operation operation, std::optional<std::uint64_t> offset, Bytes data) {
    auto error = state_->verdict(operation, path_);
    const std::lock_guard lock(state_->mutex);
    if (outlived()) return stale();
    std::string& content = node_->content;
    const std::size_t at = offset.value_or(content.size());
    const std::size_t growth = at + data.size() > content.size() ? at + data.size() - content.size() : 0;
    if (error) {
      if (state_->short_write) put(at, data.first(data.size() / 2));
      return std::unexpected(std::move(*error));
    }
    const std::size_t lacking = growth - state_->take_space(growth);
    if (lacking > 0) {
      if (state_->short_write) put(at, data.first(data.size() - std::min(lacking, data.size())));
      return refused("writing to", path_, "No space left on device");
    }
    put(at, data);
    return {};
  }

  void put(std::size_t at, Bytes data) {
    if (data.empty()) return;
    std::string& content = node_->content;
    node_->touch(std::min(at, content.size()));
    if (at + data.size() > content.size()) content.resize(at + data.size());
    std::memcpy(content.data() + at, data.data(), data.size());
  }

  std::shared_ptr<State> state_;
  std::shared_ptr<FileNode> node_;
  std::string path_;
  std::uint64_t crashes_;
};

class MemoryMapping final : public Mapping {
 public:
  explicit MemoryMapping(std::string content) : content_(std::move(content)) {}
  [[nodiscard]] Bytes bytes() const& override { return as_bytes(content_); }

 private:
  std::string content_;
};

template <class State>
class MemoryLock final : public FileLock {
 public:
  MemoryLock(std::shared_ptr<State> state, std::shared_ptr<FileNode> node)
      : state_(std::move(state)), node_(std::move(node)), crashes_(state_->crashes) {}
  MemoryLock(const MemoryLock&) = delete;
  MemoryLock& operator=(const MemoryLock&) = delete;
  ~MemoryLock() override {
    const std::lock_guard lock(state_->mutex);
    if (crashes_ == state_->crashes) node_->locked = false;
  }

 private:
  std::shared_ptr<State> state_;
  std::shared_ptr<FileNode> node_;
  std::uint64_t crashes_;
};

}  // namespace

FaultFileSystem::FaultFileSystem() : state_(std::make_shared<State>()) {}
FaultFileSystem::~FaultFileSystem() = default;

void FaultFileSystem::set_judge(Judge judge) {
  const std::lock_guard lock(state_->mutex);
  state_->judge = std::move(judge);
}

void FaultFileSystem::set_free_bytes(std::int64_t bytes) {
  const std::lock_guard lock(state_->mutex);
  state_->free_bytes = bytes;
}

void FaultFileSystem::set_disk_bytes(std::uint64_t bytes) {
  const std::lock_guard lock(state_->mutex);
  state_->disk_bytes = bytes;
}

void FaultFileSystem::set_short_write(bool on) {
  const std::lock_guard lock(state_->mutex);
  state_->short_write = on;
}

void FaultFileSystem::crash() {
  const std::lock_guard lock(state_->mutex);
  ++state_->crashes;
  state_->root->drop_unsynced();
}

void FaultFileSystem::crash_in_write_back(std::uint64_t seed) {
  const std::lock_guard lock(state_->mutex);
  ++state_->crashes;
  state_->root->write_back_some(seed);
}

Result<std::unique_ptr<WritableFile>> FaultFileSystem::open_writable(const std::string& path, OpenMode mode) {
  if (auto error = state_->verdict(Operation::open, path)) return std::unexpected(std::move(*error));
  const std::lock_guard lock(state_->mutex);
  const auto [parent, name] = state_->find_parent(path);
  if (!parent) return missing("opening", path);
  if (mode == OpenMode::create_new && parent->entries.contains(name))
    return refused("opening", path, "File exists");
  const auto file = state_->file_in(*parent, name);
  if (!file) return refused("opening", path, "Is a directory");
  if (mode == OpenMode::create_truncate) {
    file->touch(0);
    file->content.clear();
  }
  return std::make_unique<MemoryFile<State>>(state_, file, path);
}

Result<std::unique_ptr<Mapping>> FaultFileSystem::map(const std::string& path) {
  if (auto error = state_->verdict(Operation::map, path)) return std::unexpected(std::move(*error));
  const std::lock_guard lock(state_->mutex);
  const Entry entry = state_->find(path);
  if (!entry.file) return missing("mapping", path);
  return std::make_unique<MemoryMapping>(entry.file->content);
}

Result<std::string> FaultFileSystem::read_file(const std::string& path) {
  if (auto error = state_->verdict(Operation::read, path)) return std::unexpected(std::move(*error));
  const std::lock_guard lock(state_->mutex);
  const Entry entry = state_->find(path);
  if (!entry.file) return missing("reading", path);
  return entry.file->content;
}

Result<std::vector<DirEntry>> FaultFileSystem::list(const std::string& directory) {
  if (auto error = state_->verdict(Operation::list, directory)) return std::unexpected(std::move(*error));
  const std::lock_guard lock(state_->mutex);
  const auto node = state_->find_directory(directory);
  if (!node) return missing("listing", directory);
  std::vector<DirEntry> entries;
  for (const auto& [name, entry] : node->entries)
    entries.push_back({name, entry.directory != nullptr, entry.file ? entry.file->content.size() : 0});
  return entries;
}

bool FaultFileSystem::exists(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  const Entry entry = state_->find(path);
  return entry.file || entry.directory;
}

Result<std::uint64_t> FaultFileSystem::file_size(const std::string& path) {
  if (auto error = state_->verdict(Operation::read, path)) return std::unexpected(std::move(*error));
  const std::lock_guard lock(state_->mutex);
  const Entry entry = state_->find(path);
  if (!entry.file) return missing("reading the size of", path);
  return entry.file->content.size();
}

Result<void> FaultFileSystem::make_directories(const std::string& path) {
  if (auto error = state_->verdict(Operation::make_directory, path))
    return std::unexpected(std::move(*error));
  const std::lock_guard lock(state_->mutex);
  std::shared_ptr<DirectoryNode> at = state_->root;
  for (const std::string& part : parts_of(path)) {
    if (!at->entries.contains(part)) state_->link(*at, part, {nullptr, std::make_shared<DirectoryNode>()});
    at = at->entries.at(part).directory;
    if (!at) return refused("making directory", path, "File exists");
  }
  return {};
}

Result<void> FaultFileSystem::rename(const std::string& from, const std::string& to) {
  if (auto error = state_->verdict(Operation::rename, from)) return std::unexpected(std::move(*error));
  const std::lock_guard lock(state_->mutex);
  const Entry moved = state_->find(from);
  const auto [old_parent, old_name] = state_->find_parent(from);
  const auto [new_parent, new_name] = state_->find_parent(to);
  if ((!moved.file && !moved.directory) || !old_parent || !new_parent)
    return missing("renaming to " + to, from);
  const auto there = new_parent->entries.find(new_name);
  if (there != new_parent->entries.end()) {
    const Entry& target = there->second;
    if (target.directory && !moved.directory) return refused("renaming to " + to, from, "Is a directory");
    if (target.file && moved.directory) return refused("renaming to " + to, from, "Not a directory");
    if (target.directory && target.directory != moved.directory && !target.directory->entries.empty())
      return refused("renaming to " + to, from, "Directory not empty");
  }
  // One change, but where the parents are two, each has its own half of it.
  ++state_->changes;
  old_parent->change(state_->changes, old_name, {});
  new_parent->change(state_->changes, new_name, moved);
  return {};
}

Result<void> FaultFileSystem::hard_link(const std::string& from, const std::string& to) {
  if (auto error = state_->verdict(Operation::hard_link, from)) return std::unexpected(std::move(*error));
  const std::lock_guard lock(state_->mutex);
  const Entry linked = state_->find(from);
  if (linked.directory) return refused("linking as " + to, from, "Operation not permitted");
  const auto [parent, name] = state_->find_parent(to);
  if (!linked.file || !parent) return missing("linking as " + to, from);
  if (parent->entries.contains(name)) return refused("linking as " + to, from, "File exists");
  state_->link(*parent, name, linked);
  return {};
}

Result<void> FaultFileSystem::remove_file(const std::string& path) {
  if (auto error = state_->verdict(Operation::remove, path)) return std::unexpected(std::move(*error));
  const std::lock_guard lock(state_->mutex);
  const Entry entry = state_->find(path);
  if (entry.directory) return refused("removing", path, "Is a directory");
  if (!entry.file) return missing("removing", path);
  const auto [parent, name] = state_->find_parent(path);
  state_->unlink(*parent, name);
  return {};
}

Result<void> FaultFileSystem::remove_tree(const std::string& path) {
  if (auto error = state_->verdict(Operation::remove, path)) return std::unexpected(std::move(*error));
  const std::lock_guard lock(state_->mutex);
  const auto [parent, name] = state_->find_parent(path);
  if (parent) state_->unlink(*parent, name);
  return {};
}

Result<void> FaultFileSystem::sync_directory(const std::string& path) {
  if (auto error = state_->verdict(Operation::sync_directory, path))
    return std::unexpected(std::move(*error));
  const std::lock_guard lock(state_->mutex);
  const auto node = state_->find_directory(path);
  if (!node) return missing("syncing directory", path);
  node->sync();
  return {};
}

Result<DiskSpace> FaultFileSystem::space(const std::string& path) {
  if (auto error = state_->verdict(Operation::space, path)) return std::unexpected(std::move(*error));
  const std::lock_guard lock(state_->mutex);
  if (const Entry entry = state_->find(path); !entry.file && !entry.directory)
    return missing("asking for the space on", path);
  const std::uint64_t left =
      state_->free_bytes < 0 ? state_->disk_bytes : static_cast<std::uint64_t>(state_->free_bytes);
  return DiskSpace{state_->disk_bytes, std::min(left, state_->disk_bytes)};
}

Result<std::unique_ptr<FileLock>> FaultFileSystem::lock(const std::string& path) {
  if (auto error = state_->verdict(Operation::open, path)) return std::unexpected(std::move(*error));
  const std::lock_guard lock(state_->mutex);
  const auto [parent, name] = state_->find_parent(path);
  if (!parent) return missing("locking", path);
  const auto file = state_->file_in(*parent, name);
  if (!file) return refused("locking", path, "Is a directory");
  if (file->locked) return fail(Code::unavailable, "locking " + path + ": another process holds it");
  file->locked = true;
  return std::make_unique<MemoryLock<State>>(state_, file);
}

}  // namespace narthex::io
