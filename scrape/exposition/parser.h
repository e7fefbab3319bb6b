// Parser: reads a scraped page line by line, in Prometheus' text format or in OpenMetrics.
//
// Accepts and refuses exactly what Prometheus does, with its error texts. Built for pages
// that look as they did at the last scrape: a line is cut into series text, value text and
// timestamp without looking into labels or value; a scrape loop knows the series by its text
// and the value by its own. Only unknown series are given to parse_series(), which is where
// bad labels are found: a page is accepted when next() came to its end and every series text
// was once read by parse_series() and every value text by parse_value().
//
//   Parser parser(body, Format::text);
//   for (;;) {
//     auto kind = parser.next();
//     if (!kind) return pass(kind);
//     if (*kind == EntryKind::end) break;
//     if (*kind == EntryKind::series) use(parser.entry());
//   }
//
// Threads: one at a time.
// Source: Prometheus model/textparse
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "model/labels.h"
#include "model/result.h"
#include "model/time.h"
#include "scrape/exposition/entry.h"
#include "scrape/exposition/lexer.h"
#include "scrape/exposition/line_reader.h"
#include "scrape/exposition/metric_type.h"
#include "scrape/exposition/number.h"
#include "scrape/exposition/scrape_body.h"
#include "scrape/exposition/structure_scan.h"

namespace narthex::scrape {

class Parser {
 public:
  /// @param body  must outlive this, unchanged
  /// @param scan  for tests; scan_block_scalar reads the same
  Parser(const ScrapeBody& body, Format format, ScanBlock scan = best_scan_block());

  /// The next entry. After EntryKind::end or an error the page is done with.
  /// Errors: invalid, with the line's number in `at`.
  Result<EntryKind> next();
  [[nodiscard]] const Entry& entry() const { return entry_; }

  /// For pages that look as they did last time: what follows if the next line is a sample whose
  /// series text is `size` bytes long and followed by one blank; empty if it is surely something
  /// else. Whoever knows the text by its hash, and reads the value up to the end of the line,
  /// then calls skip_line() instead of next().
  [[nodiscard]] std::string_view expect_series(std::size_t size) const {
    if (text_.size() - at_ <= size + 1) return {};
    const std::string_view series = text_.substr(at_, size);
    return text_[at_ + size] == ' ' ? series : std::string_view{};
  }
  /// @param newline  that ends the line. @return  false: it is not the page's, and nothing was skipped
  bool skip_line(const char* newline) {
    const auto next = static_cast<std::size_t>(newline - text_.data()) + 1;
    if (next > text_.size()) return false;
    at_ = next;
    return true;
  }

  /// What the last # TYPE and # UNIT said, whichever metric they named: what parse_series() wants
  /// for the present series.
  [[nodiscard]] MetricType type() const { return type_; }
  [[nodiscard]] std::string_view unit() const { return unit_; }
  [[nodiscard]] Format format() const { return format_; }
  /// Nothing of the body is left to read, not even its end.
  [[nodiscard]] bool is_at_end() const { return at_ >= text_.size(); }

  /// The error to report when parse_series() or parse_value() refused the present line: Prometheus'
  /// text and the line's number. `found` is given back with the number if the line by itself is
  /// well formed (a label named twice).
  [[nodiscard]] Error explain(Error found);

 private:
  bool split_text_sample();
  bool split_open_metrics_sample();
  bool split_metadata();
  std::size_t find_end_of_labels(std::size_t at);
  Result<EntryKind> read_exactly();
  [[nodiscard]] Error at_line(Error error, std::size_t line_start) const;
  /// Takes what the fast path found.
  bool accept(std::size_t series_end, std::size_t value, std::size_t value_end, std::size_t next_line);

  Format format_;
  std::string_view text_;  ///< the text format's has the newline behind the body
  std::size_t at_ = 0;     ///< where the next line begins
  std::size_t line_start_ = 0;
  StructureCursor cursor_;
  LineReader reader_;
  Entry entry_;
  MetricType type_ = MetricType::unknown;
  std::string_view unit_;
};

/// What shapes the labels of a series beside its text.
struct SeriesContext {
  Format format = Format::text;
  MetricType type = MetricType::unknown;
  std::string_view unit;
  bool type_and_unit_labels = false;  ///< --enable-feature=type-and-unit-labels
};

/// Labels of an entry's series text, unescaped, `le` and `quantile` values of histograms and summaries as
/// OpenMetrics floats (`1` -> `1.0`). Names are not checked against a validation scheme.
/// Errors: invalid (bad syntax, bad UTF-8, a label named twice); see Parser::explain().
Result<Labels> parse_series(std::string_view series_text, const SeriesContext& context);

struct Exemplar {
  Labels labels;
  double value = 0;
  std::optional<Timestamp> timestamp;
  bool operator==(const Exemplar&) const = default;
};

/// An Entry's exemplar_text. Errors: invalid.
Result<Exemplar> parse_exemplar(std::string_view exemplar_text);

/// Help texts and raw names with their escapes undone.
std::string unescape_help(std::string_view text, Format format);
std::string unescape_name(std::string_view text);

}  // namespace narthex::scrape
