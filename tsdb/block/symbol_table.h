// SymbolTable: the interned texts of an index, read in place.
//
// A symbol's number is its position in version 2 and 3, and its offset in the file in version
// 1. Every 8th offset is kept in memory, a byte for each symbol; the rest is walked.
// Threads: any, once opened.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"
#include "tsdb/encoding.h"

namespace narthex::tsdb {

class SymbolTable {
 public:
  /// @param index  the whole file; must outlive this. Errors: corruption.
  static Result<SymbolTable> open(io::Bytes index, std::uint8_t version, std::uint64_t offset);

  /// Valid while the index' bytes are. Errors: corruption (no such symbol).
  [[nodiscard]] Result<std::string_view> text(std::uint64_t number) const;
  /// The number of a text; nothing if it is no symbol.
  [[nodiscard]] std::optional<std::uint64_t> find(std::string_view text) const;
  [[nodiscard]] std::uint64_t size() const { return count_; }
  [[nodiscard]] std::uint64_t memory_bytes() const { return offsets_.capacity() * sizeof offsets_[0]; }
  /// Calls visit(text) for every symbol in turn. Errors: corruption.
  template <class Visit>
  [[nodiscard]] Result<void> each(Visit visit) const {
    if (offsets_.empty()) return {};
    ByteReader in(index_.subspan(offsets_.front(), end_ - offsets_.front()));
    for (std::uint64_t i = 0; i < count_; ++i) {
      const std::string_view text = in.text();
      if (!in.ok()) return fail(Code::corruption, "index: symbol table ends early");
      visit(text);
    }
    return {};
  }

 private:
  SymbolTable() = default;

  io::Bytes index_;
  std::uint8_t version_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t end_ = 0;               ///< offset behind the last symbol
  std::vector<std::uint64_t> offsets_;  ///< of every 8th symbol
};

enum class Checksum : std::uint8_t { to_be_checked, known_right };

/// The content of a section that begins with its length and ends with its checksum.
/// Errors: corruption.
Result<io::Bytes> checked_section(io::Bytes index, std::uint64_t offset, const char* name,
                                  Checksum known = Checksum::to_be_checked);

}  // namespace narthex::tsdb
