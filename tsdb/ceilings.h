// What a database may take of its machine, and how it stands with that: values for options and status.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace narthex::tsdb {

/// Of the head; 0: none. Above one new series are refused, while known ones go on.
struct HeadCeilings {
  std::uint64_t series = 0;
  std::uint64_t series_per_job = 0;  ///< with one value of the label `job`; series without one are free
  std::uint64_t memory_bytes = 0;    ///< HeadMemory::total()
};

enum class CeilingKind : std::uint8_t { series, series_per_job, memory };
/// By CeilingKind, as metrics and the API name them.
inline constexpr std::array<std::string_view, 3> kCeilingNames = {"series", "series_per_job", "memory"};

struct CeilingStats {
  /// How often a new series was refused, by CeilingKind. One that comes with every scrape counts each time.
  std::array<std::uint64_t, kCeilingNames.size()> refused{};
  std::string last_refused_job;
  /// The label that has had most new values since ten to twenty minutes, those of refused series
  /// among them; "" if none has.
  std::string fastest_label;
  std::uint64_t fastest_label_values = 0;

  [[nodiscard]] std::uint64_t all_refused() const {
    std::uint64_t all = 0;
    for (const std::uint64_t n : refused) all += n;
    return all;
  }
};

/// What is kept free on the disk; 0: nothing is looked at.
struct DiskReserve {
  /// With less than this nothing is appended.
  std::uint64_t free_bytes = 0;
  /// Of a file that is given up when the disk is full to the last byte.
  std::uint64_t file_bytes = 0;
};

struct DiskState {
  bool read_only = false;
  std::uint64_t free_bytes = 0;     ///< as of the last look
  std::uint64_t reserve_bytes = 0;  ///< DiskReserve::free_bytes
};

}  // namespace narthex::tsdb
