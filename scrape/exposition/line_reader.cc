#include "scrape/exposition/line_reader.h"

#include <charconv>
#include <span>

#include "scrape/exposition/number.h"

namespace narthex::scrape {

namespace {

std::unexpected<Error> no_end_mark() {
  return fail(Code::invalid, "data does not end with # EOF");
}

struct TypeName {
  std::string_view name;
  MetricType type;
};
constexpr TypeName kTextTypes[] = {{"counter", MetricType::counter},
                                   {"gauge", MetricType::gauge},
                                   {"histogram", MetricType::histogram},
                                   {"summary", MetricType::summary},
                                   {"untyped", MetricType::unknown}};
constexpr TypeName kOpenMetricsTypes[] = {
    {"counter", MetricType::counter},     {"gauge", MetricType::gauge},
    {"histogram", MetricType::histogram}, {"gaugehistogram", MetricType::gauge_histogram},
    {"summary", MetricType::summary},     {"info", MetricType::info},
    {"stateset", MetricType::stateset},   {"unknown", MetricType::unknown}};

}  // namespace

std::optional<MetricType> find_metric_type(Format format, std::string_view name) {
  const std::span<const TypeName> types = format == Format::text
                                              ? std::span<const TypeName>(kTextTypes)
                                              : std::span<const TypeName>(kOpenMetricsTypes);
  for (const TypeName& known : types)
    if (known.name == name) return known.type;
  return std::nullopt;
}

Result<EntryKind> LineReader::read(std::size_t at, Entry& entry) {
  lexer_.start_line(at);
  auto kind = read_line(entry);
  if (kind) entry.kind = *kind;
  return kind;
}

Result<EntryKind> LineReader::read_line(Entry& entry) {
  const bool open_metrics = lexer_.format() == Format::open_metrics;
  for (;;) {
    line_start_ = lexer_.position();
    switch (const Token t = lexer_.next()) {
      case Token::end:
        if (open_metrics) return no_end_mark();
        return EntryKind::end;
      case Token::eof_word:
        if (lexer_.next() != Token::end) return fail(Code::invalid, "unexpected data after # EOF");
        return EntryKind::end;
      case Token::linebreak:
        if (open_metrics) return unexpected_here("expected a valid start token", t);
        continue;  // blank lines are allowed
      case Token::help:
      case Token::type:
      case Token::unit:
        return read_metadata(t, entry);
      case Token::comment:
        if (open_metrics) return unexpected_here("expected a valid start token", t);
        return read_comment(entry);
      case Token::brace_open:
      case Token::metric_name:
        return read_series(t, entry);
      default:
        return unexpected_here("expected a valid start token", t);
    }
  }
}

Result<EntryKind> LineReader::read_metadata(Token kind, Entry& entry) {
  const std::string word(token_name(kind));
  if (const Token t = lexer_.next(); t != Token::metric_name)
    return unexpected_here("expected metric name after " + word, t);
  entry.name = lexer_.token_text();
  if (entry.name.starts_with('"')) entry.name = entry.name.substr(1, entry.name.size() - 2);

  const bool text_format = lexer_.format() == Format::text;
  if (const Token t = lexer_.next(); t != Token::text)
    return fail(Code::invalid,
                "expected text in " + word + (text_format ? ", got " + std::string(token_name(t)) : ""));
  // The first byte is the blank behind the name; OpenMetrics' token has the newline, too.
  entry.text = lexer_.token_text();
  if (!entry.text.empty()) entry.text.remove_prefix(1);
  if (!text_format) entry.text.remove_suffix(1);

  if (kind == Token::type) {
    const auto type = find_metric_type(lexer_.format(), entry.text);
    if (!type) return fail(Code::invalid, "invalid metric type " + quote(entry.text));
    entry.type = *type;
  }
  if (kind == Token::help && !is_valid_utf8(entry.text))
    return fail(Code::invalid, "help text " + quote(entry.text) + " is not a valid utf8 string");
  if (text_format)
    if (const Token t = lexer_.next(); t != Token::linebreak)
      return unexpected_here("linebreak expected after metadata", t);
  if (kind == Token::unit) return check_unit(entry);
  return kind == Token::type ? EntryKind::type : EntryKind::help;
}

Result<EntryKind> LineReader::check_unit(Entry& entry) {
  const std::string_view unit = entry.text;
  const bool is_suffix = entry.name.ends_with(unit) && entry.name.size() > unit.size() &&
                         entry.name[entry.name.size() - unit.size() - 1] == '_';
  if (!unit.empty() && !is_suffix)
    return fail(Code::invalid, "unit " + quote(unit) + " not a suffix of metric " + quote(entry.name));
  return EntryKind::unit;
}

Result<EntryKind> LineReader::read_comment(Entry& entry) {
  entry.text = lexer_.token_text();
  if (const Token t = lexer_.next(); t != Token::linebreak)
    return unexpected_here("linebreak expected after comment", t);
  return EntryKind::comment;
}

Result<EntryKind> LineReader::read_series(Token t, Entry& entry) {
  spans_.clear();
  std::size_t series_end = lexer_.position();
  if (t == Token::metric_name) {
    spans_.metric_name = lexer_.token_text();
    t = lexer_.next();
  }
  if (t == Token::brace_open) {
    if (auto read = read_labels(lexer_, line_start_, false, spans_); !read) return pass(read);
    series_end = lexer_.position();
    t = lexer_.next();
  }
  // From the start of the line: in the text format with the blanks in front.
  entry.series_text = lexer_.text().substr(line_start_, series_end - line_start_);
  if (!spans_.metric_name) return failed_while_parsing(lexer_, line_start_, "metric name not set");
  if (auto read = read_value(t, "metric", entry.value_text); !read) return pass(read);
  entry.timestamp.reset();
  entry.exemplar_text = {};
  return lexer_.format() == Format::text ? finish_text_sample(entry) : finish_open_metrics_sample(entry);
}

Result<void> LineReader::read_value(Token t, std::string_view after, std::string_view& value) {
  if (t != Token::value) return unexpected_here("expected value after " + std::string(after), t);
  value = lexer_.token_text();
  // OpenMetrics' tokens begin with their space.
  if (lexer_.format() == Format::open_metrics) value.remove_prefix(1);
  if (const auto v = parse_value_or_error(value); !v)
    return failed_while_parsing(lexer_, line_start_, v.error().text);
  return {};
}

Result<EntryKind> LineReader::finish_text_sample(Entry& entry) {
  Token t = lexer_.next();
  if (t == Token::linebreak) return EntryKind::series;
  if (t != Token::timestamp) return unexpected_here("expected timestamp or new record", t);
  const std::string_view digits = lexer_.token_text();
  Timestamp ms = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), ms).ec != std::errc())
    return failed_while_parsing(lexer_, line_start_,
                                "strconv.ParseInt: parsing " + quote(digits) + ": value out of range");
  entry.timestamp = ms;
  if (t = lexer_.next(); t != Token::linebreak)
    return unexpected_here("expected next entry after timestamp", t);
  return EntryKind::series;
}

Result<EntryKind> LineReader::finish_open_metrics_sample(Entry& entry) {
  Token t = lexer_.next();
  if (t == Token::timestamp) {
    const std::string_view text = lexer_.token_text().substr(1);
    if (const auto v = parse_value_or_error(text); !v)
      return failed_while_parsing(lexer_, line_start_, v.error().text);
    const auto ms = parse_seconds(text, "invalid timestamp");
    if (!ms) return std::unexpected(ms.error());
    entry.timestamp = *ms;
    t = lexer_.next();
    if (t != Token::linebreak && t != Token::comment)
      return unexpected_here("expected next entry after timestamp", t);
  }
  if (t == Token::linebreak) return EntryKind::series;
  if (t == Token::comment) return read_exemplar(entry);
  if (t == Token::end) return no_end_mark();
  return unexpected_here("expected timestamp or # symbol", t);
}

Result<EntryKind> LineReader::read_exemplar(Entry& entry) {
  const std::size_t start = lexer_.position() - 1;  // its brace
  spans_.clear();
  if (auto read = read_labels(lexer_, line_start_, true, spans_); !read) return pass(read);
  std::string_view value;
  if (auto read = read_value(lexer_.next(), "exemplar labels", value); !read) return pass(read);
  std::size_t end = lexer_.position();

  Token t = lexer_.next();
  if (t == Token::timestamp) {
    const std::string_view text = lexer_.token_text().substr(1);
    if (const auto v = parse_value_or_error(text); !v)
      return failed_while_parsing(lexer_, line_start_, v.error().text);
    if (const auto ms = parse_seconds(text, "invalid exemplar timestamp"); !ms)
      return std::unexpected(ms.error());
    end = lexer_.position();
    if (t = lexer_.next(); t != Token::linebreak)
      return unexpected_here("expected next entry after exemplar timestamp", t);
  }
  if (t == Token::end) return no_end_mark();
  if (t != Token::linebreak) return unexpected_here("expected timestamp or comment", t);
  entry.exemplar_text = lexer_.text().substr(start, end - start);
  return EntryKind::series;
}

}  // namespace narthex::scrape
