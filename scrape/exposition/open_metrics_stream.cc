#include "scrape/exposition/open_metrics_stream.h"

#include <algorithm>

namespace narthex::scrape {

OpenMetricsStream::OpenMetricsStream(std::string_view text, std::size_t piece_bytes)
    : text_(text), piece_bytes_(std::max<std::size_t>(piece_bytes, 1)) {
  begin_piece();
}

Result<EntryKind> OpenMetricsStream::next() {
  while (parser_->is_at_end() && !is_last_piece()) begin_piece();
  auto kind = parser_->next();
  if (!kind) return std::unexpected(moved_down(std::move(kind).error()));
  if (*kind == EntryKind::type) type_ = entry().type;
  // The parser saw the end of its piece behind the end mark.
  if (*kind == EntryKind::end && !is_last_piece())
    return std::unexpected(moved_down(parser_->explain({Code::invalid, "unexpected data after # EOF", {}})));
  return kind;
}

Error OpenMetricsStream::explain(Error found) {
  return moved_down(parser_->explain(std::move(found)));
}

std::size_t OpenMetricsStream::end_of_piece(std::size_t begin) const {
  if (text_.size() - begin <= piece_bytes_) return text_.size();
  // OpenMetrics' lexer takes NUL bytes behind a newline for a part of the line before.
  const auto may_end = [this](std::size_t newline) {
    return newline + 1 == text_.size() || text_[newline + 1] != '\0';
  };
  for (std::size_t end = begin + piece_bytes_; end > begin; --end) {
    if (text_[end - 1] == '\n' && may_end(end - 1)) return end;
  }
  for (std::size_t at = begin + piece_bytes_;; ++at) {
    at = text_.find('\n', at);
    if (at == std::string_view::npos) return text_.size();
    if (may_end(at)) return at + 1;
  }
}

void OpenMetricsStream::begin_piece() {
  const std::string_view read = piece_.text();
  lines_before_ += static_cast<std::uint32_t>(std::count(read.begin(), read.end(), '\n'));
  const std::size_t begin = piece_end_;
  piece_end_ = end_of_piece(begin);
  piece_.clear();
  piece_.append(text_.substr(begin, piece_end_ - begin));
  parser_.emplace(piece_, Format::open_metrics);
}

Error OpenMetricsStream::moved_down(Error error) const {
  if (error.at) error.at->line += lines_before_;
  return error;
}

}  // namespace narthex::scrape
