#include "scrape/exposition/parser.h"

#include <algorithm>
#include <charconv>

namespace narthex::scrape {

namespace {

/// More digits might not fit; the exact way finds out.
constexpr std::size_t kMaxTimestampDigits = 18;

bool starts_name(char c) {
  return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || c == '_' || c == ':';
}

std::uint64_t not_name(const BlockMasks& m) {
  return ~m.name;
}
std::uint64_t not_blank(const BlockMasks& m) {
  return ~m.blank;
}
std::uint64_t blank_or_newline(const BlockMasks& m) {
  return m.blank | m.newline;
}
std::uint64_t quote_or_close(const BlockMasks& m) {
  return m.quote | m.close | m.newline;
}
std::uint64_t in_string(const BlockMasks& m) {
  return m.quote | m.escape | m.newline;
}

}  // namespace

Parser::Parser(const ScrapeBody& body, Format format, ScanBlock scan)
    : format_(format),
      text_(body.text().data(), body.size() + (format == Format::text ? 1 : 0)),
      cursor_(text_.data(), text_.size(), scan),
      reader_(format, text_) {}

Result<EntryKind> Parser::next() {
  line_start_ = at_;
  if (at_ < text_.size() && starts_name(text_[at_])) {
    const bool split = format_ == Format::text ? split_text_sample() : split_open_metrics_sample();
    if (split) return EntryKind::series;
  }
  if (split_metadata()) return entry_.kind;
  return read_exactly();
}

/// `name value`, `name{labels} value`, with any blanks in front of the value and an optional
/// timestamp. False: leave it to the exact way.
bool Parser::split_text_sample() {
  std::size_t series_end = cursor_.find(at_, not_name);
  if (series_end >= text_.size()) return false;
  const bool has_labels = text_[series_end] == '{';
  if (has_labels) {
    series_end = find_end_of_labels(series_end + 1);
    if (series_end == text_.size()) return false;
  } else if (text_[series_end] != ' ' && text_[series_end] != '\t') {
    return false;
  }
  const std::size_t value = cursor_.find(series_end, not_blank);
  const std::size_t value_end = cursor_.find(value, blank_or_newline);
  if (value_end == value || value_end >= text_.size() || text_[value] == '{') return false;
  const std::size_t behind = cursor_.find(value_end, not_blank);
  if (text_[behind] == '\n') return accept(series_end, value, value_end, behind + 1);

  std::size_t digits_end = behind;
  while (digits_end < text_.size() && '0' <= text_[digits_end] && text_[digits_end] <= '9') ++digits_end;
  if (digits_end == behind || digits_end - behind > kMaxTimestampDigits) return false;
  const std::size_t newline = cursor_.find(digits_end, not_blank);
  if (newline >= text_.size() || text_[newline] != '\n') return false;
  accept(series_end, value, value_end, newline + 1);
  Timestamp ms = 0;
  std::from_chars(text_.data() + behind, text_.data() + digits_end, ms);
  entry_.timestamp = ms;
  return true;
}

/// `name value`, `name{labels} value`, single spaces, an optional timestamp and no exemplar.
bool Parser::split_open_metrics_sample() {
  std::size_t series_end = cursor_.find(at_, not_name);
  if (series_end >= text_.size()) return false;
  if (text_[series_end] == '{') {
    series_end = find_end_of_labels(series_end + 1);
    if (series_end == text_.size()) return false;
  }
  if (text_[series_end] != ' ') return false;
  const std::size_t value = series_end + 1;
  // A tab would be part of the value, and no number has one: the exact way says so.
  const std::size_t value_end = cursor_.find(value, blank_or_newline);
  if (value_end == value || value_end >= text_.size()) return false;
  if (text_[value_end] == '\n') return accept(series_end, value, value_end, value_end + 1);

  const std::size_t time = value_end + 1;
  const std::size_t newline = cursor_.find(time, blank_or_newline);
  if (newline >= text_.size() || text_[newline] != '\n' || text_[value_end] != ' ') return false;
  const auto ms = parse_seconds(text_.substr(time, newline - time), "");
  if (!ms) return false;
  accept(series_end, value, value_end, newline + 1);
  entry_.timestamp = *ms;
  return true;
}

/// `# HELP name text` and `# TYPE name type` with single blanks. False: leave it to the exact way.
bool Parser::split_metadata() {
  constexpr std::string_view kHelp = "# HELP ";
  constexpr std::string_view kType = "# TYPE ";
  const std::string_view rest = text_.substr(std::min(at_, text_.size()));
  const bool help = rest.starts_with(kHelp);
  if (!help && !rest.starts_with(kType)) return false;
  const std::size_t name = at_ + kHelp.size();
  if (name >= text_.size() || !starts_name(text_[name])) return false;
  const std::size_t name_end = cursor_.find(name, not_name);
  const std::size_t first = name_end + 1;
  if (first >= text_.size() || text_[name_end] != ' ') return false;
  // Blanks and NUL bytes here mean different things to the two formats.
  if (text_[first] == ' ' || text_[first] == '\t' || text_[first] == '\0') return false;
  const std::size_t newline = cursor_.find(first, [](const BlockMasks& m) { return m.newline; });
  if (newline >= text_.size() || newline == first) return false;
  // OpenMetrics' lexer steps over NUL bytes here.
  if (newline + 1 < text_.size() && text_[newline + 1] == '\0') return false;

  entry_.name = text_.substr(name, name_end - name);
  entry_.text = text_.substr(first, newline - first);
  if (help) {
    if (!is_valid_utf8(entry_.text)) return false;
    entry_.kind = EntryKind::help;
  } else {
    const auto type = find_metric_type(format_, entry_.text);
    if (!type) return false;
    entry_.kind = EntryKind::type;
    entry_.type = type_ = *type;
  }
  at_ = newline + 1;
  return true;
}

/// Behind the '}' that ends the labels which begin at `at`; the size of the text if there is
/// none on this line, or if strings hold something that only the exact way reads.
std::size_t Parser::find_end_of_labels(std::size_t at) {
  for (;;) {
    at = cursor_.find(at, quote_or_close);
    if (at >= text_.size() || text_[at] == '\n') return text_.size();
    if (text_[at] == '}') return at + 1;
    for (++at;; at += 2) {
      at = cursor_.find(at, in_string);
      if (at >= text_.size() || text_[at] == '\n') return text_.size();
      if (text_[at] == '"') break;
      if (at + 1 >= text_.size() || text_[at + 1] == '\n' || text_[at + 1] == '\0') return text_.size();
    }
    ++at;
  }
}

bool Parser::accept(std::size_t series_end, std::size_t value, std::size_t value_end, std::size_t next_line) {
  entry_.kind = EntryKind::series;
  entry_.series_text = text_.substr(at_, series_end - at_);
  entry_.value_text = text_.substr(value, value_end - value);
  entry_.timestamp.reset();
  entry_.exemplar_text = {};
  at_ = next_line;
  return true;
}

Result<EntryKind> Parser::read_exactly() {
  auto kind = reader_.read(at_, entry_);
  line_start_ = reader_.line_start();
  if (!kind) return std::unexpected(at_line(std::move(kind).error(), line_start_));
  at_ = reader_.position();
  if (*kind == EntryKind::type) type_ = entry_.type;
  if (*kind == EntryKind::unit) unit_ = entry_.text;
  return kind;
}

Error Parser::explain(Error found) {
  Entry entry;
  auto kind = reader_.read(line_start_, entry);
  return at_line(kind ? std::move(found) : std::move(kind).error(), line_start_);
}

Error Parser::at_line(Error error, std::size_t line_start) const {
  const auto newlines =
      std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(line_start), '\n');
  error.at = SourcePos{"", static_cast<std::uint32_t>(newlines + 1), 0};
  return error;
}

}  // namespace narthex::scrape
