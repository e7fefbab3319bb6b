#include "tsdb/head/replay_rows.h"

#include <algorithm>
#include <utility>

namespace narthex::tsdb {
namespace {

std::vector<ReplaySection> sections_of(std::span<const ReplayColumns::Column> columns) {
  std::vector<ReplaySection> sections;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::size_t shard = shard_of(columns[i].ordinal);
    if (sections.empty() || sections.back().shard != shard) sections.push_back({shard, i, i});
    sections.back().end = i + 1;
  }
  return sections;
}

std::size_t row_bytes(const ReplayBlock& block) {
  return block.columns->columns.size() * sizeof(double);
}

}  // namespace

void ReplayRows::set_columns(std::uint32_t number, std::span<const ReplayColumns::Column> columns) {
  if (number >= tables_.size()) tables_.resize(number + 1);
  drop_columns(number);
  const std::uint32_t owner = number + 1;
  owners_.grow_to(std::ranges::max(columns, {}, &ReplayColumns::Column::ordinal).ordinal + 1);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    std::uint32_t& series = owners_[columns[i].ordinal];
    if (series == owner) {
      for (const ReplayColumns::Column& c : columns.first(i)) owners_[c.ordinal] = kNoOwner;
      return;
    }
    if (series != kNoOwner) drop_columns(series - 1);
    series = owner;
  }
  tables_[number].block.columns = std::make_shared<const ReplayColumns>(
      ReplayColumns{{columns.begin(), columns.end()}, sections_of(columns)});
}

void ReplayRows::drop_columns(std::uint32_t number) {
  if (!has_columns(number)) return;
  hand_over(number);
  ReplayBlock& block = tables_[number].block;
  for (const ReplayColumns::Column& c : block.columns->columns) owners_[c.ordinal] = kNoOwner;
  block.columns.reset();
}

void ReplayRows::add(std::uint32_t number, ReplayBlock::Row row) {
  Table& table = tables_[number];
  if (!table.turn) table.turn = turns_.insert(turns_.end(), number);
  table.block.rows.push_back(std::move(row));
  bytes_ += row_bytes(table.block);
  if (table.block.rows.size() == kMostRows) hand_over(number);
  while (bytes_ > kMostBytes) hand_over(turns_.front());
}

void ReplayRows::hand_over(std::uint32_t number) {
  Table& table = tables_[number];
  if (!table.turn) return;
  turns_.erase(*std::exchange(table.turn, std::nullopt));
  bytes_ -= table.block.rows.size() * row_bytes(table.block);
  hand_over_(std::make_shared<const ReplayBlock>(
      ReplayBlock{table.block.columns, std::exchange(table.block.rows, {})}));
}

void ReplayRows::hand_over_all() {
  while (!turns_.empty()) hand_over(turns_.front());
}

void ReplayRows::forget_all() {
  for (std::uint32_t number = 0; number < tables_.size(); ++number) drop_columns(number);
  tables_.clear();
}

}  // namespace narthex::tsdb
