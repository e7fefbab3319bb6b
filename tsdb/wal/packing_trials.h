// PackingTrials: which records of samples are worth packing, by what it saved the last time.
//
// A target sends the same series with each scrape, and its records pack about as well as the one before.
// Where that saved less than an eighth, the next records of the same first series are left as they are,
// until a trial shows that it has changed. See docs/decisions/064.
// Threads: any. Two targets may share a place; all that this costs is a needless trial, or a larger record.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "io/file_system.h"
#include "tsdb/encoding.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {

class PackingTrials {
 public:
  /// Records of a series that are left as they are between two trials.
  static constexpr std::uint8_t kRest = 15;

  /// Whether to pack the record; says no kRest times after a trial that did not pay.
  bool is_due(io::Bytes record) {
    if (!is_known(record)) return true;
    std::atomic<std::uint8_t>& left = place_of(record);
    const std::uint8_t rest = left.load(std::memory_order_relaxed);
    if (rest == 0) return true;
    left.store(static_cast<std::uint8_t>(rest - 1), std::memory_order_relaxed);
    return false;
  }
  /// Packing the record has saved so many bytes.
  void note(io::Bytes record, std::size_t saved) {
    if (!is_known(record)) return;
    const bool paid = saved >= record.size() / 8;
    place_of(record).store(paid ? 0 : kRest, std::memory_order_relaxed);
  }

 private:
  static constexpr int kPlaceBits = 10;
  static constexpr std::size_t kFirstRef = 1;

  /// Of other records there are few.
  static bool is_known(io::Bytes record) {
    return record.size() >= kFirstRef + sizeof(WalRef) && record_type(record) == RecordType::samples;
  }
  std::atomic<std::uint8_t>& place_of(io::Bytes record) {
    const auto ref = load_be<std::uint64_t>(record.data() + kFirstRef);
    return left_[ref * 0x9e37'79b9'7f4a'7c15U >> (64 - kPlaceBits)];
  }

  std::array<std::atomic<std::uint8_t>, std::size_t{1} << kPlaceBits> left_{};
};

}  // namespace narthex::tsdb
