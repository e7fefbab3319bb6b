// FaultFileSystem: a disk in memory that fails on command, for tests.
//
// It keeps for every file what was written and what was synced. Faults are set by rule
// (the Nth call of an operation fails, space runs out, a write is cut short), and crash()
// drops everything unsynced, as a power cut does; crash_in_write_back() leaves any part of it.
// What kill -9 leaves is simply what there is.
// Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "io/file_system.h"

namespace narthex::io {

enum class Operation : std::uint8_t {
  open,
  append,
  write_at,
  truncate,
  sync,
  rename,
  hard_link,
  remove,
  make_directory,
  sync_directory,
  read,
  map,
  list,
  space
};

class FaultFileSystem final : public FileSystem {
 public:
  FaultFileSystem();
  ~FaultFileSystem() override;

  /// Asked before every operation; returns the error that it shall fail with, or nothing.
  using Judge = std::function<std::optional<Error>(Operation, const std::string& path)>;
  void set_judge(Judge judge);
  /// Bytes that may still be written before ENOSPC; negative = no limit.
  void set_free_bytes(std::int64_t bytes);
  /// What space() says the disk holds in all; without a limit as much is free. 1 TiB at first.
  void set_disk_bytes(std::uint64_t bytes);
  /// An append that meets ENOSPC or a judge's error first writes this share of its bytes.
  void set_short_write(bool on);
  /// Power cut: unsynced bytes and unsynced directory entries are gone.
  void crash();
  /// Power cut in the middle of write-back: of the unsynced bytes any sectors (of 512 bytes) have
  /// reached the disk, in any order; of the unsynced changes of directories all up to one of them.
  /// The same seed leaves the same.
  void crash_in_write_back(std::uint64_t seed);

  Result<std::unique_ptr<WritableFile>> open_writable(const std::string& path, OpenMode mode) override;
  Result<std::unique_ptr<Mapping>> map(const std::string& path) override;
  Result<std::string> read_file(const std::string& path) override;
  Result<std::vector<DirEntry>> list(const std::string& directory) override;
  bool exists(const std::string& path) override;
  Result<std::uint64_t> file_size(const std::string& path) override;
  Result<void> make_directories(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> hard_link(const std::string& from, const std::string& to) override;
  Result<void> remove_file(const std::string& path) override;
  Result<void> remove_tree(const std::string& path) override;
  Result<void> sync_directory(const std::string& path) override;
  Result<DiskSpace> space(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace narthex::io
