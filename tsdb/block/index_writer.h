// IndexWriter: writes the index of one block, version 2, front to back.
//
// Memory: the symbols, and four bytes for each label of each series for the postings.
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "io/file_system.h"
#include "model/labels.h"
#include "model/result.h"
#include "tsdb/block/buffered_file.h"
#include "tsdb/block/index_format.h"

namespace narthex::tsdb {

class IndexWriter {
 public:
  /// @param symbols  every label name and value that will occur, any order, may repeat
  /// Errors: io, limit (more than 4 GiB of symbols).
  static Result<IndexWriter> create(io::FileSystem& fs, const std::string& path,
                                    std::vector<std::string> symbols);

  /// Errors: io; invalid (not behind the series before it, unknown symbol, chunks out of order);
  /// limit (64 GiB reached).
  Result<void> add_series(const Labels& labels, std::span<const ChunkMeta> chunks);
  /// Writes postings, their table and the table of contents; not synced.
  Result<void> finish();

 private:
  IndexWriter(BufferedFile file, std::vector<std::string> symbols);

  /// One (name, value), and where its postings come to stand.
  struct Pair {
    std::uint32_t name = 0;
    std::uint32_t value = 0;
    std::uint32_t count = 0;   ///< series that have it
    std::uint64_t offset = 0;  ///< of its postings
  };

  Result<void> write_symbols();
  [[nodiscard]] Result<std::uint32_t> symbol(std::string_view text) const;
  [[nodiscard]] Result<std::uint32_t> pair(std::size_t position, LabelView label);
  Result<void> check_order(const Labels& labels, std::span<const ChunkMeta> chunks);
  Result<void> write_postings();
  Result<void> write_postings_list(std::span<const std::uint32_t> refs);
  [[nodiscard]] std::vector<std::uint32_t> sorted_pairs() const;
  Result<void> write_postings_table();
  Result<void> write_toc();

  BufferedFile file_;
  IndexToc toc_;
  std::vector<std::string> symbols_;
  std::unordered_map<std::string_view, std::uint32_t> symbol_numbers_;  ///< into symbols_
  std::vector<Pair> pairs_;
  std::unordered_map<std::uint64_t, std::uint32_t> pair_numbers_;  ///< by name << 32 | value
  std::vector<std::uint32_t> last_pairs_;  ///< of the series before, by position: most repeat
  std::vector<std::uint32_t> series_refs_;
  std::vector<std::uint32_t> label_counts_;  ///< of each series
  std::vector<std::uint32_t> series_pairs_;  ///< pairs of all series, one after the other
  std::uint64_t all_series_offset_ = 0;
  Labels last_labels_;
  std::vector<std::byte> entry_;
  std::vector<std::byte> body_;
};

}  // namespace narthex::tsdb
