// OpenMetricsStream: an OpenMetrics text that is too large for a ScrapeBody, read piece by piece.
//
// What it says is what a Parser would say of the whole text. Memory is that of one piece, about a
// MiB; a piece ends with a line, so a longer line makes a longer piece.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "model/result.h"
#include "scrape/exposition/parser.h"

namespace narthex::scrape {

class OpenMetricsStream {
 public:
  static constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

  /// @param text  must outlive this, unchanged: a mapped file
  /// @param piece_bytes  for tests
  OpenMetricsStream(std::string_view text, std::size_t piece_bytes = kPieceBytes);

  /// As Parser::next(); the entry is valid until the next call.
  Result<EntryKind> next();
  [[nodiscard]] const Entry& entry() const { return parser_->entry(); }
  /// What the last # TYPE said.
  [[nodiscard]] MetricType type() const { return type_; }
  /// As Parser::explain().
  [[nodiscard]] Error explain(Error found);
  /// Bytes that are read, up to a piece.
  [[nodiscard]] std::size_t position() const { return piece_end_; }

 private:
  [[nodiscard]] bool is_last_piece() const { return piece_end_ == text_.size(); }
  [[nodiscard]] std::size_t end_of_piece(std::size_t begin) const;
  void begin_piece();
  [[nodiscard]] Error moved_down(Error error) const;

  std::string_view text_;
  std::size_t piece_bytes_;
  std::size_t piece_end_ = 0;
  ScrapeBody piece_;
  std::optional<Parser> parser_;  ///< of piece_
  std::uint32_t lines_before_ = 0;
  MetricType type_ = MetricType::unknown;
};

}  // namespace narthex::scrape
