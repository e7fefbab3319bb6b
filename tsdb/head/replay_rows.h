// ReplayRows: samples of records that repeat, gathered until several of a series can be applied together.
//
// A head's series do not fit a cache. Applied record by record, each sample brings two lines of its series
// from memory; here the records that name the same series become rows of a block, which is applied column
// by column, a series' samples one after the other:
//
//            series 0  1  2 ..
//   record       v  v  v         the times of a row are that of its record, and the columns' distances to it
//   record       v  v  v
//      `----------------- a block
//
// What else the log says of a series must not pass its rows: whoever is about to apply something hands them
// over first.
//
// Threads: one; a block that was handed over changes no more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "model/time.h"
#include "tsdb/head/ordinal_array.h"
#include "tsdb/head/shard_ordinals.h"

namespace narthex::tsdb {

/// Columns of one shard.
struct ReplaySection {
  std::size_t shard;
  std::size_t begin, end;
};

/// The series of records that repeat, in their order, each once.
struct ReplayColumns {
  struct Column {
    Ordinal ordinal;
    std::int32_t later;  ///< than the record's first sample, in milliseconds
  };
  std::vector<Column> columns;
  std::vector<ReplaySection> sections;
};

struct ReplayBlock {
  struct Row {
    Timestamp first;
    std::unique_ptr<double[]> values;  ///< a column's each
  };
  std::shared_ptr<const ReplayColumns> columns;
  std::vector<Row> rows;
};

class ReplayRows {
 public:
  using HandOver = std::function<void(std::shared_ptr<const ReplayBlock>)>;

  /// @param arena  outlives this
  ReplayRows(PageArena& arena, HandOver hand_over) : hand_over_(std::move(hand_over)), owners_(arena) {}

  /// With fewer, a row costs more than it saves.
  static constexpr std::size_t kFewestColumns = 16;

  /// Records with that number name these series from here on. Numbers that had one of them before have no
  /// columns any more; neither has this one if a series comes twice.
  /// @param columns  one at least
  void set_columns(std::uint32_t number, std::span<const ReplayColumns::Column> columns);
  /// Records with that number are to be applied otherwise. What was gathered is handed over.
  void drop_columns(std::uint32_t number);
  [[nodiscard]] bool has_columns(std::uint32_t number) const {
    return number < tables_.size() && tables_[number].block.columns != nullptr;
  }
  /// @param number  has columns
  void add(std::uint32_t number, ReplayBlock::Row row);

  /// Whether there is anything to hand over.
  [[nodiscard]] bool any() const { return bytes_ > 0; }
  /// Hands over what was gathered with that series.
  void hand_over_of(Ordinal o) {
    if (o < owners_.size() && owners_[o] != kNoOwner) hand_over(owners_[o] - 1);
  }
  void hand_over_all();
  /// And no number has columns any more.
  void forget_all();

 private:
  /// They stay in a core's cache while they are applied.
  static constexpr std::size_t kMostRows = 16;
  /// Four rows of a million series.
  static constexpr std::size_t kMostBytes = std::size_t{32} << 20;
  /// In owners_, where a number stands as the one that follows it.
  static constexpr std::uint32_t kNoOwner = 0;

  struct Table {
    ReplayBlock block;
    /// In turns_, if there are rows.
    std::optional<std::list<std::uint32_t>::iterator> turn;
  };
  void hand_over(std::uint32_t number);

  HandOver hand_over_;
  std::vector<Table> tables_;  ///< by number
  /// Of tables with rows, the one that was begun first in front.
  std::list<std::uint32_t> turns_;
  std::size_t bytes_ = 0;
  OrdinalArray<std::uint32_t> owners_;
};

}  // namespace narthex::tsdb
