// PairDictionary: every distinct (name, value) pair of the head once, as a 32-bit number.
//
// The text lies once in an arena and is counted by the series that use it; the series of a
// pair (its postings) lie with it. Per name there is the list of its pairs: the values that
// regular expressions and label queries walk.
//
// Hashes are keyed with a secret of the process: a hostile target cannot pick colliding values.
// Threads: its owner's mutex. Views are valid until the next release() or compact().
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/labels.h"
#include "tsdb/head/id_table.h"
#include "tsdb/head/postings.h"

namespace narthex::tsdb {

/// A pair's number in the head's dictionary; not a PairId of a query.
using PairNumber = std::uint32_t;
using NameNumber = std::uint32_t;
inline constexpr std::uint32_t kNoNumber = 0xffff'ffff;

/// 192 random bytes, drawn once per process.
std::span<const std::byte> hash_secret();

class PairDictionary {
 public:
  PairDictionary();

  /// The pair's number or kNoNumber.
  [[nodiscard]] PairNumber find(std::string_view name, std::string_view value) const;
  [[nodiscard]] PairNumber find(NameNumber name, std::string_view value) const;
  [[nodiscard]] NameNumber find_name(std::string_view name) const;
  /// Finds or makes the pair and counts one more user of it.
  PairNumber acquire(std::string_view name, std::string_view value) {
    return acquire(name, value, kNoNumber);
  }
  /// The same, without a search if `guess`, any number, is the pair's, and with half of one if it is that of
  /// a pair with the same name.
  PairNumber acquire(std::string_view name, std::string_view value, PairNumber guess);
  /// One user less; the last one takes the pair with it.
  void release(PairNumber pair);

  /// Whether the number stands for something.
  [[nodiscard]] bool has_name(NameNumber name) const { return name < names_.size() && names_[name].text; }
  [[nodiscard]] bool has_pair(PairNumber pair) const {
    return pair < pairs_.size() && pairs_[pair].name != kNoNumber;
  }
  [[nodiscard]] std::string_view name_text(NameNumber name) const { return *names_[name].text; }
  [[nodiscard]] NameNumber name_of(PairNumber pair) const { return pairs_[pair].name; }
  [[nodiscard]] std::string_view value(PairNumber pair) const {
    return {pairs_[pair].text, pairs_[pair].length};
  }
  [[nodiscard]] LabelView label(PairNumber pair) const { return {name_text(name_of(pair)), value(pair)}; }
  /// Series that have it, those that no commit has published yet among them.
  [[nodiscard]] std::uint32_t count_users(PairNumber pair) const { return pairs_[pair].users; }
  [[nodiscard]] const Postings& postings(PairNumber pair) const { return pairs_[pair].postings; }
  Postings& postings(PairNumber pair) { return pairs_[pair].postings; }

  /// The name's pairs in no order.
  [[nodiscard]] std::span<const PairNumber> pairs_of(NameNumber name) const { return names_[name].pairs; }
  /// One beyond the largest number in use; numbers of released names have no pairs.
  [[nodiscard]] std::uint32_t names_end() const { return static_cast<std::uint32_t>(names_.size()); }
  [[nodiscard]] std::uint32_t pairs_end() const { return static_cast<std::uint32_t>(pairs_.size()); }
  [[nodiscard]] std::size_t count_pairs() const { return table_.size(); }

  // ---- Taking over another dictionary's numbers, into an empty one. Names first; then pairs, of which
  // each gets its users at once; then the end.
  void reserve(std::uint32_t names, std::uint32_t pairs);
  /// The next number is this name's, or nobody's.
  void restore_name(std::optional<std::string_view> name);
  /// The next number is this pair's, or nobody's, which `name` kNoNumber says. @return  false: it is there
  /// already, or there is no such name
  bool restore_pair(NameNumber name, std::string_view value);
  /// So many series have the pair. Without any it is given up.
  void restore_users(PairNumber pair, std::uint32_t users);
  void finish_restore();

  /// Gives text back that released pairs left behind, if it is worth it.
  void compact();
  /// Names, values and the tables over them; postings apart.
  [[nodiscard]] std::size_t size_bytes() const;
  /// Walks all pairs.
  [[nodiscard]] std::size_t postings_bytes() const;
  void optimize_postings();

 private:
  struct Pair {
    const char* text = nullptr;
    std::uint32_t length = 0;
    NameNumber name = kNoNumber;
    std::uint32_t users = 0;
    std::uint32_t place = 0;  // in the name's list
    Postings postings;
  };
  static_assert(sizeof(Pair) == 40);

  struct Name {
    std::unique_ptr<std::string> text;  // on the heap: the map's views must not move
    std::vector<PairNumber> pairs;
  };

  /// Text of all values, in blocks that never move.
  struct TextArena {
    std::vector<std::unique_ptr<char[]>> blocks;
    std::size_t used = 0;   // in the last block
    std::size_t size = 0;   // of the last block
    std::size_t bytes = 0;  // of all blocks
    std::size_t live = 0;
    const char* store(std::string_view text);
  };

  static std::uint64_t hash(NameNumber name, std::string_view value);
  NameNumber acquire_name(std::string_view name);

  std::vector<Pair> pairs_;
  std::vector<PairNumber> free_pairs_;
  std::vector<Name> names_;
  std::vector<NameNumber> free_names_;
  boost::unordered_flat_map<std::string_view, NameNumber> name_numbers_;
  IdTable table_;
  TextArena text_;
};

}  // namespace narthex::tsdb
