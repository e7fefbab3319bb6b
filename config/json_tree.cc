#include "config/json_tree.h"

#include <fmt/format.h>

#include <optional>
#include <unordered_set>

#include "model/labels.h"

namespace narthex::config {

namespace {

constexpr std::size_t kMaxBytes = std::size_t{64} << 20;
constexpr int kMaxDepth = 100;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

void append_utf8(std::string& out, std::uint32_t c) {
  const auto tail = [&out](std::uint32_t bits) { out += static_cast<char>(0x80U | (bits & 0x3FU)); };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0U | (c >> 6));
    tail(c);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0U | (c >> 12));
    tail(c >> 6);
    tail(c);
  } else {
    out += static_cast<char>(0xF0U | (c >> 18));
    tail(c >> 12);
    tail(c >> 6);
    tail(c);
  }
}

/// Recursive descent; after the first fault every function returns at once.
class JsonReader {
 public:
  JsonReader(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  Result<YamlNode> read() {
    YamlNode root = value(0);
    skip_space();
    if (!fault_ && at_ < text_.size()) refuse("unexpected text after the value");
    if (fault_) return std::unexpected(*std::move(fault_));
    return root;
  }

 private:
  void refuse(std::string_view what, Code code = Code::invalid) {
    if (!fault_) fault_ = error_at(code, file_, mark(), fmt::format("not valid JSON: {}", what));
  }

  [[nodiscard]] Mark mark() const { return {line_, static_cast<std::uint32_t>(at_ - line_start_) + 1}; }

  void skip_space() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') {
        ++line_;
        line_start_ = at_ + 1;
      } else if (c != ' ' && c != '\t' && c != '\r') {
        return;
      }
    }
  }

  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  YamlNode value(int depth) {
    skip_space();
    YamlNode node;
    node.at = mark();
    if (fault_) return node;
    if (depth > kMaxDepth) {
      refuse(fmt::format("nested deeper than {}", kMaxDepth), Code::limit);
    } else if (at_ >= text_.size()) {
      refuse("a value is missing");
    } else if (take('{')) {
      node.kind = NodeKind::mapping;
      object(node, depth);
    } else if (take('[')) {
      node.kind = NodeKind::sequence;
      array(node, depth);
    } else if (take('"')) {
      node.kind = NodeKind::scalar;
      node.text = string_rest();
    } else {
      word(node);
    }
    return node;
  }

  void object(YamlNode& node, int depth) {
    std::unordered_set<std::string> keys;
    skip_space();
    if (take('}')) return;
    while (!fault_) {
      skip_space();
      YamlEntry entry;
      entry.key_at = mark();
      if (!take('"')) return refuse("a field's name must be a text in quotes");
      entry.key = string_rest();
      if (!keys.insert(entry.key).second) return refuse(fmt::format("field {} is set twice", entry.key));
      skip_space();
      if (!take(':')) return refuse("a colon is missing after a field's name");
      entry.value = value(depth + 1);
      node.entries.push_back(std::move(entry));
      skip_space();
      if (take('}')) return;
      if (!take(',')) return refuse("a comma or a closing brace is missing");
    }
  }

  void array(YamlNode& node, int depth) {
    skip_space();
    if (take(']')) return;
    while (!fault_) {
      node.items.push_back(value(depth + 1));
      skip_space();
      if (take(']')) return;
      if (!take(',')) return refuse("a comma or a closing bracket is missing");
    }
  }

  void word(YamlNode& node) {
    const std::size_t start = at_;
    while (at_ < text_.size() &&
           ((text_[at_] >= 'a' && text_[at_] <= 'z') || is_digit(text_[at_]) || text_[at_] == '-' ||
            text_[at_] == '+' || text_[at_] == '.' || text_[at_] == 'E'))
      ++at_;
    const std::string_view text = text_.substr(start, at_ - start);
    if (text == "null") return;
    if (text != "true" && text != "false" && !is_number(text)) return refuse("a value is expected");
    node.kind = NodeKind::scalar;
    node.plain = true;
    node.text = text;
  }

  /// -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
  static bool is_number(std::string_view s) {
    std::size_t i = 0;
    const auto digits = [&] {
      const std::size_t start = i;
      while (i < s.size() && is_digit(s[i])) ++i;
      return i - start;
    };
    if (s.starts_with('-')) ++i;
    const bool leading_zero = i < s.size() && s[i] == '0';
    const std::size_t whole = digits();
    if (whole == 0 || (leading_zero && whole > 1)) return false;
    if (i < s.size() && s[i] == '.' && (++i, digits() == 0)) return false;
    if (i < s.size() && (s[i] == 'e' || s[i] == 'E')) {
      ++i;
      if (i < s.size() && (s[i] == '+' || s[i] == '-')) ++i;
      if (digits() == 0) return false;
    }
    return i == s.size();
  }

  /// A text behind its opening quote.
  std::string string_rest() {
    std::string out;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (static_cast<unsigned char>(c) < 0x20) break;
      ++at_;
      if (c == '"') return out;
      if (c != '\\') {
        out += c;
        continue;
      }
      if (!escape(out)) break;
    }
    refuse("a text has a bad escape or control character, or no closing quote");
    return out;
  }

  bool escape(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (at_ >= text_.size()) return false;
    const char c = text_[at_++];
    if (const std::size_t i = kNames.find(c); i != std::string_view::npos) {
      out += kMeanings[i];
      return true;
    }
    auto point = c == 'u' ? hex4() : std::nullopt;
    if (!point) return false;
    if (*point >= 0xD800 && *point < 0xDC00 && text_.substr(at_).starts_with("\\u")) {
      const std::size_t before = at_;
      at_ += 2;
      const auto low = hex4();
      if (low && *low >= 0xDC00 && *low < 0xE000) {
        point = 0x10000 + ((*point - 0xD800) << 10) + (*low - 0xDC00);
      } else {
        at_ = before;
      }
    }
    // Half a pair: Go writes the replacement character.
    if (*point >= 0xD800 && *point < 0xE000) point = 0xFFFD;
    append_utf8(out, *point);
    return true;
  }

  std::optional<std::uint32_t> hex4() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      if (at_ >= text_.size()) return std::nullopt;
      const char c = text_[at_];
      const char lower = static_cast<char>(c | 0x20);
      if (is_digit(c)) {
        value = value * 16 + static_cast<std::uint32_t>(c - '0');
      } else if (lower >= 'a' && lower <= 'f') {
        value = value * 16 + static_cast<std::uint32_t>(lower - 'a') + 10;
      } else {
        return std::nullopt;
      }
    }
    return value;
  }

  std::string_view text_;
  const std::string& file_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
  std::size_t line_start_ = 0;
  std::optional<Error> fault_;
};

}  // namespace

Result<YamlNode> parse_json(std::string_view text, const std::string& file) {
  if (text.size() > kMaxBytes) {
    return std::unexpected(
        error_at(Code::limit, file, {1, 1},
                 fmt::format("the file has {} bytes, more than the {} allowed", text.size(), kMaxBytes)));
  }
  if (!is_valid_utf8(text))
    return std::unexpected(
        error_at(Code::invalid, file, {1, 1}, "not valid JSON: the text is not valid UTF-8"));
  return JsonReader(text, file).read();
}

}  // namespace narthex::config
