// Characters, quoted strings and numbers as Go and PromQL write them.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/result.h"

namespace narthex::query {

[[nodiscard]] constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
std::string lower_case(std::string_view text);

/// Go's %q of a character: 'x', '\n', '\u200b'.
std::string quote_character(std::int32_t c);
/// Go's %#U of a character: U+0063 'c'.
std::string describe_character(std::int32_t c);

/// The content of a string as PromQL writes it, in double, single or back quotes.
/// Nothing if it is not well formed.
std::optional<std::string> unquote(std::string_view text);

/// A number as PromQL writes it: 1_000, 0x1F, 0755 (octal), 1.5e3, Inf, NaN.
/// Errors: invalid, Go's text of strconv.ParseFloat; out of range gives an error.
Result<double> parse_number(std::string_view text);

}  // namespace narthex::query
