// The symbols of an index by number, checked when they are read.
//
// Threads: one at a time.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tsdb/verify/verification.h"

namespace narthex::tsdb {

class IndexSymbols {
 public:
  /// Reports what is wrong with the section at `offset`. Views are valid while `index` is.
  static IndexSymbols read(Verification& v, const std::string& path, io::Bytes index, std::uint8_t version,
                           std::uint64_t offset);

  /// The position in the table of what a series calls `number`; nothing if there is no such symbol.
  [[nodiscard]] std::optional<std::uint32_t> position(std::uint64_t number) const;
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view text) const;
  [[nodiscard]] std::string_view text(std::uint32_t position) const { return texts_[position]; }
  /// Whether positions compare as texts do.
  [[nodiscard]] bool ascending() const { return ascending_; }
  /// Behind the section; 0 if it cannot be read.
  [[nodiscard]] std::uint64_t end() const { return end_; }

 private:
  std::uint8_t version_ = 0;
  bool ascending_ = true;
  std::uint64_t end_ = 0;
  std::vector<std::string_view> texts_;
  boost::unordered_flat_map<std::uint64_t, std::uint32_t> by_offset_;  ///< version 1
};

}  // namespace narthex::tsdb
