// What is on the disk of a FaultFileSystem: files and directories, as programs see them and as a
// power cut would leave them.
//
// Threads: the FaultFileSystem's mutex.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace narthex::io {

struct FileNode {
  std::string content;
  std::string durable;
  std::size_t dirty_from = std::string::npos;  ///< first byte that differs from `durable`
  bool locked = false;
  /// A sync failed: as in Linux, later ones succeed and yet bring nothing to the disk.
  bool sync_is_lost = false;

  void touch(std::size_t from) { dirty_from = std::min(dirty_from, from); }
  void sync();
  void drop_unsynced();
  /// As drop_unsynced(), but any of the unsynced sectors have reached the disk, and either size.
  void write_back_some(std::mt19937_64& random);
};

struct DirectoryNode;

struct Entry {
  std::shared_ptr<FileNode> file;  ///< at most one of the two is set
  std::shared_ptr<DirectoryNode> directory;
  [[nodiscard]] bool empty() const { return !file && !directory; }
};

/// What a name means from now on; nothing where it was removed.
struct Change {
  std::uint64_t number = 0;  ///< over all directories, in their order
  std::string name;
  Entry entry;
};

struct DirectoryNode {
  std::map<std::string, Entry> entries;
  std::map<std::string, Entry> durable;
  std::vector<Change> journal;  ///< from `durable` to `entries`

  void change(std::uint64_t number, const std::string& name, Entry entry);
  void sync();
  void drop_unsynced();
  /// This is the root: changes up to a random one have reached the disk, and some bytes of files.
  void write_back_some(std::uint64_t seed);

 private:
  void collect_changes(std::vector<std::uint64_t>& numbers) const;
  void write_back_to(std::uint64_t last, std::mt19937_64& random);
};

}  // namespace narthex::io
