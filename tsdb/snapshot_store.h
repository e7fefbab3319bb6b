// SnapshotStore: the snapshots of the head in <data>/narthex, and who wrote the log last.
//
//   narthex/head.NNNNNNNN   snapshots, ascending; the two newest stay
//   narthex/manifest        magic "NTXMANI\0" | version u32 | count u32 | {segment u32, zero u32, size u64}
//   ...
//                           | CRC-32C u32 of all before; little-endian
// The manifest lists the segments of the log; the last one is being written, so its size is 0. It is
// written when a segment has begun and holds nothing yet. Whoever else opens the log for writing,
// Prometheus above all, begins a segment of a higher number: if the manifest names exactly the
// segments that are there, the log, and all files that are changed together with it, are our own work.
// Full format and the proof: docs/formats/head-snapshot.md.
//
// A snapshot is a copy of what log, chunk files and blocks hold: what does not fit them is removed.
// Threads: one at a time; note_segment() any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"
#include "tsdb/head/snapshot_file.h"
#include "tsdb/head/snapshot_state.h"

namespace narthex::tsdb {

class SnapshotStore {
 public:
  /// @param data  the data directory. Reads nothing yet.
  SnapshotStore(io::FileSystem& fs, const std::string& data);

  // ---- Writing

  /// A segment has begun. A manifest that cannot be written costs the snapshots at the next start, and a
  /// line in the log.
  void note_segment(std::uint32_t segment);
  /// Begins a snapshot in a temporary file. Errors: io.
  Result<SnapshotWriter> begin();
  /// What begin() gave was finished: it takes its name, and older ones but one go.
  /// @return  its number. Errors: io
  Result<std::uint32_t> publish();

  // ---- Reading, before the log is opened for writing

  /// Why the snapshots cannot be used at all: the log is not as we left it. Nothing if they can.
  [[nodiscard]] std::optional<std::string> why_foreign() const;
  struct Found {
    std::uint32_t number;
    SnapshotReader reader;
    SnapshotState state;
  };
  /// The newest sound snapshot below `below` that fits the log. Others are removed, each with a line in the
  /// log. @param floor  end of the newest block
  std::optional<Found> find(std::uint32_t below, Timestamp floor);
  /// Whether the files of chunks that the snapshot knows are as it knows them, or gone from the front.
  [[nodiscard]] static bool fits(const SnapshotState& state,
                                 const std::vector<HeadChunkFiles::File>& present);
  /// Says why in the log.
  void discard(std::uint32_t number, const std::string& why);
  void discard_all(const std::string& why);

  /// Ascending. Errors: io.
  [[nodiscard]] Result<std::vector<std::uint32_t>> list() const;
  [[nodiscard]] std::string path_of(std::uint32_t number) const;
  [[nodiscard]] const std::string& directory() const { return directory_; }

 private:
  [[nodiscard]] std::string temporary() const { return directory_ + "/head.tmp"; }
  Result<void> write_manifest(std::uint32_t segment);
  [[nodiscard]] Result<std::string> why_unfit(const SnapshotState& state, Timestamp floor) const;

  io::FileSystem& fs_;
  const std::string directory_;
  const std::string wal_directory_;
};

}  // namespace narthex::tsdb
