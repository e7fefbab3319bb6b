#include "rules/template.h"

#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

#include "model/unicode.h"
#include "model/value.h"
#include "rules/template_value.h"

namespace narthex::rules {

namespace {

constexpr int kMaxDepth = 50;

enum class Root : std::uint8_t { labels, external_labels, external_url, value };

struct Pipeline;

/// A literal, a field of the data, or a pipeline in parentheses.
struct Operand {
  enum class Kind : std::uint8_t { literal, field, nested };
  Kind kind = Kind::literal;
  TemplateValue literal;
  Root root = Root::labels;
  std::string label;  ///< field of a map; "" = the whole
  std::shared_ptr<const Pipeline> nested;
};

/// A function with its arguments, or (function null) one operand.
struct Command {
  const TemplateFunction* function = nullptr;
  std::vector<Operand> operands;
};

struct Pipeline {
  std::vector<Command> commands;
};

/// Text, or if that is empty, an action.
struct Piece {
  std::string text;
  std::optional<Pipeline> action;
};

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

std::string_view trim_right(std::string_view s) {
  while (!s.empty() && is_space(s.back())) s.remove_suffix(1);
  return s;
}

/// Recursive descent over the whole template; after the first fault every function returns.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<std::vector<Piece>> parse() {
    bool trim_next = false;
    while (!fault_ && at_ < text_.size()) {
      const std::size_t open = std::min(text_.find("{{", at_), text_.size());
      std::string_view plain = text_.substr(at_, open - at_);
      if (trim_next)
        while (!plain.empty() && is_space(plain.front())) plain.remove_prefix(1);
      const bool trim_before =
          text_.substr(open).starts_with("{{-") && open + 3 < text_.size() && is_space(text_[open + 3]);
      if (trim_before) plain = trim_right(plain);
      if (!plain.empty()) pieces_.push_back({std::string(plain), {}});
      at_ = open;
      trim_next = open < text_.size() && action(trim_before);
    }
    if (fault_) return std::unexpected(*std::move(fault_));
    return std::move(pieces_);
  }

 private:
  void refuse(std::string_view what) {
    if (fault_) return;
    std::size_t line = 1;
    std::size_t start = 0;
    for (std::size_t i = 0; i < std::min(at_, text_.size()); ++i) {
      if (text_[i] != '\n') continue;
      ++line;
      start = i + 1;
    }
    fault_ = Error{Code::invalid, fmt::format("{}:{}: {}", line, at_ - start + 1, what), std::nullopt};
  }
  void refuse_unsupported(std::string_view what) {
    refuse(fmt::format("{} is not supported by Narthex yet", what));
  }

  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void skip_space() {
    while (is_space(peek())) ++at_;
  }
  [[nodiscard]] bool at_close() const {
    return text_.substr(at_).starts_with("}}") || text_.substr(at_).starts_with("-}}");
  }

  /// Behind the text, at `{{`. @return whether the text that follows loses its leading space
  bool action(bool trimmed) {
    at_ += trimmed ? 3 : 2;
    skip_space();
    if (text_.substr(at_).starts_with("/*")) {
      const std::size_t end = text_.find("*/", at_);
      if (end == std::string_view::npos) refuse("unclosed comment");
      at_ = end == std::string_view::npos ? text_.size() : end + 2;
      skip_space();
    } else if (at_close()) {
      refuse("missing value for command");
    } else {
      pieces_.push_back({"", pipeline(0)});
    }
    if (fault_) return false;
    const bool trim = peek() == '-';
    if (trim) ++at_;
    if (!text_.substr(at_).starts_with("}}")) {
      refuse("unclosed action");
      return false;
    }
    at_ += 2;
    return trim;
  }

  Pipeline pipeline(int depth) {
    Pipeline out;
    if (depth > kMaxDepth) refuse("too many parentheses");
    while (!fault_) {
      Command command = read_command(depth, !out.commands.empty());
      if (fault_) return out;
      out.commands.push_back(std::move(command));
      skip_space();
      if (peek() != '|') return out;
      ++at_;
    }
    return out;
  }

  /// @param piped  the value of the command before becomes the last argument
  Command read_command(int depth, bool piped) {
    Command command;
    skip_space();
    if (is_letter(peek()) && !is_boolean()) command.function = function();
    while (!fault_) {
      skip_space();
      if (at_ >= text_.size() || at_close() || peek() == '|' || peek() == ')') break;
      command.operands.push_back(operand(depth));
    }
    if (fault_) return command;
    const std::size_t count = command.operands.size() + (piped ? 1 : 0);
    if (command.function == nullptr) {
      if (command.operands.empty()) refuse("missing value for command");
      if (count > 1) refuse("can't give argument to non-function");
    } else if (count < command.function->least_arguments || count > command.function->most_arguments) {
      refuse(fmt::format("wrong number of args for {}: want {} got {}", command.function->name,
                         command.function->least_arguments, count));
    }
    return command;
  }

  std::string_view word() {
    const std::size_t start = at_;
    while (is_letter(peek()) || is_digit(peek()) || static_cast<unsigned char>(peek()) >= 0x80) ++at_;
    return text_.substr(start, at_ - start);
  }

  bool is_boolean() {
    const std::size_t start = at_;
    const std::string_view name = word();
    at_ = start;
    return name == "true" || name == "false";
  }

  const TemplateFunction* function() {
    const std::size_t start = at_;
    const std::string_view name = word();
    const TemplateFunction* found = find_template_function(name);
    if (found != nullptr) return found;
    at_ = start;
    if (is_unsupported_template_word(name)) {
      refuse_unsupported(fmt::format("{} in templates", name));
    } else {
      refuse(fmt::format("function {} not defined", quote(name)));
    }
    return nullptr;
  }

  Operand operand(int depth) {
    const char c = peek();
    if (c == '"' || c == '`') return text_literal();
    if (is_digit(c) || c == '-' || c == '+' || (c == '.' && is_digit(peek(1)))) return number();
    if (c == '$') return variable();
    if (c == '.') return field();
    if (c == '(') {
      ++at_;
      Operand out;
      out.kind = Operand::Kind::nested;
      out.nested = std::make_shared<const Pipeline>(pipeline(depth + 1));
      if (!fault_ && peek() != ')') refuse("unclosed left paren");
      ++at_;
      if (!fault_ && peek() == '.') refuse_unsupported("a field of a parenthesised value");
      return out;
    }
    if (is_letter(c)) {
      const std::size_t start = at_;
      const std::string_view name = word();
      Operand out;
      out.literal = name == "true";
      if (name != "true" && name != "false") {
        at_ = start;
        // In Go a function without arguments; those that are here all take some.
        if (const TemplateFunction* known = function(); known != nullptr)
          refuse(
              fmt::format("wrong number of args for {}: want {} got 0", known->name, known->least_arguments));
      }
      return out;
    }
    if (c == '=' || c == ':' || c == ',') {
      refuse_unsupported("assigning variables in templates");
    } else {
      refuse(fmt::format("unexpected {} in command", quote(text_.substr(at_, 1))));
    }
    return {};
  }

  Operand variable() {
    const std::size_t start = at_++;
    const std::string_view name = word();
    if (name == "labels") return with_label(Root::labels);
    if (name == "externalLabels") return with_label(Root::external_labels);
    if (name == "externalURL") return whole(Root::external_url);
    if (name == "value") return whole(Root::value);
    if (name.empty()) return field_of_data(start);
    at_ = start;
    refuse(fmt::format("undefined variable {}", quote(fmt::format("${}", name))));
    return {};
  }

  Operand field() { return field_of_data(at_); }

  /// `.Labels.x`, also written `$.Labels.x`.
  Operand field_of_data(std::size_t start) {
    if (peek() != '.') {
      at_ = start;
      refuse_unsupported("the whole data as a value");
      return {};
    }
    ++at_;
    const std::string_view name = word();
    if (name == "Labels") return with_label(Root::labels);
    if (name == "ExternalLabels") return with_label(Root::external_labels);
    if (name == "ExternalURL") return whole(Root::external_url);
    if (name == "Value") return whole(Root::value);
    at_ = start;
    if (name.empty()) {
      refuse_unsupported("the whole data as a value");
    } else {
      refuse(fmt::format("can't evaluate field {}", name));
    }
    return {};
  }

  Operand whole(Root root) {
    Operand out;
    out.kind = Operand::Kind::field;
    out.root = root;
    if (peek() == '.') refuse("can't evaluate a field of a text or number");
    return out;
  }

  Operand with_label(Root root) {
    Operand out;
    out.kind = Operand::Kind::field;
    out.root = root;
    if (peek() != '.') return out;
    ++at_;
    out.label = word();
    if (out.label.empty()) refuse("a label's name is missing after the dot");
    if (peek() == '.') refuse(fmt::format("can't evaluate a field of label {}", out.label));
    return out;
  }

  Operand number() {
    const std::size_t start = at_;
    if (peek() == '-' || peek() == '+') ++at_;
    while (is_digit(peek()) || is_letter(peek()) || peek() == '.' ||
           ((peek() == '-' || peek() == '+') && (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E')))
      ++at_;
    const std::string_view digits = text_.substr(start, at_ - start);
    const auto value = parse_float(digits);
    Operand out;
    const bool numeral = !digits.empty() && is_digit(digits.back() == '.' ? '0' : digits.back());
    if (!value || !numeral) {
      at_ = start;
      refuse(fmt::format("bad number syntax: {}", quote(digits)));
    } else if (digits.find_first_of(".eExX") == std::string_view::npos && *value < 0x1p53 &&
               *value > -0x1p53) {
      out.literal = static_cast<std::int64_t>(*value);
    } else {
      out.literal = *value;
    }
    return out;
  }

  Operand text_literal() {
    const char quote_mark = text_[at_++];
    std::string out;
    while (at_ < text_.size() && text_[at_] != quote_mark) {
      const char c = text_[at_++];
      if (c == '\n' && quote_mark == '"') break;
      if (c != '\\' || quote_mark == '`') {
        out += c;
        continue;
      }
      constexpr std::string_view kNames = "abfnrtv\\\"'";
      constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\\"'";
      const std::size_t meaning = kNames.find(peek());
      if (peek() == '\0' || meaning == std::string_view::npos) {
        refuse("unknown escape in a quoted text");
        return {};
      }
      out += kMeanings[meaning];
      ++at_;
    }
    if (at_ >= text_.size() || text_[at_] != quote_mark) refuse("unterminated quoted string");
    ++at_;
    Operand operand;
    operand.literal = std::move(out);
    return operand;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<Piece> pieces_;
  std::optional<Error> fault_;
};

Result<TemplateValue> evaluate(const Pipeline& pipeline, const TemplateData& data);

Result<TemplateValue> evaluate(const Operand& operand, const TemplateData& data) {
  switch (operand.kind) {
    case Operand::Kind::literal:
      return operand.literal;
    case Operand::Kind::nested:
      return evaluate(*operand.nested, data);
    case Operand::Kind::field:
      break;
  }
  switch (operand.root) {
    case Root::external_url:
      return TemplateValue(std::string(data.external_url));
    case Root::value:
      return data.is_histogram ? TemplateValue(HistogramValue{}) : TemplateValue(data.value);
    case Root::labels:
    case Root::external_labels:
      break;
  }
  const Labels& labels = operand.root == Root::labels ? data.labels : data.external_labels;
  if (operand.label.empty()) return TemplateValue(&labels);
  return TemplateValue(std::string(labels.get(operand.label)));
}

Result<TemplateValue> evaluate(const Pipeline& pipeline, const TemplateData& data) {
  std::optional<TemplateValue> last;
  for (const Command& command : pipeline.commands) {
    std::vector<TemplateValue> arguments;
    for (const Operand& operand : command.operands) {
      auto value = evaluate(operand, data);
      if (!value) return value;
      arguments.push_back(*std::move(value));
    }
    if (last) arguments.push_back(*std::move(last));
    if (command.function == nullptr) {
      last = std::move(arguments.front());
      continue;
    }
    auto result = command.function->call(arguments);
    if (!result) return pass(result, fmt::format("error calling {}", command.function->name));
    last = *std::move(result);
  }
  return *std::move(last);
}

}  // namespace

struct Template::Program {
  std::vector<Piece> pieces;
};

Result<Template> Template::parse(std::string_view text) {
  auto pieces = Parser(text).parse();
  if (!pieces) return pass(pieces);
  return Template(std::make_shared<const Program>(Program{*std::move(pieces)}));
}

Result<std::string> Template::expand(const TemplateData& data) const {
  std::string out;
  for (const Piece& piece : program_->pieces) {
    out += piece.text;
    if (!piece.action) continue;
    const auto value = evaluate(*piece.action, data);
    if (!value) return std::unexpected(value.error());
    auto text = value_text(*value);
    if (!text) return text;
    out += *text;
  }
  return out;
}

}  // namespace narthex::rules
