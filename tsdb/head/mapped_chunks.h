// MappedChunks: which chunks of a series are in HeadChunkFiles, in 14 bytes each.
//
//   list = slot of a slab:  count u16 | chunk, oldest first ...
//   chunk: first time in ms, 48 bits | span, 24 bits | offset, 27 bits, and file modulo 8,192, 13 bits
// A span of more than 2.3 hours is kept in quarters of a second, rounded up: it says where to
// look, and the file says exactly what is there.
//
// Threads: the shard's mutex.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model/time.h"
#include "tsdb/head/head_chunk_files.h"
#include "tsdb/head/slab.h"

namespace narthex::tsdb {

struct MappedChunk {
  TimeRange range;
  /// The file's number modulo HeadChunkFiles::kMostFiles.
  HeadChunkPlace place;
};

class MappedChunks {
 public:
  explicit MappedChunks(PageArena& arena) : slab_(arena) {}

  /// Whether add() can take it: its times lie within 4,000 years of 1970, and it spans less than 24 days.
  [[nodiscard]] static bool fits(const MappedChunk& chunk);
  /// Most chunks of one series.
  static constexpr std::size_t kMost = 256;

  [[nodiscard]] std::size_t count(SlotRef list) const;
  [[nodiscard]] MappedChunk at(SlotRef list, std::size_t i) const;
  /// Appends a chunk that is newer than all others. The list must be shorter than kMost.
  /// @param more  that will follow: there is room for them then
  void add(SlotRef& list, const MappedChunk& chunk, std::size_t more = 0);
  /// Takes the first `n` out.
  void drop_front(SlotRef& list, std::size_t n);
  /// Leaves the first `n`.
  void drop_back(SlotRef& list, std::size_t n);

  /// The list as it is kept, kChunkBytes each; valid until it is changed.
  [[nodiscard]] io::Bytes packed(SlotRef list) const;
  /// What `bytes`, of packed(), says of chunk number i.
  [[nodiscard]] static MappedChunk unpack_one(io::Bytes bytes, std::size_t i);
  /// A list of the chunks in `bytes`, which are at most kMost.
  SlotRef make(io::Bytes bytes);
  static constexpr std::size_t kChunkBytes = 14;

  [[nodiscard]] std::size_t size_bytes() const { return slab_.size_bytes(); }

 private:
  static constexpr std::size_t kCountBytes = 2;

  void set_count(SlotRef list, std::size_t n);
  void resize(SlotRef& list, std::size_t drop, std::size_t keep, std::size_t room);

  Slab slab_;
};

}  // namespace narthex::tsdb
