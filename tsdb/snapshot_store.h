// SnapshotStore: the snapshots of the head in <data>/narthex, and who wrote the log last.
//
//   narthex/head.NNNNNNNN   snapshots, ascending; the two newest stay
//   narthex/manifest        the segments of the log, see log_manifest.h
// The manifest is written when a segment has begun and holds nothing yet. Whoever else opens the log
// for writing, Prometheus above all, begins a segment of a higher number: if the manifest names exactly
// the segments that are there, the log, and all files that change together with it, are our own work.
// Full format and the proof: docs/formats/head-snapshot.md.
//
// A snapshot is a copy of what log, chunk files and blocks hold: what does not fit them is removed.
// Threads: one at a time; note_segments() any.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"
#include "sync/mutex.h"
#include "tsdb/head/snapshot_file.h"
#include "tsdb/head/snapshot_state.h"
#include "tsdb/log_manifest.h"

namespace narthex::tsdb {

class SnapshotStore {
 public:
  /// @param data  the data directory. Reads nothing yet.
  SnapshotStore(io::FileSystem& fs, const std::string& data);

  // ---- Writing

  /// A segment of the log has begun, or finished ones have been changed. A manifest that cannot be written
  /// costs the snapshots at the next start, and a line in the log.
  void note_segments() NARTHEX_EXCLUDES(manifest_mutex_);
  /// Begins a snapshot in a temporary file. Errors: io.
  Result<SnapshotWriter> begin();
  /// What begin() gave was finished: it takes its name, and older ones but one go.
  /// @return  its number. Errors: io
  Result<std::uint32_t> publish();

  // ---- Reading, before the log is opened for writing

  /// Compares log and manifest. @return  why the snapshots cannot be used at all: the log is not as we left
  /// it; nothing if they can
  std::optional<std::string> why_foreign();
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
  /// Series records that the snapshots have of `refs`, which ascend. None if the log is of other descent.
  [[nodiscard]] std::vector<SeriesRecord> names_of(std::span<const WalRef> refs) const;
  /// Says why in the log.
  void discard(std::uint32_t number, const std::string& why);
  void discard_all(const std::string& why);

  /// Ascending. Errors: io.
  [[nodiscard]] Result<std::vector<std::uint32_t>> list() const;
  [[nodiscard]] std::string path_of(std::uint32_t number) const;
  [[nodiscard]] const std::string& directory() const { return directory_; }

 private:
  [[nodiscard]] std::string temporary() const { return directory_ + "/head.tmp"; }
  Result<void> write_manifest() NARTHEX_REQUIRES(manifest_mutex_);
  [[nodiscard]] std::optional<std::string> read_manifest();
  [[nodiscard]] static Result<std::uint64_t> epoch_of(const SnapshotReader& snapshot);
  [[nodiscard]] Result<std::string> why_unfit(const SnapshotReader& snapshot, const SnapshotState& state,
                                              Timestamp floor) const;

  io::FileSystem& fs_;
  const std::string directory_;
  const std::string wal_directory_;
  sync::Mutex manifest_mutex_;
  /// Of the manifest as it was found; epoch_ is that of what is written.
  std::optional<LogManifest> found_;
  std::uint64_t epoch_ = 0;
};

}  // namespace narthex::tsdb
