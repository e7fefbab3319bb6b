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

WalRef first_ref(io::Bytes record) {
  return load_be<std::uint64_t>(record.data() + 1);
}

/// Keeps a head of so many bytes.
std::uint32_t mask_of(std::size_t bytes) {
  return ~std::uint32_t{0} >> 8 * (kMostHeadBytes - bytes);
}

}  // namespace

Timestamp RepeatedRecords::first_time(io::Bytes record) {
  return static_cast<Timestamp>(load_be<std::uint64_t>(record.data() + 9));
}

RepeatedRecords::Likeness RepeatedRecords::find(io::Bytes record) const {
  if (record.size() < kHeaderBytes) return {};
  const std::uint32_t number = numbers_.find(first_ref(record));
  if (number == kNoNumber) return {};
  const Shape& shape = shapes_[number];
  const Timestamp first = first_time(record);
  if (record.size() != shape.record_bytes || !shape.first_time.contains(first)) return {};
  return {number, shape.use, shape.heads.size(), first};
}

// hot: bench/restart_bench
template <class OnValue>
bool RepeatedRecords::compare(io::Bytes record, const Shape& shape, OnValue on_value) {
  static constexpr std::uint32_t kAtOnce = 4;
  // A value follows each head, so four bytes can be read everywhere.
  const std::byte* at = record.data() + kHeaderBytes;
  const std::uint32_t* head = shape.heads.data();
  std::uint32_t differences = 0;
  for (const Run run : shape.runs) {
    const std::size_t step = run.head_bytes + sizeof(double);
    // What follows the heads differs as well, and is left out at the end.
    std::uint32_t in_run = 0;
    const auto compare_one = [&](std::size_t i) {
      in_run |= load_head(at + i * step) ^ head[i];
      on_value(at + i * step + run.head_bytes);
    };
    std::uint32_t left = run.entries;
    for (; left >= kAtOnce; left -= kAtOnce, at += kAtOnce * step, head += kAtOnce)
      for (std::uint32_t i = 0; i < kAtOnce; ++i) compare_one(i);
    for (; left > 0; --left, at += step, ++head) compare_one(0);
    differences |= in_run & mask_of(run.head_bytes);
  }
  return differences == 0;
}

bool RepeatedRecords::is_like(io::Bytes record, std::uint32_t number) const {
  return compare(record, shapes_[number], [](const std::byte*) {});
}

bool RepeatedRecords::take_values(io::Bytes record, std::uint32_t number, double* values) const {
  return compare(record, shapes_[number], [&values](const std::byte* value) {
    *values++ = std::bit_cast<double>(load_be<std::uint64_t>(value));
  });
}

void RepeatedRecords::prefetch(io::Bytes record) const {
  if (record.size() < kHeaderBytes) return;
  const std::uint32_t number = numbers_.find(first_ref(record));
  if (number == kNoNumber) return;
  const Shape& shape = shapes_[number];
  __builtin_prefetch(shape.runs.data());
  // The rest of them is read in a row, which processors see by themselves.
  constexpr std::size_t kLine = 64 / sizeof(std::uint32_t);
  for (std::size_t i = 0; i < std::min<std::size_t>(shape.heads.size(), 4 * kLine); i += kLine)
    __builtin_prefetch(shape.heads.data() + i);
}

bool RepeatedRecords::note(io::Bytes record) {
  if (record.size() < kHeaderBytes) return false;
  const auto length = static_cast<std::uint32_t>(record.size());
  if (lengths_.find(first_ref(record)) == length) return true;
  lengths_.set(first_ref(record), length);
  return false;
}

std::uint32_t RepeatedRecords::remember(io::Bytes record, TimeRange range, Use use) {
  if (record.size() < kHeaderBytes) return kNoNumber;
  Shape shape;
  shape.use = use;
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
    if (!in.ok() || bytes > kMostHeadBytes) return kNoNumber;
    least = std::min(least, later);
    most = std::max(most, later);
    if (shape.runs.empty() || shape.runs.back().head_bytes != bytes)
      shape.runs.push_back({0, static_cast<std::uint32_t>(bytes)});
    ++shape.runs.back().entries;
    shape.heads.push_back(load_head(head) & mask_of(bytes));
  }
  shape.first_time = {range.mint - least, range.maxt - most};
  const WalRef first = first_ref(record);
  std::uint32_t number = numbers_.find(first);
  if (number == kNoNumber) {
    number = static_cast<std::uint32_t>(shapes_.size());
    numbers_.set(first, number);
    shapes_.emplace_back();
  }
  samples_ += shape.heads.size();
  samples_ -= shapes_[number].heads.size();
  shapes_[number] = std::move(shape);
  return number;
}

void RepeatedRecords::forget_all() {
  numbers_ = {};
  shapes_.clear();
  samples_ = 0;
}

}  // namespace narthex::tsdb
