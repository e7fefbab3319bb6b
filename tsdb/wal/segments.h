// Names and places of WAL segments.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"

namespace narthex::tsdb {

/// Eight digits: "00000042".
std::string segment_name(std::uint32_t segment);
std::string segment_path(const std::string& dir, std::uint32_t segment);
/// The number in a name of digits only; nothing for any other name.
std::optional<std::uint32_t> parse_segment_name(std::string_view name);

struct SegmentFile {
  std::uint32_t number = 0;
  std::string name;  ///< as it stands in the directory: old versions wrote other widths
  std::uint64_t size_bytes = 0;
};
/// Ascending by number, gaps and all. A missing directory has none. Errors: io.
Result<std::vector<SegmentFile>> list_segment_files(io::FileSystem& fs, const std::string& dir);

/// `dir`/`name`, or with `.1`, `.2`, ... behind it if that is taken.
std::string free_name(io::FileSystem& fs, const std::string& dir, const std::string& name);

/// Bytes of all files in a WAL directory, checkpoints included. Errors: io.
Result<std::uint64_t> measure_wal(io::FileSystem& fs, const std::string& dir);

/// Told of each stretch of a segment that holds no readable record.
using OnGap = std::function<void(std::uint64_t offset, std::uint64_t bytes, const std::string& why)>;

/// Reads a whole segment without keeping anything. @return its readable records
std::uint64_t verify_segment(io::Bytes segment, const OnGap& damaged);

struct CleanSegment {
  std::vector<std::byte> bytes;
  std::uint64_t records = 0;
};
/// The readable records of `segment`, framed anew. @param first  a record to stand before them; empty: none
CleanSegment clean_segment(io::Bytes segment, const OnGap& damaged, io::Bytes first = {});

}  // namespace narthex::tsdb
