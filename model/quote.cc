// Go's strconv.Quote, which error texts and printed labels depend on.
#include "model/labels.h"
#include "model/unicode.h"

namespace narthex {

namespace {

void append_hex(std::string& out, char32_t code, unsigned digits) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (unsigned i = digits; i > 0; --i) out += kHex[code >> (4U * (i - 1)) & 0xFU];
}

/// The letter after the backslash, or 0.
char short_escape(char32_t code) {
  switch (code) {
    case '\a':
      return 'a';
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    case '\v':
      return 'v';
    case '"':
    case '\\':
      return static_cast<char>(code);
    default:
      return 0;
  }
}

void append_escaped(std::string& out, char32_t code) {
  if (const char letter = short_escape(code)) {
    out += '\\';
    out += letter;
  } else if (is_printable(code)) {
    append_rune(out, code);
  } else if (code < 0x20 || code == 0x7F) {
    out += "\\x";
    append_hex(out, code, 2);
  } else if (code < 0x10000) {
    out += "\\u";
    append_hex(out, code, 4);
  } else {
    out += "\\U";
    append_hex(out, code, 8);
  }
}

}  // namespace

std::string quote(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  out += '"';
  while (!text.empty()) {
    const Rune rune = decode_rune(text);
    if (rune.valid) {
      append_escaped(out, rune.code);
    } else {
      out += "\\x";
      append_hex(out, static_cast<unsigned char>(text[0]), 2);
    }
    text.remove_prefix(rune.size);
  }
  out += '"';
  return out;
}

}  // namespace narthex
