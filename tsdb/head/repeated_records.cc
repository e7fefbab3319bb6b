#include "tsdb/head/repeated_records.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "tsdb/encoding.h"

namespace narthex::tsdb {
namespace {

/// Type, first reference, first time.
constexpr std::size_t kHeaderBytes = 17;
constexpr std::size_t kMostHeadBytes = sizeof(std::uint32_t);

std::uint32_t load_head(const std::byte* at) {
  static_assert(std::endian::native == std::endian::little);
  std::uint32_t head;
  std::memcpy(&head, at, sizeof head);
  return head;
}

/// Keeps a head of so many bytes.
std::uint32_t mask_of(std::size_t bytes) {
  return ~std::uint32_t{0} >> 8 * (kMostHeadBytes - bytes);
}

}  // namespace

// hot: bench/restart_bench
std::size_t RepeatedRecords::count_within(io::Bytes record) const {
  if (record.size() < kHeaderBytes) return 0;
  const std::uint32_t number = numbers_.find(load_be<std::uint64_t>(record.data() + 1));
  if (number == kNoNumber) return 0;
  const Shape& shape = shapes_[number];
  const auto first_time = static_cast<Timestamp>(load_be<std::uint64_t>(record.data() + 9));
  if (record.size() != shape.record_bytes || !shape.first_time.contains(first_time)) return 0;
  // A value follows each head, so four bytes can be read everywhere.
  const std::byte* at = record.data() + kHeaderBytes;
  const std::uint32_t* head = shape.heads.data();
  std::uint32_t differences = 0;
  for (const Run run : shape.runs) {
    const std::uint32_t mask = mask_of(run.head_bytes);
    const std::size_t step = run.head_bytes + sizeof(double);
    for (std::uint32_t i = 0; i < run.entries; ++i, at += step, ++head)
      differences |= (load_head(at) & mask) ^ *head;
  }
  return differences == 0 ? shape.heads.size() : 0;
}

void RepeatedRecords::prefetch(io::Bytes record) const {
  if (record.size() < kHeaderBytes) return;
  const std::uint32_t number = numbers_.find(load_be<std::uint64_t>(record.data() + 1));
  if (number == kNoNumber) return;
  const Shape& shape = shapes_[number];
  __builtin_prefetch(shape.runs.data());
  // The rest of them is read in a row, which processors see by themselves.
  constexpr std::size_t kLine = 64 / sizeof(std::uint32_t);
  for (std::size_t i = 0; i < std::min<std::size_t>(shape.heads.size(), 4 * kLine); i += kLine)
    __builtin_prefetch(shape.heads.data() + i);
}

void RepeatedRecords::remember(io::Bytes record, TimeRange range) {
  if (record.size() < kHeaderBytes) return;
  Shape shape;
  shape.record_bytes = record.size();
  DurationMs least = 0;
  DurationMs most = 0;
  ByteReader in(record.subspan(kHeaderBytes));
  while (in.left() > 0) {
    const std::byte* const head = in.rest().data();
    const std::size_t before = in.left();
    static_cast<void>(in.varint());
    const DurationMs later = in.varint();
    const std::size_t bytes = before - in.left();
    in.skip(sizeof(double));
    if (!in.ok() || bytes > kMostHeadBytes) return;
    least = std::min(least, later);
    most = std::max(most, later);
    if (shape.runs.empty() || shape.runs.back().head_bytes != bytes)
      shape.runs.push_back({0, static_cast<std::uint32_t>(bytes)});
    ++shape.runs.back().entries;
    shape.heads.push_back(load_head(head) & mask_of(bytes));
  }
  shape.first_time = {range.mint - least, range.maxt - most};
  const WalRef first_ref = load_be<std::uint64_t>(record.data() + 1);
  std::uint32_t number = numbers_.find(first_ref);
  if (number == kNoNumber) {
    number = static_cast<std::uint32_t>(shapes_.size());
    numbers_.set(first_ref, number);
    shapes_.emplace_back();
  }
  shapes_[number] = std::move(shape);
}

void RepeatedRecords::forget_all() {
  numbers_ = {};
  shapes_.clear();
}

}  // namespace narthex::tsdb
