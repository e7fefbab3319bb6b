// HotSeries: what an append touches of a series, in exactly one cache line.
//
// The open chunk has three forms:
//   run     slot == kNoSlot: all samples so far have one value and one distance in time; there
//           are no bytes, enc.{t, v, delta, count} and mint say everything
//   stream  slot holds the XOR bytes of enc.count samples, a count of old among them; `run` more
//           follow with the value and the distance of the last one, not yet written as bits.
//           `last` is the byte that the next bits go into, if it has some already: an append
//           writes to the slot, which is rarely in a cache, and waits for nothing from there
//   builder  slot == kBuilderSlot: it is not plain XOR, see series_chunks_kinds.cc
// A gauge that stands still therefore costs no chunk memory and no second cache line.
//
// A series may have no open chunk and samples all the same: after a restart that found them all
// in full chunks. enc.t and enc.v are then the newest sample's.
//
// Threads: the shard's mutex.
#pragma once

#include <bit>
#include <cstdint>

#include "model/time.h"
#include "tsdb/chunk/xor_chunk.h"
#include "tsdb/head/slab.h"

namespace narthex::tsdb {

/// In place of a slot.
inline constexpr SlotRef kBuilderSlot = kNoSlot - 1;

struct alignas(64) HotSeries {
  XorState enc;
  Timestamp mint;          ///< first sample of the open chunk
  Timestamp visible_maxt;  ///< newest sample that was there before the last commit
  std::uint32_t commit;    ///< last commit, relative to the epoch of Isolation
  SlotRef slot;
  std::uint32_t next_cut;  ///< the chunk ends before mint + next_cut
  std::uint8_t run;
  std::byte last;
  std::uint8_t stagger;  ///< where between 25 % and 100 % a first chunk of a range ends
  bool first_in_range;   ///< the open chunk is the series' first in its block range

  /// An empty series.
  static HotSeries make(std::uint8_t stagger) {
    return {.enc = XorState{.t = kMinTime},
            .mint = 0,
            .visible_maxt = kMinTime,
            .commit = 0,
            .slot = kNoSlot,
            .next_cut = 0,
            .run = 0,
            .last = {},
            .stagger = stagger,
            .first_in_range = true};
  }
  /// Samples in the open chunk.
  [[nodiscard]] std::uint32_t count() const { return std::uint32_t{enc.count} + run; }
  /// Time of the newest sample; kMinTime if there is none.
  [[nodiscard]] Timestamp maxt() const { return enc.t + run * enc.delta; }
  [[nodiscard]] bool empty() const { return maxt() == kMinTime; }
  /// No open chunk, and the newest sample is {t, v}.
  void close(Timestamp t, double v) {
    enc = XorState{.t = t, .v = v};
    run = 0;
  }
  /// Whether `slot` is one.
  [[nodiscard]] bool has_slot() const { return slot < kBuilderSlot; }
  [[nodiscard]] std::uint64_t value_bits() const { return std::bit_cast<std::uint64_t>(enc.v); }
};

static_assert(sizeof(HotSeries) == 64, "a series' hot state is one cache line");

}  // namespace narthex::tsdb
