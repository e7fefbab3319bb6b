#include "tsdb/block/buffered_file.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kBufferBytes = 1 << 20;

}  // namespace

BufferedFile::BufferedFile(std::unique_ptr<io::WritableFile> file) : file_(std::move(file)) {
  buffer_.reserve(kBufferBytes);
}

Result<BufferedFile> BufferedFile::create(io::FileSystem& fs, const std::string& path) {
  auto file = fs.open_writable(path, io::OpenMode::create_new);
  if (!file) return pass(file);
  return BufferedFile(*std::move(file));
}

Result<void> BufferedFile::write(io::Bytes bytes) {
  if (buffer_.size() + bytes.size() > kBufferBytes) {
    if (auto flushed = flush(); !flushed) return flushed;
    if (bytes.size() >= kBufferBytes) {
      written_ += bytes.size();
      return file_->append(bytes);
    }
  }
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  return {};
}

Result<void> BufferedFile::pad(std::size_t alignment) {
  const std::vector<std::byte> zeros((alignment - position() % alignment) % alignment);
  return write(zeros);
}

Result<void> BufferedFile::flush() {
  if (buffer_.empty()) return {};
  auto appended = file_->append(buffer_);
  written_ += buffer_.size();
  buffer_.clear();
  return appended;
}

}  // namespace narthex::tsdb
