// BufferedFile: a new file written front to back in large pieces.
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"

namespace narthex::tsdb {

class BufferedFile {
 public:
  /// Errors: io (also if it exists).
  static Result<BufferedFile> create(io::FileSystem& fs, const std::string& path);

  /// Where the next byte will stand.
  [[nodiscard]] std::uint64_t position() const { return written_ + buffer_.size(); }
  Result<void> write(io::Bytes bytes);
  /// Zeros up to a multiple of `alignment`.
  Result<void> pad(std::size_t alignment);
  /// Hands what is buffered to the operating system. Not synced.
  Result<void> flush();

 private:
  explicit BufferedFile(std::unique_ptr<io::WritableFile> file);

  std::unique_ptr<io::WritableFile> file_;
  std::vector<std::byte> buffer_;
  std::uint64_t written_ = 0;
};

}  // namespace narthex::tsdb
