// OooReplay: late samples while the head starts: chunks in files, samples of their log, and which of the two
// hold the same.
//
//   chunk files -> chunks by reference -> their series, when the log names it
//   log         -> samples by series   -> a marker names a chunk in a file: what it holds goes
//   the end     -> what no chunk of the series holds becomes chunks in memory
//
// Prometheus forgets all samples in front of a marker, if its file is there. Here a sample goes only if a
// chunk holds one of its time, so that a lost file, or another chunk in its place, loses nothing. And a chunk
// that no marker names counts only if the log is not whole: a whole one has its samples as well, or a block
// has them by now, and then a deletion may have taken them from it.
//
// Threads: one.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <vector>

#include "tsdb/head/head_chunk_files.h"
#include "tsdb/head/ooo_store.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {

class OooReplay {
 public:
  void add_chunk(WalRef ref, TimeRange range, HeadChunkPlace place) {
    loaded_[ref].push_back({range, place});
  }
  /// The series has that reference, or goes by it too.
  void name(WalRef ref, std::uint32_t ordinal, OooStore& store);
  void add_sample(std::uint32_t ordinal, OooSample sample) { pending_[ordinal].push_back(std::move(sample)); }
  /// The series was deleted.
  void forget(std::uint32_t ordinal) { pending_.erase(ordinal); }
  /// All samples of the series so far are in this chunk and those of markers before.
  /// @param files  here and below: null if no chunk is in a file
  void mark(std::uint32_t ordinal, HeadChunkPlace place, OooStore& store, const HeadChunkFiles* files);
  /// What is left becomes chunks in memory.
  void finish(OooStore& store, const HeadChunkFiles* files, LateLog log);

 private:
  struct Loaded {
    TimeRange range;
    HeadChunkPlace place;
  };
  boost::unordered_flat_map<WalRef, std::vector<Loaded>> loaded_;
  /// In the order in which they came.
  boost::unordered_flat_map<std::uint32_t, std::vector<OooSample>> pending_;
};

}  // namespace narthex::tsdb
