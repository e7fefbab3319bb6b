// The manifest: which segments of the log we have written or taken over.
//
// On disk: magic "NTXMANI\0" | version u32 | count u32 | epoch u64 | {segment u32, zero u32, size u64} ...
//          | CRC-32C u32 of all before. Little-endian; the last segment is being written, its size is 0.
// The epoch is a random number, drawn anew when a start finds that the log is not as we left it. Snapshots
// of another epoch are from before that.
// Full format, and what follows from it: docs/formats/head-snapshot.md.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"
#include "tsdb/wal/segments.h"

namespace narthex::tsdb {

struct LogManifest {
  std::uint64_t epoch = 0;
  std::vector<SegmentFile> segments;  ///< ascending, without names
};

std::vector<std::byte> encode_manifest(const LogManifest& manifest);
/// Errors: corruption, invalid (another version).
Result<LogManifest> decode_manifest(io::Bytes bytes);

/// In what the log differs from the manifest; nothing if it does not. Segments may be gone from the front:
/// a checkpoint of ours has what they held.
std::optional<std::string> manifest_difference(const LogManifest& manifest,
                                               std::span<const SegmentFile> present);
/// Whether the log has a finished segment of the manifest, and all that both have are of one size: references
/// mean in one what they mean in the other, whoever wrote the log since.
bool descends_from(const LogManifest& manifest, std::span<const SegmentFile> present);

}  // namespace narthex::tsdb
