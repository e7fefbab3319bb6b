// Unicode as far as Prometheus' behaviour depends on it: reading UTF-8, Go's idea of what is
// printable, and the simple case mappings of strings.ToLower/ToUpper.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace narthex {

struct Rune {
  char32_t code = 0;
  std::uint8_t size = 0;  ///< bytes it takes in the text; 1 for an invalid byte
  bool valid = false;     ///< false: `code` is U+FFFD and the byte is no UTF-8
};

/// The first rune of `text`, which must not be empty. Overlong forms and surrogates are invalid.
Rune decode_rune(std::string_view text);
void append_rune(std::string& out, char32_t code);

/// Go's strconv.IsPrint: letters, marks, numbers, punctuation, symbols and the ASCII space.
bool is_printable(char32_t code);
/// Go's strings.ToLower and strings.ToUpper; an invalid byte becomes U+FFFD.
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);

}  // namespace narthex
