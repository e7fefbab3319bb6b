// LineReader: reads any line of an exposition token by token, as Prometheus does. Slow and
// exact: the parser uses it for metadata, for lines out of the ordinary and for errors.
//
// Threads: one at a time.
// Source: Prometheus model/textparse/promparse.go, openmetricsparse.go
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "model/result.h"
#include "scrape/exposition/entry.h"
#include "scrape/exposition/label_spans.h"
#include "scrape/exposition/lexer.h"

namespace narthex::scrape {

/// The type that a # TYPE line of this format may name so.
std::optional<MetricType> find_metric_type(Format format, std::string_view name);

class LineReader {
 public:
  /// @param text  must outlive this; the text format expects a newline at its end
  LineReader(Format format, std::string_view text) : lexer_(format, text) {}

  /// Reads the next entry at or behind `at`, which begins a line. Text-format blank lines are skipped.
  Result<EntryKind> read(std::size_t at, Entry& entry);
  /// Where the line behind the last entry begins, and where the last entry (or error) began.
  [[nodiscard]] std::size_t position() const { return lexer_.position(); }
  [[nodiscard]] std::size_t line_start() const { return line_start_; }

 private:
  Result<EntryKind> read_line(Entry& entry);
  Result<EntryKind> read_metadata(Token kind, Entry& entry);
  Result<EntryKind> check_unit(Entry& entry);
  Result<EntryKind> read_comment(Entry& entry);
  Result<EntryKind> read_series(Token t, Entry& entry);
  Result<void> read_value(Token t, std::string_view after, std::string_view& value);
  Result<EntryKind> finish_text_sample(Entry& entry);
  Result<EntryKind> finish_open_metrics_sample(Entry& entry);
  Result<EntryKind> read_exemplar(Entry& entry);
  [[nodiscard]] std::unexpected<Error> unexpected_here(std::string_view what, Token got) const {
    return unexpected_token(lexer_, line_start_, what, got);
  }

  Lexer lexer_;
  std::size_t line_start_ = 0;
  LabelSpans spans_;
};

}  // namespace narthex::scrape
