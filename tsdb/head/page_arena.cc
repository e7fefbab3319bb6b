#include "tsdb/head/page_arena.h"

#include <sys/mman.h>

#include <algorithm>

#include "model/check.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
/// Pieces double from one huge page up to this, so that a small head stays small.
constexpr std::size_t kLargestPiece = std::size_t{64} << 20;

std::size_t round_up(std::size_t n, std::size_t to) {
  return (n + to - 1) / to * to;
}

}  // namespace

PageArena::~PageArena() {
  for (const Piece& p : pieces_) ::munmap(p.base, p.bytes);
}

std::byte* PageArena::take(std::size_t bytes) {
  bytes = round_up(bytes, kCacheLine);
  const sync::MutexLock lock(mutex_);
  if (pieces_.empty() || pieces_.back().bytes - used_in_last_ < bytes) add_piece(bytes);
  std::byte* at = pieces_.back().base + used_in_last_;
  used_in_last_ += bytes;
  taken_ += bytes;
  return at;
}

std::size_t PageArena::size_bytes() const {
  const sync::MutexLock lock(mutex_);
  return taken_;
}

void PageArena::add_piece(std::size_t at_least) {
  std::size_t bytes = pieces_.empty() ? kHugePage : std::min(pieces_.back().bytes * 2, kLargestPiece);
  bytes = round_up(std::max(bytes, at_least), kHugePage);
  // One huge page more than needed, so that the piece can begin at a huge page's border.
  void* raw = ::mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(raw != MAP_FAILED, "the machine refused memory for the head");
  auto* begin = static_cast<std::byte*>(raw);
  auto* base = reinterpret_cast<std::byte*>(round_up(reinterpret_cast<std::uintptr_t>(begin), kHugePage));
  if (base > begin) ::munmap(begin, static_cast<std::size_t>(base - begin));
  std::byte* end = begin + bytes + kHugePage;
  if (end > base + bytes) ::munmap(base + bytes, static_cast<std::size_t>(end - (base + bytes)));
  // Refusal costs speed only.
  ::madvise(base, bytes, MADV_HUGEPAGE);
  pieces_.push_back({base, bytes});
  used_in_last_ = 0;
}

}  // namespace narthex::tsdb
