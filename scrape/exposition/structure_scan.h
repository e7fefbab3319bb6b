// Finds the bytes that give an exposition its structure, 64 at a time: one bit per byte and
// kind. With AVX2 where the machine has it; the scalar twin gives the same bits.
//
// Threads: any.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace narthex::scrape {

/// Bit i stands for byte i of a block.
struct BlockMasks {
  std::uint64_t name = 0;     ///< [a-zA-Z0-9_:]
  std::uint64_t blank = 0;    ///< space and tab
  std::uint64_t newline = 0;  ///< \n
  std::uint64_t quote = 0;    ///< "
  std::uint64_t escape = 0;   ///< backslash
  std::uint64_t close = 0;    ///< }
  bool operator==(const BlockMasks&) const = default;
};

inline constexpr std::size_t kBlockSize = 64;

/// Reads kBlockSize bytes from `block`.
using ScanBlock = void (*)(const char* block, BlockMasks& masks);

void scan_block_scalar(const char* block, BlockMasks& masks);
/// The fastest that this machine can run.
ScanBlock best_scan_block();

/// Finds structure in a text that is followed by ScrapeBody's padding. Meant for walking forward:
/// it remembers the masks of one block.
class StructureCursor {
 public:
  StructureCursor(const char* text, std::size_t size, ScanBlock scan)
      : text_(text), size_(size), scan_(scan) {
    scan_(text_, masks_);
  }

  /// The first byte at or after `from` whose bit is set in select(masks); the size of the text
  /// if there is none.
  template <class Select>
  std::size_t find(std::size_t from, Select select) {
    std::size_t block = from & ~(kBlockSize - 1);
    load(block);
    std::uint64_t bits = select(masks_) & (~std::uint64_t{0} << (from - block));
    while (bits == 0) {
      block += kBlockSize;
      if (block > size_) return size_;
      load(block);
      bits = select(masks_);
    }
    return block + static_cast<std::size_t>(std::countr_zero(bits));
  }

 private:
  void load(std::size_t block) {
    if (block == block_) return;
    scan_(text_ + block, masks_);
    block_ = block;
  }

  const char* text_;
  std::size_t size_;
  ScanBlock scan_;
  std::size_t block_ = 0;
  BlockMasks masks_;
};

}  // namespace narthex::scrape
