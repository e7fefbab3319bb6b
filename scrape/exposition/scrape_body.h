// ScrapeBody: the bytes of one scraped page, followed by a newline and 64 readable bytes, so
// that the parser may look ahead in blocks and needs no check at the end of the text.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace narthex::scrape {

class ScrapeBody {
 public:
  static constexpr std::size_t kPadding = 64;

  ScrapeBody() { close(); }
  /// Copies only if `text` has no room for the padding.
  explicit ScrapeBody(std::string text) : buffer_(std::move(text)) { close(); }

  /// Takes the next piece of a page that arrives in pieces.
  void append(std::string_view piece) {
    buffer_.resize(size_);
    buffer_.append(piece);
    close();
  }
  /// Empties it and keeps the memory for the next page.
  void clear() {
    buffer_.clear();
    close();
  }

  /// Gives its memory, emptied, to the next page.
  std::string release() && {
    buffer_.clear();
    return std::move(buffer_);
  }

  /// Without the padding. Valid until the next change.
  [[nodiscard]] std::string_view text() const& { return {buffer_.data(), size_}; }
  [[nodiscard]] std::string_view text() && = delete;
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  void close() {
    size_ = buffer_.size();
    buffer_ += '\n';
    buffer_.append(kPadding, '\0');
  }

  std::string buffer_;
  std::size_t size_ = 0;
};

}  // namespace narthex::scrape
