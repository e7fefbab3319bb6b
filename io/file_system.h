// FileSystem: every byte that reaches or leaves a disk goes through here, so that tests can
// make the disk lie (short writes, EIO, ENOSPC, failed fsync, dropped unsynced writes).
//
// Threads: a FileSystem may be used by any thread; a file by one at a time.
// Errors everywhere: not_found (ENOENT), io (anything else; the text has path and errno text).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/result.h"

namespace narthex::io {

using Bytes = std::span<const std::byte>;

inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A file open for writing; closed by its destructor. Positions are bytes from the start.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  /// Writes all of `data` at the end. After an error the size may have grown by a part of it.
  virtual Result<void> append(Bytes data) = 0;
  /// Overwrites inside or beyond the present size.
  virtual Result<void> write_at(std::uint64_t offset, Bytes data) = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;
  /// fdatasync. After an error the state of unsynced writes is unknown.
  virtual Result<void> sync() = 0;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
};

/// A read-only mapping of a whole file; bytes() is valid while this lives.
class Mapping {
 public:
  virtual ~Mapping() = default;
  [[nodiscard]] virtual Bytes bytes() const& = 0;
  /// Pages that were read do not count as this process' memory until they are read again.
  virtual void release_pages() const {}
};

/// An advisory lock on a file, given up by the destructor.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

struct DirEntry {
  std::string name;  ///< without the directory
  bool is_directory = false;
  std::uint64_t size_bytes = 0;
};

/// Of a whole file system.
struct DiskSpace {
  std::uint64_t total_bytes = 0;
  std::uint64_t available_bytes = 0;  ///< to a process without special rights
  bool is_nfs = false;
};

enum class OpenMode : std::uint8_t {
  create_new,       ///< fails if it exists
  create_truncate,  ///< empty, made if missing
  append,           ///< keeps what is there, made if missing
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual Result<std::unique_ptr<WritableFile>> open_writable(const std::string& path, OpenMode mode) = 0;
  virtual Result<std::unique_ptr<Mapping>> map(const std::string& path) = 0;
  virtual Result<std::string> read_file(const std::string& path) = 0;
  /// Sorted by name.
  virtual Result<std::vector<DirEntry>> list(const std::string& directory) = 0;
  [[nodiscard]] virtual bool exists(const std::string& path) = 0;
  virtual Result<std::uint64_t> file_size(const std::string& path) = 0;
  /// With all parents; no error if it is there.
  virtual Result<void> make_directories(const std::string& path) = 0;
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  /// A second name for a file's bytes; both must be on one file system. Errors: io (`to` exists).
  virtual Result<void> hard_link(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove_file(const std::string& path) = 0;
  /// A missing path is no error.
  virtual Result<void> remove_tree(const std::string& path) = 0;
  /// fsync of a directory: makes renames, creations and removals in it durable.
  virtual Result<void> sync_directory(const std::string& path) = 0;
  /// Of the file system that `path` lies on.
  virtual Result<DiskSpace> space(const std::string& path) = 0;
  /// flock(LOCK_EX | LOCK_NB) on a file made if missing. Errors: unavailable (held by another process).
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
  /// Another process that has the file open; nothing if none has, or it cannot be told.
  virtual std::optional<std::uint32_t> holder_of(const std::string& path) = 0;
};

/// The machine's disks.
FileSystem& local_file_system();

/// Temporary file beside `path`, sync, rename over `path`, sync of the directory.
Result<void> replace_file(FileSystem& fs, const std::string& path, Bytes content);
/// sync of every file in `from` and of it, rename to `to`, sync of the parent; if that fails, rename back.
Result<void> publish_directory(FileSystem& fs, const std::string& from, const std::string& to);

}  // namespace narthex::io
