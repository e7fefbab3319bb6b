#include "model/regex_shape.h"

#include <algorithm>
#include <utility>

#include "model/unicode.h"

namespace narthex {

namespace {

/// A product of alternatives beyond this is left to RE2.
constexpr std::size_t kMaxProduct = 1024;
/// Sets may always be as long as the pattern, and this long if it is short.
constexpr std::size_t kMinSetBytes = std::size_t{64} << 10U;
constexpr int kMaxDepth = 64;

RegexShape one_string(std::string text) {
  RegexShape s;
  s.strings.emplace().push_back(std::move(text));
  return s;
}

/// Something that only RE2 can match.
RegexShape opaque(std::string prefix = {}) {
  RegexShape s;
  s.prefix = std::move(prefix);
  return s;
}

std::string common_prefix(std::string_view a, std::string_view b) {
  const auto end = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
  return std::string(a.begin(), end);
}

std::string prefix_of(const RegexShape& s) {
  if (!s.strings) return s.prefix;
  std::string prefix = s.strings->front();
  for (const std::string& text : *s.strings) prefix = common_prefix(prefix, text);
  return prefix;
}

bool is_literal(const RegexShape& s) {
  return s.strings && s.strings->size() == 1;
}

/// A single literal or a glob, as a glob.
std::optional<RegexGlob> as_glob(const RegexShape& s) {
  if (s.glob) return s.glob;
  if (is_literal(s)) return RegexGlob{*s.strings, {}};
  return std::nullopt;
}

RegexGlob join(RegexGlob a, const RegexGlob& b) {
  a.literals.back() += b.literals.front();
  a.literals.insert(a.literals.end(), b.literals.begin() + 1, b.literals.end());
  a.gaps.insert(a.gaps.end(), b.gaps.begin(), b.gaps.end());
  return a;
}

RegexShape concatenate(RegexShape a, const RegexShape& b) {
  if (is_literal(a) && is_literal(b)) {
    a.strings->front() += b.strings->front();
    return a;
  }
  if (a.strings && b.strings && a.strings->size() * b.strings->size() <= kMaxProduct) {
    RegexShape product;
    product.strings.emplace();
    for (const std::string& left : *a.strings)
      for (const std::string& right : *b.strings) product.strings->push_back(left + right);
    return product;
  }
  RegexShape joined = opaque(is_literal(a) ? a.strings->front() + prefix_of(b) : prefix_of(a));
  if (auto left = as_glob(a))
    if (const auto right = as_glob(b)) joined.glob = join(std::move(*left), *right);
  return joined;
}

/// Recursive descent over the subset of the syntax named in the header; nullopt = beyond it.
class ShapeParser {
 public:
  explicit ShapeParser(std::string_view pattern)
      : rest_(pattern), max_set_bytes_(std::max(kMinSetBytes, pattern.size())) {}

  std::optional<RegexShape> parse() {
    auto shape = alternation(0);
    if (!shape || !rest_.empty()) return std::nullopt;
    return shape;
  }

 private:
  std::optional<RegexShape> alternation(int depth) {
    if (depth > kMaxDepth) return std::nullopt;
    std::vector<std::string> strings;
    std::size_t bytes = 0;
    std::optional<RegexShape> not_finite;
    bool only_branch = true;
    for (;;) {
      auto branch = sequence(depth);
      if (!branch) return std::nullopt;
      const bool last = rest_.empty() || rest_[0] != '|';
      if (last && only_branch) return branch;
      only_branch = false;
      if (branch->strings && !not_finite) {
        for (std::string& text : *branch->strings) {
          bytes += text.size();
          strings.push_back(std::move(text));
        }
        if (bytes > max_set_bytes_) return std::nullopt;
      } else if (!not_finite) {
        not_finite = opaque(prefix_of(*branch));
        for (const std::string& text : strings) not_finite->prefix = common_prefix(not_finite->prefix, text);
      } else {
        not_finite->prefix = common_prefix(not_finite->prefix, prefix_of(*branch));
      }
      if (last) break;
      rest_.remove_prefix(1);
    }
    if (not_finite) return not_finite;
    RegexShape set;
    set.strings = std::move(strings);
    return set;
  }

  std::optional<RegexShape> sequence(int depth) {
    RegexShape all = one_string("");
    for (bool first = true; !rest_.empty() && rest_[0] != '|' && rest_[0] != ')'; first = false) {
      if (depth == 0 && skip_anchor(first)) continue;
      if (append_plain_run(all)) continue;
      auto part = atom(depth);
      if (!part || !quantify(*part)) return std::nullopt;
      all = concatenate(std::move(all), *part);
    }
    return all;
  }

  /// The whole pattern is anchored anyway, so these change nothing at its ends.
  bool skip_anchor(bool first) {
    const bool at_end = rest_.size() == 1 || rest_[1] == '|';
    if (!(rest_[0] == '^' && first && !followed_by_quantifier(1)) && !(rest_[0] == '$' && at_end))
      return false;
    rest_.remove_prefix(1);
    return true;
  }

  [[nodiscard]] bool followed_by_quantifier(std::size_t at) const {
    return at < rest_.size() && std::string_view("*+?{").find(rest_[at]) != std::string_view::npos;
  }

  static bool is_meta(char c) {
    return std::string_view("\\.+*?()|[]{}^$").find(c) != std::string_view::npos;
  }

  /// ASCII that stands for itself is most of a pattern: taken at once, up to the last byte
  /// before a quantifier.
  bool append_plain_run(RegexShape& all) {
    std::size_t n = 0;
    while (n < rest_.size() && static_cast<unsigned char>(rest_[n]) < 0x80 && !is_meta(rest_[n])) ++n;
    if (n > 0 && followed_by_quantifier(n)) --n;
    if (n == 0) return false;
    if (is_literal(all))
      all.strings->front() += rest_.substr(0, n);
    else
      all = concatenate(std::move(all), one_string(std::string(rest_.substr(0, n))));
    rest_.remove_prefix(n);
    return true;
  }

  std::optional<RegexShape> atom(int depth) {
    switch (rest_[0]) {
      case '(':
        return group(depth);
      case '[':
        return character_class();
      case '.':
        return dot();
      case '\\':
        return escape();
      default:
        break;
    }
    if (is_meta(rest_[0])) return std::nullopt;
    const Rune rune = decode_rune(rest_);
    if (!rune.valid) return std::nullopt;
    auto literal = one_string(std::string(rest_.substr(0, rune.size)));
    rest_.remove_prefix(rune.size);
    return literal;
  }

  std::optional<RegexShape> group(int depth) {
    rest_.remove_prefix(1);
    if (rest_.starts_with("?:")) {
      rest_.remove_prefix(2);
    } else if (rest_.starts_with("?")) {
      return std::nullopt;  // names and flags: rare, and RE2 judges them
    }
    auto inside = alternation(depth + 1);
    if (!inside || rest_.empty()) return std::nullopt;
    rest_.remove_prefix(1);  // what ends an alternation inside a group is its ')'
    return inside;
  }

  /// Single ASCII letters, digits, '_' or '-' at the end, and ranges of letters or digits.
  std::optional<RegexShape> character_class() {
    const std::size_t end = rest_.find(']', 1);
    if (end == std::string_view::npos || end == 1) return std::nullopt;
    const std::string_view inside = rest_.substr(1, end - 1);
    RegexShape set;
    set.strings.emplace();
    for (std::size_t i = 0; i < inside.size();) {
      const bool closing_dash = inside[i] == '-' && i > 0 && i + 1 == inside.size();
      if (!is_word(inside[i]) && !closing_dash) return std::nullopt;
      const bool range = i + 2 < inside.size() && inside[i + 1] == '-';
      const char last = range ? inside[i + 2] : inside[i];
      if ((range && !is_word(last)) || last < inside[i]) return std::nullopt;
      // Word characters and the dash are ASCII: no char here is negative.
      for (char c = inside[i]; c <= last; ++c) set.strings->emplace_back(1, c);
      i += range ? 3 : 1;
    }
    std::sort(set.strings->begin(), set.strings->end());
    set.strings->erase(std::unique(set.strings->begin(), set.strings->end()), set.strings->end());
    rest_.remove_prefix(end + 1);
    return set;
  }

  static bool is_word(char c) {
    return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') || c == '_';
  }

  /// .* and .+ are gaps; a single . is for RE2.
  std::optional<RegexShape> dot() {
    rest_.remove_prefix(1);
    if (rest_.empty() || (rest_[0] != '*' && rest_[0] != '+')) return opaque();
    RegexShape gap;
    gap.glob = RegexGlob{{"", ""}, {rest_[0] == '+' ? std::size_t{1} : std::size_t{0}}};
    rest_.remove_prefix(1);
    if (rest_.starts_with('?')) rest_.remove_prefix(1);  // lazy: the same for a yes or no
    if (followed_by_quantifier(0)) return std::nullopt;
    return gap;
  }

  std::optional<RegexShape> escape() {
    if (rest_.size() < 2) return std::nullopt;
    const char c = rest_[1];
    if (std::string_view("dDwWsS").find(c) != std::string_view::npos) {
      rest_.remove_prefix(2);
      return opaque();
    }
    const bool punctuation = 0x20 < c && c < 0x7F && (!is_word(c) || c == '_');
    if (!punctuation) return std::nullopt;
    rest_.remove_prefix(2);
    return one_string(std::string(1, c));
  }

  /// Applies a `?`, `*` or `+` that follows. False: not ours to read.
  bool quantify(RegexShape& part) {
    if (!followed_by_quantifier(0)) return true;
    const char op = rest_[0];
    if (op == '{') return false;
    rest_.remove_prefix(1);
    if (rest_.starts_with('?')) rest_.remove_prefix(1);
    if (followed_by_quantifier(0)) return false;
    if (op == '?' && part.strings)
      part.strings->emplace_back();
    else
      part = opaque();
    return true;
  }

  std::string_view rest_;
  std::size_t max_set_bytes_;
};

/// Where `runes` runes after `at` end; npos if the text is shorter.
std::size_t skip_runes(std::string_view text, std::size_t at, std::size_t runes) {
  for (; runes > 0; --runes) {
    if (at >= text.size()) return std::string_view::npos;
    at += decode_rune(text.substr(at)).size;
  }
  return at;
}

}  // namespace

bool RegexGlob::matches(std::string_view text) const {
  if (!text.starts_with(literals.front())) return false;
  std::size_t at = literals.front().size();
  // The leftmost place of each literal leaves the most room for those after it.
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    at = skip_runes(text, at, gaps[i]);
    if (at == std::string_view::npos) return false;
    const std::string& next = literals[i + 1];
    if (i + 1 == gaps.size()) return text.size() - at >= next.size() && text.ends_with(next);
    at = text.find(next, at);
    if (at == std::string_view::npos) return false;
    at += next.size();
  }
  return at == text.size();
}

RegexShape find_regex_shape(std::string_view pattern) {
  auto shape = ShapeParser(pattern).parse();
  if (!shape) return {};
  if (shape->strings) {
    auto& strings = *shape->strings;
    std::sort(strings.begin(), strings.end());
    strings.erase(std::unique(strings.begin(), strings.end()), strings.end());
    shape->prefix = common_prefix(strings.front(), strings.back());
  }
  return std::move(*shape);
}

}  // namespace narthex
