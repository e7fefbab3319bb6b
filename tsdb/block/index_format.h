// The index of a block: what it consists of, for writer and reader.
//
//   magic 0xBAAAD700 u32 | version u8
//   symbols: length u32 | count u32 | count x (length uvarint, text), sorted | CRC-32C u32
//   series, each aligned to 16: length uvarint | labels, chunks | CRC-32C u32
//     labels: count uvarint | (name symbol, value symbol) uvarints
//     chunks: count uvarint | mint varint, maxt-mint uvarint, reference uvarint;
//             then mint - previous maxt uvarint, maxt-mint uvarint, reference delta varint
//   postings, each aligned to 4: length u32 | count u32 | series references u32 | CRC-32C u32
//   postings offset table: length u32 | count u32 |
//     count x (2, name, value as length and text, offset uvarint), sorted | CRC-32C u32
//   table of contents: six u64 offsets | CRC-32C u32
// A series reference is its offset / 16; the pair ("", "") lists all series. Version 1 has no
// alignment: references are offsets, of symbols too, and its tables are not sorted. Version 3
// reads like 2.
// Full format: docs/formats/block.md.
#pragma once

#include <cstddef>
#include <cstdint>

namespace narthex::tsdb {

inline constexpr std::uint32_t kIndexMagic = 0xBAAAD700;
inline constexpr std::size_t kIndexHeaderBytes = 5;
inline constexpr std::size_t kIndexTocBytes = 6 * 8 + 4;
inline constexpr std::size_t kSeriesAlignment = 16;
inline constexpr std::size_t kPostingsAlignment = 4;
inline constexpr std::size_t kIndexChecksumBytes = 4;

/// Offsets of the sections, in the order in which they stand in the file's end.
struct IndexToc {
  std::uint64_t symbols = 0;
  std::uint64_t series = 0;
  std::uint64_t label_indices = 0;        ///< no longer written: points at the next section
  std::uint64_t label_indices_table = 0;  ///< no longer written: points at the next section
  std::uint64_t postings = 0;
  std::uint64_t postings_table = 0;
};

/// A chunk as the index names it; both times inclusive.
struct ChunkMeta {
  std::int64_t mint = 0;
  std::int64_t maxt = 0;
  std::uint64_t ref = 0;
};

}  // namespace narthex::tsdb
