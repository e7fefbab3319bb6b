// LabelPool: the labels of one query as 32-bit numbers.
//
// A query never compares or hashes label strings while it computes: each distinct
// (name, value) pair gets a PairId, each distinct name a NameId, and a series is a short
// list of PairIds sorted by label name. Storage fills the pool while selecting; operators
// make new pairs (label_replace, count_values); only output turns ids back into text.
//
// Threads: one at a time. Views are valid while the pool lives (text is never moved).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "model/labels.h"

namespace narthex {

enum class PairId : std::uint32_t {};
enum class NameId : std::uint32_t {};

/// A series' labels: pair ids in ascending byte order of their names, each name once.
using LabelIds = std::vector<PairId>;

class LabelPool {
 public:
  LabelPool();
  ~LabelPool();
  LabelPool(const LabelPool&) = delete;
  LabelPool& operator=(const LabelPool&) = delete;

  PairId pair(std::string_view name, std::string_view value);
  PairId pair(NameId name, std::string_view value);
  NameId name(std::string_view name);

  [[nodiscard]] NameId name_of(PairId pair) const { return pairs_[static_cast<std::uint32_t>(pair)].name; }
  [[nodiscard]] std::string_view value(PairId pair) const {
    return pairs_[static_cast<std::uint32_t>(pair)].value;
  }
  [[nodiscard]] std::string_view text(NameId name) const { return names_[static_cast<std::uint32_t>(name)]; }
  [[nodiscard]] std::size_t count_pairs() const { return pairs_.size(); }
  /// Memory held, for the query's budget.
  [[nodiscard]] std::size_t size_bytes() const;

  LabelIds ids(const Labels& labels);
  [[nodiscard]] Labels labels(std::span<const PairId> ids) const;
  /// Bytes of the names and values of `ids`.
  [[nodiscard]] std::size_t count_text(std::span<const PairId> ids) const;
  /// As Labels' <=>: by name text, then value text.
  [[nodiscard]] std::strong_ordering compare(std::span<const PairId> a, std::span<const PairId> b) const;
  /// Value of `name` in `ids`, or "".
  [[nodiscard]] std::string_view get(std::span<const PairId> ids, NameId name) const;
  /// Sets or (with an empty value) removes one label, keeping the order by name.
  void set(LabelIds& ids, NameId name, std::string_view value);
  void remove(LabelIds& ids, NameId name) const;

 private:
  struct Pair {
    NameId name;
    std::string_view value;
  };
  struct Index;
  std::string_view store(std::string_view text);

  std::vector<Pair> pairs_;
  std::vector<std::string_view> names_;
  std::vector<std::unique_ptr<char[]>> arena_;
  std::size_t arena_used_ = 0;
  std::size_t arena_size_ = 0;
  std::size_t arena_bytes_ = 0;
  std::unique_ptr<Index> index_;
};

}  // namespace narthex
