#include "telemetry/log_line.h"

#include "model/labels.h"
#include "model/unicode.h"

namespace narthex::telemetry {

namespace {

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "DEBUG";
    case LogLevel::info:
      return "INFO";
    case LogLevel::warn:
      return "WARN";
    case LogLevel::error:
      return "ERROR";
  }
  return "ERROR";
}

std::string source_text(const std::source_location& where) {
  const std::string_view path = where.file_name();
  return std::string(path.substr(path.rfind('/') + 1)) + ":" + std::to_string(where.line());
}

bool is_reserved(std::string_view key) {
  return key == "time" || key == "level" || key == "source";
}

/// slog's rule: blanks, quotes, '=', control characters and what cannot be printed.
bool needs_quotes(std::string_view text) {
  if (text.empty()) return true;
  while (!text.empty()) {
    const Rune rune = decode_rune(text);
    const bool blank_or_sign = rune.code == ' ' || rune.code == '"' || rune.code == '=';
    if (!rune.valid || blank_or_sign || (rune.code != 0x7F && !is_printable(rune.code))) return true;
    text.remove_prefix(rune.size);
  }
  return false;
}

void append_logfmt(std::string& out, std::string_view key, std::string_view value) {
  if (!out.empty()) out += ' ';
  out += needs_quotes(key) ? quote(key) : std::string(key);
  out += '=';
  out += needs_quotes(value) ? quote(value) : std::string(value);
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto escape = [&](char32_t code) {
    out += "\\u";
    for (unsigned shift = 16; shift > 0; shift -= 4) out += kHex[code >> (shift - 4) & 0xFU];
  };
  out += '"';
  while (!text.empty()) {
    const Rune rune = decode_rune(text);
    if (rune.code == '"' || rune.code == '\\') {
      out += '\\';
      out += static_cast<char>(rune.code);
    } else if (rune.code == '\n') {
      out += "\\n";
    } else if (rune.code == '\r') {
      out += "\\r";
    } else if (rune.code == '\t') {
      out += "\\t";
    } else if (rune.code < 0x20 || rune.code == 0x2028 || rune.code == 0x2029) {
      escape(rune.code);
    } else {
      append_rune(out, rune.code);
    }
    text.remove_prefix(rune.size);
  }
  out += '"';
}

void append_json(std::string& out, std::string_view key, std::string_view value) {
  out += out.empty() ? '{' : ',';
  append_json_string(out, key);
  out += ':';
  append_json_string(out, value);
}

}  // namespace

std::string time_with_ms(Timestamp t) {
  const Timestamp fraction = (t % 1000 + 1000) % 1000;
  std::string text = format_rfc3339(t - fraction);
  text.pop_back();  // Z
  text += '.';
  text += static_cast<char>('0' + fraction / 100);
  text += static_cast<char>('0' + fraction / 10 % 10);
  text += static_cast<char>('0' + fraction % 10);
  text += 'Z';
  return text;
}

std::string log_line(LogFormat format, const LogEvent& event) {
  const auto append = format == LogFormat::json ? append_json : append_logfmt;
  std::string line;
  append(line, "time", time_with_ms(event.time));
  append(line, "level", level_name(event.level));
  append(line, "source", source_text(event.where));
  append(line, "msg", event.message);
  for (const LogField& field : event.fields)
    append(line, is_reserved(field.key) ? "logged_" + std::string(field.key) : std::string(field.key),
           field.value);
  if (format == LogFormat::json) line += '}';
  return line;
}

}  // namespace narthex::telemetry
