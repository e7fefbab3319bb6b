// Tombstones: which samples of a block's series are deleted.
//
//   magic 0x0130BA30 u32 | version 1 u8
//   stones: series reference uvarint | mint varint | maxt varint, both inclusive
//   CRC-32C u32 of the stones (not of the version)
// Threads: any, once read.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"
#include "model/time.h"

namespace narthex::tsdb {

struct Stone {
  std::uint64_t ref = 0;
  TimeRange range;
};

class Tombstones {
 public:
  Tombstones() = default;
  explicit Tombstones(std::vector<Stone> stones);

  [[nodiscard]] bool empty() const { return stones_.empty(); }
  [[nodiscard]] std::size_t size() const { return stones_.size(); }
  /// Ascending by reference. Valid while this lives.
  [[nodiscard]] std::span<const Stone> all() const { return stones_; }
  /// Stones of one series. Valid while this lives.
  [[nodiscard]] std::span<const Stone> of(std::uint64_t ref) const;

 private:
  std::vector<Stone> stones_;  ///< ascending by reference
};

std::vector<std::byte> write_tombstones(std::span<const Stone> stones);
/// Errors: corruption.
Result<Tombstones> read_tombstones(io::Bytes file);

/// Whether the stones, possibly several together, cover all of `range`.
bool covers(std::span<const Stone> stones, TimeRange range);

/// Adds a range of deleted samples to those of a series, which ascend and lie apart: ranges that
/// overlap or follow each other become one.
/// Source: Prometheus tsdb/tombstones/tombstones.go, Intervals.Add
void add_range(std::vector<TimeRange>& ranges, TimeRange added);
/// The same for the stones of a block.
Tombstones add_stones(const Tombstones& known, std::span<const Stone> added);

}  // namespace narthex::tsdb
