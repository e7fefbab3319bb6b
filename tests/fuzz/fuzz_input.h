// FuzzInput: the bytes of a fuzzer, taken piece by piece; zeros when they are used up.
//
// Threads: one at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "io/fault_file_system.h"
#include "io/file_system.h"
#include "model/check.h"

namespace narthex {

class FuzzInput {
 public:
  FuzzInput(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const std::byte*>(data), size) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }
  std::uint8_t u8() {
    const io::Bytes one = take(1);
    return one.empty() ? 0 : std::to_integer<std::uint8_t>(one[0]);
  }
  std::uint32_t u32() {
    std::uint32_t word = 0;
    for (int i = 0; i < 4; ++i) word = word << 8 | u8();
    return word;
  }
  /// At most `size` bytes; valid while the fuzzer's are.
  io::Bytes take(std::size_t size) {
    const io::Bytes taken = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  io::Bytes rest() { return take(rest_.size()); }

 private:
  io::Bytes rest_;
};

/// A file with these bytes; its directory is there.
inline void put_file(io::FileSystem& fs, const std::string& path, io::Bytes bytes) {
  auto file = fs.open_writable(path, io::OpenMode::create_truncate);
  check(file.has_value() && (*file)->append(bytes).has_value(), "a file in memory can be written");
}

}  // namespace narthex
