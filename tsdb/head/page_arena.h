// PageArena: where the head's slabs and arrays get their memory: big anonymous mappings that
// ask for huge pages. This is the one place of the head that talks to the kernel about memory.
//
// A sweep over a million series touches a million cache lines; with 4 KiB pages nearly each
// of them is a TLB miss as well. Memory comes zeroed and is never given back: slabs recycle.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sync/mutex.h"

namespace narthex::tsdb {

class PageArena {
 public:
  PageArena() = default;
  ~PageArena();
  PageArena(const PageArena&) = delete;
  PageArena& operator=(const PageArena&) = delete;

  /// Zeroed memory, aligned to a cache line, valid while this lives.
  std::byte* take(std::size_t bytes);
  /// What was taken.
  [[nodiscard]] std::size_t size_bytes() const;

 private:
  struct Piece {
    std::byte* base;
    std::size_t bytes;
  };
  void add_piece(std::size_t at_least) NARTHEX_REQUIRES(mutex_);

  mutable sync::Mutex mutex_;
  std::vector<Piece> pieces_ NARTHEX_GUARDED_BY(mutex_);
  std::size_t used_in_last_ NARTHEX_GUARDED_BY(mutex_) = 0;
  std::size_t taken_ NARTHEX_GUARDED_BY(mutex_) = 0;
};

}  // namespace narthex::tsdb
