#include <fmt/format.h>
#include <fmt/printf.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "model/time.h"
#include "model/unicode.h"
#include "model/value.h"
#include "rules/template_value.h"

namespace narthex::rules {

namespace {

using Arguments = std::span<const TemplateValue>;

/// Go's %.4g.
std::string four_digits(double v) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v > 0 ? "+Inf" : "-Inf";
  return fmt::sprintf("%.4g", v);
}

std::string_view type_name(const TemplateValue& value) {
  constexpr std::array<std::string_view, 6> kNames = {"string", "float64",           "int",
                                                      "bool",   "map[string]string", "native histogram"};
  return kNames[value.index()];
}

Result<double> to_number(const TemplateValue& value) {
  if (const double* number = std::get_if<double>(&value)) return *number;
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  if (const auto* text = std::get_if<std::string>(&value)) {
    if (const auto number = parse_float(*text)) return *number;
    return fail(Code::execution, fmt::format("strconv.ParseFloat: parsing {}: invalid syntax", quote(*text)));
  }
  return fail(Code::execution, fmt::format("can't convert {} to float", type_name(value)));
}

Result<std::string> to_text(const TemplateValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return fail(Code::execution,
              fmt::format("wrong type for value; expected string; got {}", type_name(value)));
}

/// Divides or multiplies by `step` until 1 <= |v| < step or the prefixes run out.
std::string with_prefix(double v, double step, std::span<const std::string_view> prefixes) {
  std::string_view prefix;
  for (const std::string_view next : prefixes) {
    if (step > 1 ? std::abs(v) < step : std::abs(v) >= 1) break;
    prefix = next;
    v /= step;
  }
  return four_digits(v) + std::string(prefix);
}

constexpr std::array<std::string_view, 8> kLarge = {"k", "M", "G", "T", "P", "E", "Z", "Y"};
constexpr std::array<std::string_view, 8> kBinary = {"ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"};
constexpr std::array<std::string_view, 8> kSmall = {"m", "u", "n", "p", "f", "a", "z", "y"};

/// |v| < 1: times a thousand until it is not, as Go multiplies, to the same last bit.
std::string with_small_prefix(double v) {
  std::string_view prefix;
  for (const std::string_view next : kSmall) {
    if (std::abs(v) >= 1) break;
    prefix = next;
    v *= 1000;
  }
  return four_digits(v) + std::string(prefix);
}

Result<TemplateValue> humanize(Arguments arguments) {
  const auto v = to_number(arguments[0]);
  if (!v) return std::unexpected(v.error());
  if (*v == 0 || !std::isfinite(*v)) return TemplateValue(four_digits(*v));
  if (std::abs(*v) < 1) return TemplateValue(with_small_prefix(*v));
  return TemplateValue(with_prefix(*v, 1000, kLarge));
}

Result<TemplateValue> humanize1024(Arguments arguments) {
  const auto v = to_number(arguments[0]);
  if (!v) return std::unexpected(v.error());
  if (std::abs(*v) <= 1 || !std::isfinite(*v)) return TemplateValue(four_digits(*v));
  return TemplateValue(with_prefix(*v, 1024, kBinary));
}

std::string long_duration(double v) {
  const std::string_view sign = v < 0 ? "-" : "";
  v = std::abs(v);
  // As Go converts: values beyond int64 have no meaning as days either.
  const std::int64_t total =
      v < 0x1p63 ? static_cast<std::int64_t>(v) : std::numeric_limits<std::int64_t>::max();
  const std::int64_t seconds = total % 60;
  const std::int64_t minutes = total / 60 % 60;
  const std::int64_t hours = total / 3600 % 24;
  const std::int64_t days = total / 86400;
  if (days != 0) return fmt::format("{}{}d {}h {}m {}s", sign, days, hours, minutes, seconds);
  if (hours != 0) return fmt::format("{}{}h {}m {}s", sign, hours, minutes, seconds);
  if (minutes != 0) return fmt::format("{}{}m {}s", sign, minutes, seconds);
  return fmt::format("{}{}s", sign, four_digits(v));
}

Result<TemplateValue> humanize_duration(Arguments arguments) {
  const auto v = to_number(arguments[0]);
  if (!v) return std::unexpected(v.error());
  if (!std::isfinite(*v)) return TemplateValue(four_digits(*v));
  if (*v == 0) return TemplateValue(four_digits(*v) + "s");
  if (std::abs(*v) >= 1) return TemplateValue(long_duration(*v));
  return TemplateValue(with_small_prefix(*v) + "s");
}

Result<TemplateValue> humanize_percentage(Arguments arguments) {
  const auto v = to_number(arguments[0]);
  if (!v) return std::unexpected(v.error());
  return TemplateValue(four_digits(*v * 100) + "%");
}

/// Go's Time.String() of a UTC time: 2015-06-23 13:19:44.128 +0000 UTC.
Result<TemplateValue> humanize_timestamp(Arguments arguments) {
  const auto v = to_number(arguments[0]);
  if (!v) return std::unexpected(v.error());
  if (!std::isfinite(*v)) return TemplateValue(four_digits(*v));
  const double nanoseconds = *v * 1e9;
  if (nanoseconds >= 0x1p63 || nanoseconds < -0x1p63) {
    return fail(Code::execution,
                fmt::format("{} cannot be represented as a nanoseconds timestamp since it overflows int64",
                            format_general(*v)));
  }
  std::string text = format_rfc3339(static_cast<std::int64_t>(nanoseconds) / 1'000'000);
  text.pop_back();  // Z
  text[text.find('T')] = ' ';
  // Go drops trailing zeros of the fraction.
  if (text.find('.') != std::string::npos) text.erase(text.find_last_not_of('0') + 1);
  return TemplateValue(text + " +0000 UTC");
}

/// The first letter of every word in upper case, the rest as it is.
Result<TemplateValue> title(Arguments arguments) {
  const auto text = to_text(arguments[0]);
  if (!text) return std::unexpected(text.error());
  const auto joins = [](std::string_view s, std::size_t i) {
    const auto letter = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
    };
    return (s[i] == '\'' || s[i] == '.' || s[i] == ':') && i > 0 && i + 1 < s.size() && letter(s[i - 1]) &&
           letter(s[i + 1]);
  };
  std::string out;
  bool begun = false;  // the word has had its letter
  for (std::size_t i = 0; i < text->size();) {
    const Rune rune = decode_rune(std::string_view(*text).substr(i));
    const std::string_view bytes = std::string_view(*text).substr(i, rune.size);
    const char c = bytes[0];
    const bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || rune.code >= 0x80;
    const bool in_word = alpha || (c >= '0' && c <= '9') || c == '_' || joins(*text, i);
    if (alpha && !begun) {
      out += to_upper(bytes);
    } else {
      out += bytes;
    }
    begun = in_word && (begun || alpha);
    i += rune.size;
  }
  return TemplateValue(std::move(out));
}

Result<TemplateValue> upper(Arguments arguments) {
  const auto text = to_text(arguments[0]);
  if (!text) return std::unexpected(text.error());
  return TemplateValue(to_upper(*text));
}

Result<TemplateValue> lower(Arguments arguments) {
  const auto text = to_text(arguments[0]);
  if (!text) return std::unexpected(text.error());
  return TemplateValue(to_lower(*text));
}

constexpr std::size_t kAny = 1000;
constexpr std::array<TemplateFunction, 9> kFunctions = {{
    {"humanize", 1, 1, humanize},
    {"humanize1024", 1, 1, humanize1024},
    {"humanizeDuration", 1, 1, humanize_duration},
    {"humanizePercentage", 1, 1, humanize_percentage},
    {"humanizeTimestamp", 1, 1, humanize_timestamp},
    {"title", 1, 1, title},
    {"toUpper", 1, 1, upper},
    {"toLower", 1, 1, lower},
    {"printf", 1, kAny, template_printf},
}};

}  // namespace

const TemplateFunction* find_template_function(std::string_view name) {
  const auto* const found = std::ranges::find(kFunctions, name, &TemplateFunction::name);
  return found == kFunctions.end() ? nullptr : found;
}

bool is_unsupported_template_word(std::string_view name) {
  static constexpr std::array<std::string_view, 52> kWords = {
      "query",
      "first",
      "label",
      "value",
      "sortByLabel",
      "strvalue",
      "toTime",
      "toDuration",
      "now",
      "parseDuration",
      "stripPort",
      "stripDomain",
      "match",
      "reReplaceAll",
      "graphLink",
      "tableLink",
      "urlQueryEscape",
      "args",
      "tmpl",
      "safeHtml",
      "externalURL",
      "pathPrefix",
      "and",
      "or",
      "not",
      "call",
      "html",
      "index",
      "slice",
      "js",
      "len",
      "print",
      "println",
      "urlquery",
      "eq",
      "ne",
      "lt",
      "le",
      "gt",
      "ge",
      "if",
      "else",
      "end",
      "range",
      "with",
      "define",
      "template",
      "block",
      "break",
      "continue",
      "nil",
  };
  return std::ranges::find(kWords, name) != kWords.end();
}

Result<std::string> value_text(const TemplateValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<double>(&value)) return format_general(*number);
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return std::to_string(*whole);
  if (const auto* flag = std::get_if<bool>(&value)) return std::string(*flag ? "true" : "false");
  if (const auto* labels = std::get_if<const Labels*>(&value)) {
    std::string out = "map[";
    for (const LabelView label : **labels) {
      if (out.size() > 4) out += ' ';
      out.append(label.name).append(":").append(label.value);
    }
    out += ']';
    return out;
  }
  return fail(Code::execution, "native histograms in templates are not supported by Narthex yet");
}

}  // namespace narthex::rules
