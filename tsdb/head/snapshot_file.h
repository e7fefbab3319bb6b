// SnapshotFile: the container of a snapshot of the head: sections with checksums, read in parallel.
//
//   magic "NTXHEAD\0" | version u32 | zero u32 | section ...
//   section: kind u32 | tag u32 | length u64 | CRC-32C of data u32 | CRC-32C of the 20 bytes before it u32
//            | data[length] | zeros up to a multiple of 8
// The last section is of kind `end`, empty, and its tag counts those before it: a file that was cut
// off is seen as such. All integers are little-endian.
// Full format: docs/formats/head-snapshot.md. A file of another version is not read.
//
// Threads: SnapshotWriter one at a time; SnapshotReader any.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"

namespace narthex::tsdb {

/// The numbers are on disk.
enum class SnapshotSection : std::uint32_t {
  end = 0,
  labels = 1,         ///< tag: nothing. Series and the numbers of their label pairs
  chunks = 2,         ///< tag: shard. Series and their chunks
  names = 3,          ///< label names, by number
  pairs = 4,          ///< tag: number of the first. Label values, by number
  metadata_text = 5,  ///< what metadata says
  metadata = 6,       ///< whose it is
  deleted = 7,        ///< deleted ranges
  exemplars = 8,
  state = 9,          ///< what belongs to the head as a whole
  expired_refs = 10,  ///< references that the log may still hold samples of
  origin = 11,        ///< whose log it goes with
  other_names = 12    ///< further references of series, which the log of late samples may use
};

inline constexpr std::uint32_t kSnapshotVersion = 1;

class SnapshotWriter {
 public:
  /// Begins a new file. Errors: io.
  static Result<SnapshotWriter> create(io::FileSystem& fs, const std::string& path);

  Result<void> add(SnapshotSection kind, std::uint32_t tag, io::Bytes data);
  /// Ends the file and syncs it.
  Result<void> finish();
  [[nodiscard]] std::uint64_t size_bytes() const { return file_->size(); }

 private:
  explicit SnapshotWriter(std::unique_ptr<io::WritableFile> file) : file_(std::move(file)) {}

  std::unique_ptr<io::WritableFile> file_;
  std::uint32_t sections_ = 0;
};

class SnapshotReader {
 public:
  struct Section {
    SnapshotSection kind;
    std::uint32_t tag;
    std::uint32_t crc;
    io::Bytes data;  ///< not checked yet
  };

  /// Maps the file and finds its sections. Errors: io, corruption, invalid (another version).
  static Result<SnapshotReader> open(io::FileSystem& fs, const std::string& path);
  /// The same of a file that is mapped already.
  static Result<SnapshotReader> over(std::unique_ptr<io::Mapping> mapping, std::string path);

  [[nodiscard]] std::span<const Section> sections() const { return sections_; }
  /// Checks the section's data. Valid while this lives. Errors: corruption.
  [[nodiscard]] Result<io::Bytes> read(const Section& section) const;
  /// The only section of its kind. Errors: corruption (there is none, or more than one).
  [[nodiscard]] Result<io::Bytes> read_only_one(SnapshotSection kind) const;
  /// Pages that were read do not count as this process' memory until they are read again.
  void release_pages() const { mapping_->release_pages(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::uint64_t size_bytes() const { return mapping_->bytes().size(); }

 private:
  SnapshotReader(std::unique_ptr<io::Mapping> mapping, std::string path)
      : mapping_(std::move(mapping)), path_(std::move(path)) {}
  Result<void> find_sections();

  std::unique_ptr<io::Mapping> mapping_;
  std::string path_;
  std::vector<Section> sections_;
};

}  // namespace narthex::tsdb
