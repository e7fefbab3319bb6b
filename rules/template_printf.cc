// Go's fmt.Sprintf, as far as templates of alerts use it.
#include <fmt/format.h>
#include <fmt/printf.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "model/unicode.h"
#include "model/value.h"
#include "rules/template_value.h"

namespace narthex::rules {

namespace {

/// Wider than any label is useful; keeps `%999999999d` from eating memory.
constexpr int kMaxWidth = 1000;

struct Verb {
  bool left = false;
  bool plus = false;
  bool zero = false;
  bool space = false;
  bool sharp = false;
  int width = 0;
  std::optional<int> precision;
  char letter = 0;
};

/// Behind the percent sign. @return characters taken
std::size_t read_verb(std::string_view s, Verb& verb) {
  std::size_t i = 0;
  for (; i < s.size(); ++i) {
    if (s[i] == '-')
      verb.left = true;
    else if (s[i] == '+')
      verb.plus = true;
    else if (s[i] == '0')
      verb.zero = true;
    else if (s[i] == ' ')
      verb.space = true;
    else if (s[i] == '#')
      verb.sharp = true;
    else
      break;
  }
  const auto number = [&] {
    int value = 0;
    for (; i < s.size() && s[i] >= '0' && s[i] <= '9'; ++i)
      value = std::min(value * 10 + (s[i] - '0'), kMaxWidth);
    return value;
  };
  verb.width = number();
  if (i < s.size() && s[i] == '.') {
    ++i;
    verb.precision = number();
  }
  if (i < s.size()) verb.letter = s[i++];
  return i;
}

std::size_t rune_count(std::string_view s) {
  return static_cast<std::size_t>(
      std::ranges::count_if(s, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string padded(std::string text, const Verb& verb, bool numeric) {
  const std::size_t size = rune_count(text);
  const auto width = static_cast<std::size_t>(verb.width);
  if (size >= width) return text;
  const std::size_t missing = width - size;
  if (verb.left) return text + std::string(missing, ' ');
  if (verb.zero && numeric) {
    const bool is_signed = text.starts_with('-') || text.starts_with('+');
    return text.insert(is_signed ? 1 : 0, missing, '0');
  }
  return text.insert(0, missing, ' ');
}

std::string with_sign(std::string text, const Verb& verb) {
  if (text.starts_with('-') || text.starts_with('+')) return text;
  if (verb.plus) return "+" + text;
  if (verb.space) return " " + text;
  return text;
}

std::string format_number(double v, const Verb& verb) {
  if (std::isnan(v) || std::isinf(v)) {
    Verb plain = verb;
    plain.zero = false;
    return padded(std::isnan(v) ? with_sign("NaN", verb) : v > 0 ? "+Inf" : "-Inf", plain, true);
  }
  std::string text;
  const char letter = verb.letter == 'F' ? 'f' : verb.letter;
  if (letter == 'v' || letter == 'g' || letter == 'G') {
    text = verb.precision ? fmt::sprintf("%.*g", *verb.precision, v) : format_general(v);
  } else if (letter == 'f') {
    text = fmt::sprintf("%.*f", verb.precision.value_or(6), v);
  } else {
    text = fmt::sprintf("%.*e", verb.precision.value_or(6), v);
  }
  if (letter == 'G' || letter == 'E') std::ranges::replace(text, 'e', 'E');
  return padded(with_sign(std::move(text), verb), verb, true);
}

std::string format_text(std::string_view text, const Verb& verb) {
  std::string out;
  std::string_view rest = text;
  for (int left = verb.precision.value_or(-1); !rest.empty() && left != 0; --left) {
    const Rune rune = decode_rune(rest);
    out += rest.substr(0, rune.size);
    rest.remove_prefix(rune.size);
  }
  if (verb.letter == 'q') out = quote(out);
  if (verb.letter == 'x') {
    std::string hex;
    for (const char c : out) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
    out = std::move(hex);
  }
  return padded(std::move(out), verb, false);
}

std::string format_whole(std::int64_t v, const Verb& verb) {
  std::string text = verb.letter == 'x' ? fmt::format("{:x}", v) : std::to_string(v);
  return padded(with_sign(std::move(text), verb), verb, true);
}

bool is_one_of(char c, std::string_view letters) {
  return letters.find(c) != std::string_view::npos;
}

Result<std::string> format_value(const TemplateValue& value, const Verb& verb) {
  if (const auto* text = std::get_if<std::string>(&value); text != nullptr && is_one_of(verb.letter, "vsqx"))
    return format_text(*text, verb);
  if (const auto* number = std::get_if<double>(&value);
      number != nullptr && is_one_of(verb.letter, "vfFeEgG"))
    return format_number(*number, verb);
  if (const auto* whole = std::get_if<std::int64_t>(&value);
      whole != nullptr && is_one_of(verb.letter, "vdx"))
    return format_whole(*whole, verb);
  if (const auto* flag = std::get_if<bool>(&value); flag != nullptr && is_one_of(verb.letter, "vt"))
    return padded(*flag ? "true" : "false", verb, false);
  auto shown = value_text(value);
  if (!shown) return shown;
  if (verb.letter == 'v') return padded(*std::move(shown), verb, false);
  // Go's complaint about a verb that does not fit goes into the text.
  constexpr std::string_view kTypes[] = {"string", "float64", "int", "bool", "map[string]string"};
  return fmt::format("%!{}({}={})", verb.letter, kTypes[value.index()], *shown);
}

}  // namespace

Result<TemplateValue> template_printf(std::span<const TemplateValue> arguments) {
  const auto* format = std::get_if<std::string>(&arguments[0]);
  if (format == nullptr) return fail(Code::execution, "the first argument must be a text");
  std::string out;
  std::size_t next = 1;
  for (std::size_t i = 0; i < format->size();) {
    if ((*format)[i] != '%') {
      out += (*format)[i++];
      continue;
    }
    Verb verb;
    i += 1 + read_verb(std::string_view(*format).substr(i + 1), verb);
    if (verb.letter == '%') {
      out += '%';
    } else if (verb.letter == 0) {
      out += "%!(NOVERB)";
    } else if (next >= arguments.size()) {
      out += fmt::format("%!{}(MISSING)", verb.letter);
    } else {
      auto text = format_value(arguments[next++], verb);
      if (!text) return std::unexpected(std::move(text).error());
      out += *text;
    }
  }
  if (next < arguments.size()) {
    constexpr std::string_view kTypes[] = {"string", "float64",           "int",
                                           "bool",   "map[string]string", "histogram"};
    std::string extra;
    for (; next < arguments.size(); ++next) {
      auto text = value_text(arguments[next]);
      if (!text) return std::unexpected(std::move(text).error());
      if (!extra.empty()) extra += ", ";
      extra += fmt::format("{}={}", kTypes[arguments[next].index()], *text);
    }
    out += fmt::format("%!(EXTRA {})", extra);
  }
  return TemplateValue(std::move(out));
}

}  // namespace narthex::rules
