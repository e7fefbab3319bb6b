// Chunk segments: the files chunks/000001, 000002, ... of a block.
//
//   magic 0x85BD40DD u32 | version 1 u8 | 3 zero bytes
//   then chunks: length uvarint of data | encoding u8 | data | CRC-32C u32 of encoding and data
// A chunk's reference is (number of the file - 1) << 32 | offset of its length.
// Full format: docs/formats/block.md.
//
// Threads: ChunkSegmentWriter one at a time; ChunkSegments any.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"
#include "tsdb/block/buffered_file.h"

namespace narthex::tsdb {

inline constexpr std::uint64_t kChunkSegmentBytes = 512ULL * 1024 * 1024;

class ChunkSegmentWriter {
 public:
  /// @param dir  exists and is empty
  ChunkSegmentWriter(io::FileSystem& fs, std::string dir, std::uint64_t segment_bytes = kChunkSegmentBytes)
      : fs_(fs), dir_(std::move(dir)), segment_bytes_(segment_bytes) {}

  /// @return the chunk's reference. Errors: io.
  Result<std::uint64_t> write(std::uint8_t encoding, io::Bytes data);
  /// Hands everything to the operating system; not synced.
  Result<void> finish();

 private:
  Result<void> begin_segment();

  io::FileSystem& fs_;
  std::string dir_;
  std::uint64_t segment_bytes_;
  std::uint64_t segments_ = 0;
  std::optional<BufferedFile> file_;
};

struct ChunkView {
  std::uint8_t encoding = 0;
  io::Bytes data;  ///< valid while the ChunkSegments lives
};

class ChunkSegments {
 public:
  /// Maps all files of `dir`. Errors: corruption (magic, version), io.
  static Result<ChunkSegments> open(io::FileSystem& fs, const std::string& dir);

  /// Errors: corruption (outside of its file, wrong checksum).
  [[nodiscard]] Result<ChunkView> chunk(std::uint64_t ref) const;
  [[nodiscard]] std::uint64_t size_bytes() const { return size_bytes_; }

 private:
  std::vector<std::unique_ptr<io::Mapping>> segments_;
  std::uint64_t size_bytes_ = 0;
};

}  // namespace narthex::tsdb
