#include "model/json_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "model/unicode.h"
#include "model/value.h"

namespace narthex {

namespace {

/// What is never escaped: printable ASCII without quotes, backslashes and what HTML minds.
constexpr auto kIsPlain = [] {
  std::array<bool, 256> plain{};
  for (unsigned c = 0x20; c < 0x80; ++c) plain[c] = true;
  for (const char c : {'"', '\\', '<', '>', '&'}) plain[static_cast<unsigned char>(c)] = false;
  return plain;
}();

bool is_plain(std::string_view text) {
  unsigned plain = 1;
  for (const char c : text) plain &= static_cast<unsigned>(kIsPlain[static_cast<unsigned char>(c)]);
  return plain != 0;
}

/// `"name":"value"`. hot: bench/query.py
void append_plain_pair(std::string& out, std::string_view name, std::string_view value) {
  constexpr std::size_t kQuotesAndColon = 5;
  const std::size_t before = out.size();
  out.resize_and_overwrite(before + name.size() + value.size() + kQuotesAndColon,
                           [&](char* text, std::size_t size) {
                             char* at = text + before;
                             *at++ = '"';
                             at = std::ranges::copy(name, at).out;
                             at = std::ranges::copy(std::string_view("\":\""), at).out;
                             at = std::ranges::copy(value, at).out;
                             *at = '"';
                             return size;
                           });
}

}  // namespace

void JsonWriter::separate() {
  if (comma_) out_ += ',';
  comma_ = true;
}

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  out_ += bracket;
  comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  out_ += bracket;
  comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  escaped(name, Escape::html);
  out_ += ':';
  comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::plain_key(std::string_view name) {
  separate();
  escaped(name, Escape::unicode);
  out_ += ':';
  comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::string(std::string_view text) {
  separate();
  escaped(text, Escape::html);
  return *this;
}

JsonWriter& JsonWriter::plain_string(std::string_view text) {
  separate();
  escaped(text, Escape::unicode);
  return *this;
}

JsonWriter& JsonWriter::raw_string(std::string_view text) {
  separate();
  escaped(text, Escape::ascii);
  return *this;
}

JsonWriter& JsonWriter::number(std::int64_t v) {
  separate();
  out_ += std::to_string(v);
  return *this;
}

JsonWriter& JsonWriter::number(std::uint64_t v) {
  separate();
  out_ += std::to_string(v);
  return *this;
}

JsonWriter& JsonWriter::number(double v) {
  if (!std::isfinite(v)) return null();
  separate();
  const double magnitude = std::abs(v);
  if (magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21)) {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.begin(), digits.end(), v, std::chars_format::scientific).ptr;
    out_.append(digits.begin(), end);
  } else {
    out_ += format_plain(v);
  }
  return *this;
}

JsonWriter& JsonWriter::boolean(bool v) {
  separate();
  out_ += v ? "true" : "false";
  return *this;
}

JsonWriter& JsonWriter::null() {
  separate();
  out_ += "null";
  return *this;
}

JsonWriter& JsonWriter::labels(const Labels& labels) {
  begin_object();
  // Quotes, colon and comma for each two strings, of which the lengths stand among the bytes.
  out_.reserve(out_.size() + 3 * labels.bytes().size());
  for (const auto [name, value] : labels) {
    separate();
    if (is_plain(name) && is_plain(value)) {
      append_plain_pair(out_, name, value);
      continue;
    }
    escaped(name, Escape::ascii);
    out_ += ':';
    escaped(value, Escape::ascii);
  }
  return end_object();
}

JsonWriter& JsonWriter::time_or_zero(Timestamp t) {
  return string(t == 0 ? "0001-01-01T00:00:00Z" : format_rfc3339(t));
}

JsonWriter& JsonWriter::sample(Timestamp t, double v) {
  std::array<char, kMaxJsonTime + kMaxJsonValue + 8> text;
  char* at = text.data();
  if (comma_) *at++ = ',';
  comma_ = true;
  *at++ = '[';
  at = write_json_time(at, t);
  *at++ = ',';
  *at++ = '"';
  at = write_json_value(at, v);
  *at++ = '"';
  *at++ = ']';
  out_.append(text.data(), at);
  return *this;
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

void JsonWriter::escaped(std::string_view text, Escape what) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out_ += '"';
  if (is_plain(text)) {
    out_ += text;
    out_ += '"';
    return;
  }
  std::size_t clean = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (kIsPlain[c]) continue;
    const bool is_html = what == Escape::html && (c == '<' || c == '>' || c == '&');
    if (c >= 0x80 && what != Escape::ascii) {
      const Rune rune = decode_rune(text.substr(i));
      const bool is_separator = rune.code == 0x2028 || rune.code == 0x2029;
      if (rune.valid && !is_separator) {
        i += rune.size - 1U;
        continue;
      }
      out_.append(text, clean, i - clean);
      clean = i + rune.size;
      i = clean - 1;
      out_ += !rune.valid ? "\\ufffd" : rune.code == 0x2028 ? "\\u2028" : "\\u2029";
      continue;
    }
    if (c >= 0x20 && c != '"' && c != '\\' && !is_html) continue;
    out_.append(text, clean, i - clean);
    clean = i + 1;
    switch (c) {
      case '"':
        out_ += "\\\"";
        break;
      case '\\':
        out_ += "\\\\";
        break;
      case '\n':
        out_ += "\\n";
        break;
      case '\r':
        out_ += "\\r";
        break;
      case '\t':
        out_ += "\\t";
        break;
      default:
        out_ += "\\u00";
        out_ += kHex[c >> 4];
        out_ += kHex[c & 15];
    }
  }
  out_.append(text, clean);
  out_ += '"';
}

}  // namespace narthex
