#include "query/promqltest/eval_block.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "query/promql/text.h"

namespace narthex::query {
namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kExpectString = "expect string";
constexpr std::string_view kExpectRangeVector = "expect range vector";
constexpr std::string_view kUsage =
    "invalid evaluation command: it must be eval[_fail|_warn|_info|_ordered] instant at T QUERY or "
    "eval[_fail|_warn|_info] range from A to B step S QUERY";

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

/// The first word of `text`, which loses it and the blanks behind it.
std::string_view take_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find_first_of(kBlanks));
  text = trim(text.substr(word.size()));
  return word;
}

TextMatch anything() {
  TextMatch match;
  match.anything = true;
  return match;
}

TextMatch message(std::string_view text) {
  TextMatch match;
  match.wanted = trim(text);
  return match;
}

/// A regular expression that may match anywhere in a text.
Result<TextMatch> pattern(std::string_view text) {
  TextMatch match;
  match.wanted = trim(text);
  auto compiled = Regex::compile(fmt::format(".*(?-s:{}).*", match.wanted));
  if (!compiled) return pass(compiled, fmt::format("invalid regex {}", match.wanted));
  match.pattern = std::move(*compiled);
  return match;
}

/// A line that is a number alone.
std::optional<double> number_line(std::string_view line) {
  const bool negate = line.starts_with('-');
  if (negate || line.starts_with('+')) line.remove_prefix(1);
  if (line.starts_with('-') || line.starts_with('+')) return std::nullopt;
  const auto value = parse_number(line);
  if (!value) return std::nullopt;
  return negate ? -*value : *value;
}

class EvalParser {
 public:
  explicit EvalParser(std::uint32_t number) : number_(number) { eval_.line = number; }

  Result<EvalBlock> parse_block(std::span<const std::string_view> lines) {
    if (auto ok = parse_command(lines.front()); !ok) return pass(ok);
    std::size_t used = 1;
    for (; used < lines.size() && !ended_; ++used) {
      ++number_;
      if (auto ok = parse_expectation(lines[used]); !ok) return pass(ok);
    }
    return EvalBlock{std::move(eval_), used};
  }

 private:
  Result<void> parse_command(std::string_view line);
  Result<void> parse_instant(std::string_view rest);
  Result<void> parse_range(std::string_view rest);
  Result<void> parse_suffix(std::string_view command);
  Result<void> parse_expectation(std::string_view line);
  Result<void> parse_expect(std::string_view line);
  Result<void> parse_expect_string(std::string_view line);
  Result<EvalCommand::Range> parse_times(std::string_view& rest);
  Result<void> expect_series(std::string_view line);
  Result<DurationMs> duration(std::string_view text, std::string_view what);
  [[nodiscard]] std::unexpected<Error> refuse(std::string_view why) const {
    return fail(Code::invalid, fmt::format("line {}: {}", number_, why));
  }

  std::uint32_t number_;
  EvalCommand eval_;
  bool suffix_fail_ = false;
  bool ended_ = false;
};

Result<void> EvalParser::parse_command(std::string_view line) {
  std::string_view rest = line;
  const std::string_view command = take_word(rest);
  if (auto ok = parse_suffix(command); !ok) return ok;
  const std::string_view kind = take_word(rest);
  if (kind != "instant" && kind != "range") return refuse(kUsage);
  if (auto ok = kind == "instant" ? parse_instant(rest) : parse_range(rest); !ok) return ok;
  if (auto tree = parse(eval_.query, kScriptParserOptions); !tree) return refuse(tree.error().text);
  return {};
}

/// `eval`, or an old form with an expectation in its name.
Result<void> EvalParser::parse_suffix(std::string_view command) {
  if (command == "eval") return {};
  if (command == "eval_fail") {
    suffix_fail_ = true;
    eval_.fail = anything();
  } else if (command == "eval_warn") {
    eval_.warn.push_back(anything());
  } else if (command == "eval_info") {
    eval_.info.push_back(anything());
  } else if (command == "eval_ordered") {
    eval_.ordered = true;
  } else {
    return refuse(kUsage);
  }
  return {};
}

Result<DurationMs> EvalParser::duration(std::string_view text, std::string_view what) {
  auto ms = parse_duration(text);
  if (!ms) return refuse(fmt::format("invalid {} definition {}: {}", what, quote(text), ms.error().text));
  return *ms;
}

/// Behind `eval instant`: `at T QUERY`.
Result<void> EvalParser::parse_instant(std::string_view rest) {
  if (take_word(rest) != "at") return refuse("invalid evaluation command: `at T` is missing");
  auto at = duration(take_word(rest), "timestamp");
  if (!at) return pass(at);
  eval_.start = eval_.end = *at;
  eval_.query = rest;
  return {};
}

/// Behind `eval range`: `from A to B step S QUERY`.
Result<void> EvalParser::parse_range(std::string_view rest) {
  if (eval_.ordered) return refuse("invalid evaluation command: range queries are not ordered");
  auto times = parse_times(rest);
  if (!times) return pass(times);
  eval_.is_range = true;
  eval_.start = times->start;
  eval_.end = times->end;
  eval_.step = times->step;
  eval_.query = rest;
  return {};
}

/// `from A to B step S`, which `rest` loses.
Result<EvalCommand::Range> EvalParser::parse_times(std::string_view& rest) {
  EvalCommand::Range range;
  const struct {
    std::string_view word;
    std::string_view what;
    std::int64_t& target;
  } parts[] = {{"from", "start timestamp", range.start},
               {"to", "end timestamp", range.end},
               {"step", "step", range.step}};
  for (const auto& part : parts) {
    if (take_word(rest) != part.word) return refuse(fmt::format("`{}` is missing", part.word));
    auto ms = duration(take_word(rest), part.what);
    if (!ms) return pass(ms);
    part.target = *ms;
  }
  if (range.end < range.start) return refuse("end timestamp is before start timestamp");
  return range;
}

Result<void> EvalParser::parse_expectation(std::string_view line) {
  constexpr std::string_view kMessage = "expected_fail_message";
  constexpr std::string_view kPattern = "expected_fail_regexp";
  if (suffix_fail_ && line.starts_with(kMessage)) {
    eval_.fail = message(line.substr(kMessage.size()));
    ended_ = true;
    return {};
  }
  if (suffix_fail_ && line.starts_with(kPattern)) {
    auto match = pattern(line.substr(kPattern.size()));
    if (!match) return refuse(match.error().text);
    eval_.fail = std::move(*match);
    ended_ = true;
    return {};
  }
  if (line.starts_with(kExpectRangeVector)) {
    std::string_view rest = trim(line.substr(kExpectRangeVector.size()));
    auto range = parse_times(rest);
    if (!range) return pass(range);
    eval_.range_vector = *range;
    // As Prometheus does: the query itself runs at the range's end.
    eval_.start = eval_.end = range->end;
    return {};
  }
  if (line.starts_with(kExpectString)) return parse_expect_string(line);
  if (line == "expect" || line.starts_with("expect ")) return parse_expect(line);
  if (const auto number = number_line(line)) {
    eval_.scalar = number;
    eval_.series.clear();
    ended_ = true;
    return {};
  }
  return expect_series(line);
}

Result<void> EvalParser::parse_expect_string(std::string_view line) {
  const std::string_view literal = trim(line.substr(kExpectString.size()));
  auto text = unquote(literal);
  if (!text || literal.starts_with('\''))
    return refuse("expected string literal not valid: check that it is correctly quoted");
  eval_.string = std::move(*text);
  return {};
}

/// `expect warn`, `expect fail msg: TEXT`, `expect info regex: PATTERN`.
Result<void> EvalParser::parse_expect(std::string_view line) {
  std::string_view rest = line;
  take_word(rest);
  const std::string_view kind = take_word(rest);
  TextMatch match = anything();
  if (rest.starts_with("msg:")) {
    match = message(rest.substr(4));
  } else if (rest.starts_with("regex:")) {
    auto compiled = pattern(rest.substr(6));
    if (!compiled) return refuse(compiled.error().text);
    match = std::move(*compiled);
  } else if (!rest.empty()) {
    return refuse("invalid expect statement, must match `expect <type> <match_type>: <string>` format");
  }
  if (kind == "fail") {
    if (eval_.fail && !suffix_fail_)
      return refuse("invalid expect lines, multiple expect fail lines are not allowed");
    eval_.fail = std::move(match);
  } else if (kind == "warn") {
    eval_.warn.push_back(std::move(match));
  } else if (kind == "info") {
    eval_.info.push_back(std::move(match));
  } else if (kind == "no_warn") {
    eval_.no_warn = true;
  } else if (kind == "no_info") {
    eval_.no_info = true;
  } else if (kind == "ordered") {
    eval_.ordered = true;
  } else {
    return refuse(fmt::format("invalid expected error/annotation type {}", kind));
  }
  if (eval_.no_warn && !eval_.warn.empty())
    return refuse("invalid expect lines, warn and no_warn cannot be used together");
  if (eval_.no_info && !eval_.info.empty())
    return refuse("invalid expect lines, info and no_info cannot be used together");
  return {};
}

Result<void> EvalParser::expect_series(std::string_view line) {
  auto described = parse_series_description(line);
  if (!described) return refuse(described.error().text);
  if (described->values.size() != 1 && !eval_.is_range && !eval_.range_vector)
    return refuse(
        "an instant evaluation has exactly one value a series: use `expect range vector` "
        "where the query returns a range vector");
  eval_.scalar.reset();
  const auto same = std::ranges::find(eval_.series, described->labels, &ExpectedSeries::labels);
  if (same != eval_.series.end()) eval_.series.erase(same);
  eval_.series.push_back({std::move(described->labels), std::move(described->values)});
  return {};
}

}  // namespace

Result<EvalBlock> parse_eval(std::span<const std::string_view> lines, std::uint32_t number) {
  return EvalParser(number).parse_block(lines);
}

}  // namespace narthex::query
