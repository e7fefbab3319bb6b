#include "model/regex.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <boost/unordered/unordered_flat_set.hpp>
#include <mutex>
#include <span>

#include "model/labels.h"
#include "model/regex_shape.h"
#include "model/unicode.h"

namespace narthex {

namespace {

constexpr std::size_t kShownOfTooLarge = 1000;
/// Bytes that RE2 may need for each byte of a pattern, while it reads it.
constexpr std::uint64_t kBytesPerPatternByte = 64;
/// From here on an expression is compiled at once, so that "too large" is said by compile().
constexpr std::size_t kCompileLazilyUpTo = std::size_t{64} << 10U;
/// Below this a linear search beats hashing.
constexpr std::size_t kHashedSetFrom = 16;
constexpr int kMaxGroups = 1000;

std::string error_text(std::string_view what, std::string_view expression) {
  std::string text = "error parsing regexp: ";
  text += what;
  text += ": `";
  text += expression;
  text += '`';
  return text;
}

/// The pattern in RE2's spelling, and what RE2 does not tell.
struct Translated {
  std::string pattern;
  std::vector<std::string> group_names;  ///< [0] is the whole match; "" for unnamed groups
};

/// Where the character class that starts at `at` ends: behind its ']'.
std::size_t end_of_class(std::string_view pattern, std::size_t at) {
  std::size_t i = at + 1;
  if (i < pattern.size() && pattern[i] == '^') ++i;
  if (i < pattern.size() && pattern[i] == ']') ++i;  // a literal ']' may come first
  while (i < pattern.size() && pattern[i] != ']') {
    const std::size_t named_end =
        pattern.substr(i).starts_with("[:") ? pattern.find(":]", i + 2) : std::string_view::npos;
    if (named_end != std::string_view::npos)
      i = named_end + 2;
    else
      i += pattern[i] == '\\' ? 2 : 1;
  }
  return std::min(i + 1, pattern.size());
}

bool is_group_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') || c == '_';
  });
}

/// Go reads (?<name>x) where RE2 wants (?P<name>x), and refuses \C, which matches one byte.
Result<Translated> translate(std::string_view pattern) {
  Translated out{.pattern = {}, .group_names = {""}};
  auto copy_to = [&, at = std::size_t{0}](std::size_t end) mutable {
    out.pattern += pattern.substr(at, end - at);
    at = end;
  };
  for (std::size_t i = 0; i < pattern.size();) {
    const std::string_view rest = pattern.substr(i);
    if (rest.starts_with("\\Q")) {
      const std::size_t end = pattern.find("\\E", i + 2);
      i = end == std::string_view::npos ? pattern.size() : end + 2;
    } else if (rest.starts_with("\\C")) {
      return fail(Code::invalid, error_text("invalid escape sequence", "\\C"));
    } else if (rest[0] == '\\') {
      i += 2;
    } else if (rest[0] == '[') {
      i = end_of_class(pattern, i);
    } else if (rest.starts_with("(?P<") || rest.starts_with("(?<")) {
      const std::size_t open = pattern.find('<', i);
      const std::size_t close = pattern.find('>', open);
      const std::string_view name =
          pattern.substr(open + 1, close == std::string_view::npos ? close : close - open - 1);
      if (close == std::string_view::npos || !is_group_name(name))
        return fail(Code::invalid,
                    error_text("invalid named capture",
                               rest.substr(0, close == std::string_view::npos ? close : close - i + 1)));
      if (pattern[i + 2] == '<') {
        copy_to(i + 2);
        out.pattern += 'P';
      }
      out.group_names.emplace_back(name);
      i = open + 1;
    } else {
      if (rest[0] == '(' && !rest.starts_with("(?")) out.group_names.emplace_back();
      ++i;
    }
  }
  copy_to(pattern.size());
  return out;
}

std::string_view from_invalid_byte(std::string_view text) {
  while (!text.empty()) {
    const Rune rune = decode_rune(text);
    if (!rune.valid) break;
    text.remove_prefix(rune.size);
  }
  return text;
}

/// RE2's verdict in Go's words.
std::string go_error(const re2::RE2& re, std::string_view pattern) {
  const std::string& argument = re.error_arg();
  switch (re.error_code()) {
    case re2::RE2::ErrorBadEscape:
      return error_text("invalid escape sequence", argument);
    case re2::RE2::ErrorBadCharClass:
    case re2::RE2::ErrorBadCharRange:
      return error_text("invalid character class range", argument);
    case re2::RE2::ErrorMissingBracket:
      return error_text("missing closing ]", argument);
    case re2::RE2::ErrorMissingParen:
      return error_text("missing closing )", pattern);
    case re2::RE2::ErrorUnexpectedParen:
      return error_text("unexpected )", pattern);
    case re2::RE2::ErrorTrailingBackslash:
      return error_text("trailing backslash at end of expression", "");
    case re2::RE2::ErrorRepeatArgument:
      return error_text("missing argument to repetition operator", argument);
    case re2::RE2::ErrorRepeatSize:
      return error_text("invalid repeat count", argument);
    case re2::RE2::ErrorRepeatOp:
      return error_text("invalid nested repetition operator", argument);
    case re2::RE2::ErrorBadPerlOp:
      return error_text("invalid or unsupported Perl syntax", argument);
    case re2::RE2::ErrorBadUTF8:
      return error_text("invalid UTF-8", from_invalid_byte(pattern));
    case re2::RE2::ErrorBadNamedCapture:
      return error_text("invalid named capture", argument);
    case re2::RE2::ErrorPatternTooLarge:
      return error_text("expression too large", pattern);
    case re2::RE2::NoError:
    case re2::RE2::ErrorInternal:
      break;
  }
  return error_text("regexp/syntax: internal error", pattern);
}

std::unique_ptr<re2::RE2> compile_re2(const std::string& pattern, std::uint64_t max_memory) {
  re2::RE2::Options options;
  options.set_dot_nl(true);
  options.set_log_errors(false);
  options.set_max_mem(static_cast<std::int64_t>(max_memory));
  return std::make_unique<re2::RE2>(pattern, options);
}

/// A name in a template ends at the first rune that Go does not call a letter or digit.
std::size_t name_length(std::string_view text) {
  static const re2::RE2 kLetterOrDigit("[\\pL\\p{Nd}_]");
  std::size_t n = 0;
  while (n < text.size()) {
    const Rune rune = decode_rune(text.substr(n));
    const re2::StringPiece piece(text.data() + n, rune.size);
    if (!rune.valid || !re2::RE2::FullMatch(piece, kLetterOrDigit)) break;
    n += rune.size;
  }
  return n;
}

struct Reference {
  std::string_view name;
  std::size_t length;  ///< bytes after the '$'
};

/// `name` or `{name}` at the start of what follows a '$'.
std::optional<Reference> read_reference(std::string_view text) {
  const bool braces = text.starts_with('{');
  const std::size_t start = braces ? 1 : 0;
  const std::size_t n = name_length(text.substr(start));
  if (n == 0) return std::nullopt;
  if (!braces) return Reference{text.substr(0, n), n};
  if (start + n >= text.size() || text[start + n] != '}') return std::nullopt;
  return Reference{text.substr(1, n), n + 2};
}

/// The number that a name is, as Go reads it: no leading zeros, at most nine digits.
std::optional<std::size_t> group_number(std::string_view name) {
  if (name.size() > 1 && name[0] == '0') return std::nullopt;
  std::size_t number = 0;
  for (const char c : name) {
    if (c < '0' || c > '9' || number >= 100'000'000) return std::nullopt;
    number = number * 10 + static_cast<std::size_t>(c - '0');
  }
  return number;
}

}  // namespace

struct Regex::Impl {
  std::string pattern;
  RegexShape shape;
  Translated translated;
  std::uint64_t max_memory = kMaxMemory;
  boost::unordered_flat_set<std::string_view> hashed_strings;
  mutable std::once_flag once;
  mutable std::unique_ptr<re2::RE2> compiled;

  [[nodiscard]] bool needs_re2() const { return !shape.strings && !shape.glob; }

  const re2::RE2& re2() const {
    std::call_once(once, [this] { compiled = compile_re2(translated.pattern, max_memory); });
    return *compiled;
  }

  [[nodiscard]] bool is_one_of_the_strings(std::string_view text) const {
    if (!hashed_strings.empty()) return hashed_strings.contains(text);
    return std::find(shape.strings->begin(), shape.strings->end(), text) != shape.strings->end();
  }

  void append_group(std::string& out, std::string_view name, std::span<const re2::StringPiece> groups) const {
    if (const auto number = group_number(name)) {
      if (*number < groups.size()) out.append(groups[*number].data(), groups[*number].size());
      return;
    }
    // Several groups may share a name: the first that took part in the match counts.
    for (std::size_t i = 1; i < groups.size(); ++i) {
      if (translated.group_names[i] != name || groups[i].data() == nullptr) continue;
      out.append(groups[i].data(), groups[i].size());
      return;
    }
  }

  [[nodiscard]] std::string expand(std::string_view replacement,
                                   std::span<const re2::StringPiece> groups) const {
    std::string out;
    for (;;) {
      const std::size_t dollar = replacement.find('$');
      out += replacement.substr(0, dollar);
      if (dollar == std::string_view::npos) return out;
      replacement.remove_prefix(dollar + 1);
      if (replacement.starts_with('$')) {
        out += '$';
        replacement.remove_prefix(1);
      } else if (const auto reference = read_reference(replacement)) {
        append_group(out, reference->name, groups);
        replacement.remove_prefix(reference->length);
      } else {
        out += '$';
      }
    }
  }
};

Result<Regex> Regex::compile(std::string_view pattern, std::uint64_t max_memory) {
  auto impl = std::make_shared<Impl>();
  impl->pattern = pattern;
  impl->max_memory = max_memory;
  auto translated = translate(pattern);
  if (!translated) return pass(translated);
  impl->translated = std::move(*translated);
  impl->shape = find_regex_shape(pattern);
  if (impl->translated.group_names.size() > kMaxGroups)
    return fail(Code::invalid, error_text("expression too large", pattern));
  const bool has_groups = impl->translated.group_names.size() > 1;
  if (impl->needs_re2() && pattern.size() > max_memory / kBytesPerPatternByte)
    return fail(Code::invalid, error_text("expression too large", pattern.substr(0, kShownOfTooLarge)));
  if (impl->needs_re2() || (has_groups && pattern.size() > kCompileLazilyUpTo)) {
    const re2::RE2& re = impl->re2();
    if (!re.ok()) return fail(Code::invalid, go_error(re, pattern));
  }
  if (impl->shape.strings && impl->shape.strings->size() >= kHashedSetFrom)
    impl->hashed_strings.insert(impl->shape.strings->begin(), impl->shape.strings->end());
  return Regex(std::move(impl));
}

bool Regex::matches(std::string_view text) const {
  const RegexShape& shape = impl_->shape;
  if (shape.strings) return impl_->is_one_of_the_strings(text);
  if (shape.glob) return shape.glob->matches(text);
  if (!text.starts_with(shape.prefix)) return false;
  return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), impl_->re2());
}

std::optional<std::string> Regex::expand(std::string_view text, std::string_view replacement) const {
  if (!matches(text)) return std::nullopt;
  if (replacement.find('$') == std::string_view::npos) return std::string(replacement);
  const re2::StringPiece whole(text.data(), text.size());
  // What nearly every relabeling rule is.
  if (impl_->pattern == "(.*)") {
    const std::array<re2::StringPiece, 2> groups{whole, whole};
    return impl_->expand(replacement, groups);
  }
  std::vector<re2::StringPiece> groups(impl_->translated.group_names.size());
  if (!impl_->re2().Match(whole, 0, whole.size(), re2::RE2::ANCHOR_BOTH, groups.data(),
                          static_cast<int>(groups.size())))
    return std::nullopt;
  return impl_->expand(replacement, groups);
}

const std::string& Regex::pattern() const {
  return impl_->pattern;
}

std::uint64_t Regex::size_bytes() const {
  constexpr std::uint64_t kInstructionBytes = 16;
  std::uint64_t bytes = 2 * impl_->pattern.size();
  if (!impl_->needs_re2()) return bytes;
  const re2::RE2& re = impl_->re2();
  for (const int instructions : {re.ProgramSize(), re.ReverseProgramSize()})
    bytes += static_cast<std::uint64_t>(std::max(instructions, 0)) * kInstructionBytes;
  return bytes;
}

const std::vector<std::string>& Regex::literal_set() const {
  static const std::vector<std::string> kNone;
  return impl_->shape.strings ? *impl_->shape.strings : kNone;
}

std::string_view Regex::prefix() const {
  if (impl_->shape.strings || !impl_->shape.glob) return impl_->shape.prefix;
  return impl_->shape.glob->literals.front();
}

}  // namespace narthex
