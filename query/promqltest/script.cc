#include "query/promqltest/script.h"

#include <fmt/format.h>

#include <span>
#include <utility>

#include "query/promql/text.h"
#include "query/promqltest/eval_block.h"
#include "query/promqltest/load_block.h"

namespace narthex::query {
namespace {

constexpr std::size_t kMaxScriptBytes = std::size_t{64} << 20;
constexpr std::string_view kSpaces = " \t\r\v\f";

/// The lines without blanks at both ends; comments are empty.
std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    const std::size_t begin = line.find_first_not_of(kSpaces);
    line = begin == std::string_view::npos ? std::string_view()
                                           : line.substr(begin, line.find_last_not_of(kSpaces) - begin + 1);
    lines.push_back(line.starts_with('#') ? std::string_view() : line);
  }
  return lines;
}

class ScriptParser {
 public:
  explicit ScriptParser(std::string_view text) : lines_(split_lines(text)) {}

  std::vector<Command> parse_all() {
    while (at_ < lines_.size()) {
      if (lines_[at_].empty()) {
        ++at_;
      } else {
        parse_command();
      }
    }
    return std::move(commands_);
  }

 private:
  /// The lines from the present one up to the next empty one.
  [[nodiscard]] std::span<const std::string_view> block() const {
    std::size_t end = at_;
    while (end < lines_.size() && !lines_[end].empty()) ++end;
    return std::span(lines_).subspan(at_, end - at_);
  }
  [[nodiscard]] std::uint32_t number() const { return static_cast<std::uint32_t>(at_ + 1); }

  void parse_command() {
    const std::string_view line = lines_[at_];
    const std::string word = lower_case(line.substr(0, line.find_first_of(" \t")));
    const auto lines = block();
    if (word == "clear") {
      add(ClearCommand(), 1);
    } else if (word.starts_with("load")) {
      auto load = parse_load(lines, number());
      load ? add(std::move(*load), lines.size()) : refuse(load.error().text, lines.size());
    } else if (word.starts_with("eval")) {
      auto eval = parse_eval(lines, number());
      eval ? add(std::move(eval->command), eval->lines) : refuse(eval.error().text, lines.size());
    } else {
      refuse(fmt::format("invalid command {}", quote(line)), lines.size());
    }
  }

  void add(Command command, std::size_t lines) {
    commands_.push_back(std::move(command));
    at_ += lines;
  }
  void refuse(std::string text, std::size_t lines) { add(BadBlock{number(), std::move(text)}, lines); }

  std::vector<std::string_view> lines_;
  std::size_t at_ = 0;
  std::vector<Command> commands_;
};

}  // namespace

bool TextMatch::matches(std::string_view text) const {
  if (anything) return true;
  return pattern ? pattern->matches(text) : text == wanted;
}

std::vector<Command> parse_script(std::string_view text) {
  if (text.size() > kMaxScriptBytes)
    return {BadBlock{1, fmt::format("script is too long: {} bytes, at most {} are accepted", text.size(),
                                    kMaxScriptBytes)}};
  return ScriptParser(text).parse_all();
}

}  // namespace narthex::query
