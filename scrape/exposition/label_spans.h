// LabelSpans: where names and values of one series (or exemplar) stand in its text, still
// escaped; and the reader that finds them, with Prometheus' error texts.
//
// Threads: one at a time.
// Source: Prometheus model/textparse/promparse.go, openmetricsparse.go, parseLVals
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "model/labels.h"
#include "model/result.h"
#include "scrape/exposition/lexer.h"

namespace narthex::scrape {

struct LabelSpans {
  std::optional<std::string_view> metric_name;
  std::vector<LabelView> labels;

  void clear() {
    metric_name.reset();
    labels.clear();
  }
};

/// Reads on behind a '{' up to and with its '}'.
/// @param line_start  where the line begins, for error texts
/// @param exemplar  no metric name may stand inside
Result<void> read_labels(Lexer& lexer, std::size_t line_start, bool exemplar, LabelSpans& spans);

/// Reads the whole text of a series: name and labels.
Result<void> read_series_spans(std::string_view series_text, Format format, LabelSpans& spans);

/// `WHAT, got "x" ("TOKEN") while parsing: "line so far"`
std::unexpected<Error> unexpected_token(const Lexer& lexer, std::size_t line_start, std::string_view what,
                                        Token got);
/// `WHAT while parsing: "line so far"`
std::unexpected<Error> failed_while_parsing(const Lexer& lexer, std::size_t line_start,
                                            std::string_view what);

}  // namespace narthex::scrape
