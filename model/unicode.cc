#include "model/unicode.h"

#include <locale.h>
#include <algorithm>
#include <clocale>
#include <cwctype>

#include "model/check.h"

namespace narthex {

namespace {

struct Range {
  char32_t first;
  char32_t last;
};
constexpr Range kPrintable[] = {
#include "model/printable_ranges.inc"
};

constexpr char32_t kReplacement = 0xFFFD;

/// glibc's built-in C.UTF-8, independent of the environment.
locale_t utf8_locale() {
  static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  check(locale != nullptr, "the C library has no C.UTF-8 locale");
  return locale;
}

Rune invalid_byte() {
  return {kReplacement, 1, false};
}

template <class MapAscii, class MapWide>
std::string map_case(std::string_view text, MapAscii ascii, MapWide wide) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    if (static_cast<unsigned char>(text[0]) < 0x80) {
      out += ascii(text[0]);
      text.remove_prefix(1);
      continue;
    }
    const Rune rune = decode_rune(text);
    append_rune(out, rune.valid ? wide(rune.code) : kReplacement);
    text.remove_prefix(rune.size);
  }
  return out;
}

}  // namespace

Rune decode_rune(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::uint8_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < size) return invalid_byte();
  char32_t code = lead & (0xFFU >> (size + 1U));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return invalid_byte();
    code = (code << 6U) | (byte(i) & 0x3FU);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kSmallest[size] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return invalid_byte();
  return {code, size, true};
}

void append_rune(std::string& out, char32_t code) {
  const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80U | ((code >> shift) & 0x3FU)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0U | (code >> 6U));
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0U | (code >> 12U));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0U | (code >> 18U));
    tail(12);
    tail(6);
    tail(0);
  }
}

bool is_printable(char32_t code) {
  if (code < 0x80) return 0x20 <= code && code < 0x7F;
  const Range* range = std::lower_bound(std::begin(kPrintable), std::end(kPrintable), code,
                                        [](const Range& r, char32_t c) { return r.last < c; });
  return range != std::end(kPrintable) && range->first <= code;
}

std::string to_lower(std::string_view text) {
  return map_case(
      text, [](char c) { return 'A' <= c && c <= 'Z' ? static_cast<char>(c + 32) : c; },
      [](char32_t c) { return static_cast<char32_t>(towlower_l(static_cast<wint_t>(c), utf8_locale())); });
}

std::string to_upper(std::string_view text) {
  return map_case(
      text, [](char c) { return 'a' <= c && c <= 'z' ? static_cast<char>(c - 32) : c; },
      [](char32_t c) { return static_cast<char32_t>(towupper_l(static_cast<wint_t>(c), utf8_locale())); });
}

}  // namespace narthex
