// PostingsTable: where the postings of each (name, value) stand, read in place.
//
// Of versions 2 and 3, whose table is sorted, every label name and every 32nd of its values
// are kept in memory; of version 1, whose table is not, all entries.
// Threads: any, once opened.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"

namespace narthex::tsdb {

class PostingsTable {
 public:
  /// @param index  the whole file; must outlive this. Errors: corruption.
  static Result<PostingsTable> open(io::Bytes index, std::uint8_t version, std::uint64_t offset);

  /// Offset of the postings of a pair; nothing if no series has it.
  [[nodiscard]] std::optional<std::uint64_t> find(std::string_view name, std::string_view value) const;

  /// Calls visit(value, offset of its postings) for the values of `name` that begin with
  /// `prefix`, ascending, until it returns false. Views are valid while the index' bytes are.
  template <class Visit>
  void each_value(std::string_view name, std::string_view prefix, Visit visit) const {
    const Name* n = find_name(name);
    if (n == nullptr) return;
    for (Cursor at = lower_bound(*n, prefix); at.entry < n->entries; advance(*n, at)) {
      if (!at.value.starts_with(prefix) || !visit(at.value, at.offset)) return;
    }
  }

  /// All label names, ascending, without the "" that stands for all series.
  [[nodiscard]] std::vector<std::string_view> names() const;
  [[nodiscard]] std::uint64_t count_values(std::string_view name) const;

 private:
  PostingsTable() = default;

  struct Name {
    std::string_view text;
    std::uint64_t entries = 0;  ///< its values
    std::uint64_t first = 0;    ///< of its marks, in marks_
  };
  /// A value that is kept in memory, and where its entry stands (version 1: its postings).
  struct Mark {
    std::string_view value;
    std::uint64_t position = 0;
  };
  struct Cursor {
    std::uint64_t entry = 0;  ///< number among the values of its name
    std::uint64_t next = 0;   ///< position of the entry behind it; unused in version 1
    std::string_view value;
    std::uint64_t offset = 0;
  };
  Result<void> read_sorted(io::Bytes content, std::uint64_t position);
  Result<void> read_unsorted(io::Bytes content);
  [[nodiscard]] const Name* find_name(std::string_view name) const;
  [[nodiscard]] Cursor lower_bound(const Name& name, std::string_view value) const;
  /// Of versions 2 and 3.
  void load(Cursor& at, std::uint64_t position) const;
  void advance(const Name& name, Cursor& at) const;
  [[nodiscard]] std::uint64_t step() const { return version_ == 1 ? 1 : kStep; }

  static constexpr std::uint64_t kStep = 32;

  io::Bytes index_;
  std::uint8_t version_ = 0;
  std::uint64_t end_ = 0;
  std::vector<Name> names_;
  std::vector<Mark> marks_;
};

}  // namespace narthex::tsdb
