#include "config/yaml_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/byte_size.h"
#include "config/yaml_scalar.h"
#include "model/value.h"

namespace narthex::config {

namespace {

/// What libyaml's emitter asks of a text before it chooses how to quote it.
struct Shape {
  bool multiline = false;
  bool flow_plain = true;
  bool block_plain = true;
  bool single_quoted = true;
  bool block = true;
};

std::size_t width_at(std::string_view s, std::size_t i) {
  const auto c = static_cast<unsigned char>(s[i]);
  return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

std::uint32_t code_point_at(std::string_view s, std::size_t i) {
  const std::size_t width = width_at(s, i);
  const auto first = static_cast<unsigned char>(s[i]);
  std::uint32_t point = width == 1 ? first : first & (0xFFU >> (width + 1));
  for (std::size_t k = 1; k < width && i + k < s.size(); ++k)
    point = (point << 6) | (static_cast<unsigned char>(s[i + k]) & 0x3FU);
  return point;
}

bool is_break(std::uint32_t c) {
  return c == '\r' || c == '\n' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

/// go-yaml v2 knows nothing beyond the basic plane as printable.
bool is_printable(std::uint32_t c) {
  return c == '\n' || (c >= 0x20 && c <= 0x7E) || (c >= 0xA0 && c <= 0xD7FF) ||
         (c >= 0xE000 && c <= 0xFFFD && c != 0xFEFF);
}

struct Indicators {
  bool flow = false;
  bool block = false;
};

void note_indicator(std::uint32_t c, bool first, bool after_space, bool before_space, Indicators& seen) {
  constexpr std::string_view kAnywhereFirst = "#,[]{}&*!|>'\"%@`";
  constexpr std::string_view kFlowInside = ",?[]{}";
  const bool ascii = c < 0x80;
  const char ch = ascii ? static_cast<char>(c) : '\0';
  if (ch == '\0') return;
  if (first && kAnywhereFirst.find(ch) != std::string_view::npos) {
    seen.flow = seen.block = true;
  } else if (ch == ':' || (first && ch == '?')) {
    seen.flow = true;
    seen.block |= before_space;
  } else if (first && ch == '-' && before_space) {
    seen.flow = seen.block = true;
  } else if (!first && kFlowInside.find(ch) != std::string_view::npos) {
    seen.flow = true;
  } else if (!first && ch == '#' && after_space) {
    seen.flow = seen.block = true;
  }
}

Shape shape_of(std::string_view s) {
  Shape shape;
  if (s.empty()) return {.flow_plain = false, .block = false};
  Indicators seen;
  if (s.starts_with("---") || s.starts_with("...")) seen.flow = seen.block = true;
  bool special = false;
  bool break_space = false;
  bool space_break = false;
  bool previous_space = false;
  bool previous_break = false;
  bool after_space = true;
  for (std::size_t i = 0; i < s.size(); i += width_at(s, i)) {
    const std::uint32_t c = code_point_at(s, i);
    const std::size_t next = i + width_at(s, i);
    const bool before_space = next >= s.size() || s[next] == ' ' || s[next] == '\t';
    note_indicator(c, i == 0, after_space, before_space, seen);
    special |= !is_printable(c);
    const bool space = c == ' ';
    const bool line_break = is_break(c);
    break_space |= space && previous_break;
    space_break |= line_break && previous_space;
    shape.multiline |= line_break;
    previous_space = space;
    previous_break = line_break;
    after_space = space || c == '\t' || line_break;
  }
  const auto edge = [](std::uint32_t c) { return c == ' ' || is_break(c); };
  const bool bare_edges = edge(code_point_at(s, 0)) || previous_space || previous_break;
  const bool no_plain = bare_edges || break_space || space_break || special || shape.multiline;
  shape.flow_plain = !no_plain && !seen.flow;
  shape.block_plain = !no_plain && !seen.block;
  shape.single_quoted = !break_space && !space_break && !special;
  shape.block = !previous_space && !space_break && !special;
  return shape;
}

std::string single_quoted(std::string_view s) {
  std::string out = "'";
  for (const char c : s) {
    if (c == '\'') out += '\'';
    out += c;
  }
  out += '\'';
  return out;
}

std::string double_quoted(std::string_view s) {
  std::string out = "\"";
  for (std::size_t i = 0; i < s.size(); i += width_at(s, i)) {
    const std::uint32_t c = code_point_at(s, i);
    if (is_printable(c) && !is_break(c) && c != '"' && c != '\\') {
      out += s.substr(i, width_at(s, i));
      continue;
    }
    out += '\\';
    switch (c) {
      case 0x00:
        out += '0';
        break;
      case 0x07:
        out += 'a';
        break;
      case 0x08:
        out += 'b';
        break;
      case 0x09:
        out += 't';
        break;
      case 0x0A:
        out += 'n';
        break;
      case 0x0B:
        out += 'v';
        break;
      case 0x0C:
        out += 'f';
        break;
      case 0x0D:
        out += 'r';
        break;
      case 0x1B:
        out += 'e';
        break;
      case '"':
        out += '"';
        break;
      case '\\':
        out += '\\';
        break;
      case 0x85:
        out += 'N';
        break;
      case 0x2028:
        out += 'L';
        break;
      case 0x2029:
        out += 'P';
        break;
      default:
        out += c <= 0xFF     ? fmt::format("x{:02X}", c)
               : c <= 0xFFFF ? fmt::format("u{:04X}", c)
                             : fmt::format("U{:08X}", c);
    }
  }
  out += '"';
  return out;
}

std::string literal_block(std::string_view s, std::size_t indent) {
  std::string out = "|";
  if (s.front() == ' ' || s.front() == '\n') out += '2';
  if (!s.ends_with('\n')) {
    out += '-';
  } else if (s.size() == 1 || s.ends_with("\n\n")) {
    out += '+';
  }
  bool fresh = true;
  out += '\n';
  for (const char c : s) {
    if (fresh && c != '\n') out.append(indent, ' ');
    out += c;
    fresh = c == '\n';
  }
  // The printer ends every value with a line break of its own.
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

enum class Place : std::uint8_t { block, flow, key };

std::string scalar_text(std::string_view s, Place place, std::size_t indent) {
  const Shape shape = shape_of(s);
  const ScalarValue meaning = resolve_plain(s);
  const bool is_text = std::holds_alternative<std::string_view>(meaning) && s != "<<";
  const bool block = place == Place::block;
  if (s.find('\n') != std::string_view::npos)
    return shape.block && block ? literal_block(s, indent) : double_quoted(s);
  if (!is_text || is_base60(s) || (place == Place::key && shape.multiline)) return double_quoted(s);
  if (place == Place::flow ? shape.flow_plain : shape.block_plain) return std::string(s);
  return shape.single_quoted ? single_quoted(s) : double_quoted(s);
}

std::vector<char32_t> code_points(std::string_view s) {
  std::vector<char32_t> out;
  for (std::size_t i = 0; i < s.size(); i += width_at(s, i)) out.push_back(code_point_at(s, i));
  return out;
}

bool is_digit(char32_t c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char32_t c) {
  // Beyond ASCII everything that is not punctuation in Latin-1 counts as a letter: label names
  // and header names, the only keys sorted here, hold hardly anything else.
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0xC0 || c == 0xAA || c == 0xB5 || c == 0xBA;
}

}  // namespace

YamlOut YamlOut::text(std::string_view value) {
  YamlOut out(Kind::text);
  out.text_ = value;
  return out;
}
YamlOut YamlOut::boolean(bool value) {
  YamlOut out(Kind::verbatim);
  out.text_ = value ? "true" : "false";
  return out;
}
YamlOut YamlOut::number(std::uint64_t value) {
  YamlOut out(Kind::verbatim);
  out.text_ = std::to_string(value);
  return out;
}
YamlOut YamlOut::number(double value) {
  YamlOut out(Kind::verbatim);
  out.text_ = format_general(value);
  return out;
}
YamlOut YamlOut::duration(DurationMs ms) {
  return text(format_duration(ms));
}
YamlOut YamlOut::byte_size(std::uint64_t bytes) {
  return text(format_byte_size(bytes));
}

YamlOut YamlOut::texts(const std::vector<std::string>& values) {
  YamlOut out(Kind::sequence);
  for (const std::string& value : values) out.add(text(value));
  return out;
}
YamlOut YamlOut::flow_texts(const std::vector<std::string>& values) {
  YamlOut out = texts(values);
  out.kind_ = Kind::flow_sequence;
  return out;
}
YamlOut YamlOut::labels(const Labels& values) {
  YamlOut out = mapping();
  for (const LabelView label : values) out.add(label.name, text(label.value));
  out.sort_fields();
  return out;
}

YamlOut& YamlOut::add(YamlOut item) {
  items_.push_back(std::move(item));
  return *this;
}
YamlOut& YamlOut::add(std::string_view name, YamlOut value) {
  fields_.emplace_back(name, std::move(value));
  return *this;
}
YamlOut& YamlOut::add_if(bool wanted, std::string_view name, YamlOut value) {
  return wanted ? add(name, std::move(value)) : *this;
}
YamlOut& YamlOut::add_filled(std::string_view name, YamlOut value) {
  return value.empty() ? *this : add(name, std::move(value));
}
YamlOut& YamlOut::add_all(YamlOut fields) {
  for (auto& [name, value] : fields.fields_) fields_.emplace_back(std::move(name), std::move(value));
  return *this;
}
void YamlOut::sort_fields() {
  std::ranges::sort(fields_, [](const auto& a, const auto& b) { return yaml_key_less(a.first, b.first); });
}

bool yaml_key_less(std::string_view a_text, std::string_view b_text) {
  const auto a = code_points(a_text);
  const auto b = code_points(b_text);
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    if (a[i] == b[i]) continue;
    const bool a_letter = is_letter(a[i]);
    const bool b_letter = is_letter(b[i]);
    if (a_letter && b_letter) return a[i] < b[i];
    if (a_letter || b_letter) return b_letter;
    // Numbers compare by value; after a non-zero digit a 0 is no leading zero.
    std::int64_t a_number = 0;
    std::int64_t b_number = 0;
    if (a[i] == '0' || b[i] == '0') {
      for (std::size_t j = i; j > 0 && is_digit(a[j - 1]); --j) {
        if (a[j - 1] != '0') {
          a_number = b_number = 1;
          break;
        }
      }
    }
    const auto read = [i](const std::vector<char32_t>& s, std::int64_t& number) {
      std::size_t end = i;
      auto value = static_cast<std::uint64_t>(number);
      for (; end < s.size() && is_digit(s[end]); ++end) value = value * 10 + (s[end] - '0');
      number = static_cast<std::int64_t>(value);
      return end;
    };
    const std::size_t a_end = read(a, a_number);
    const std::size_t b_end = read(b, b_number);
    if (a_number != b_number) return a_number < b_number;
    if (a_end != b_end) return a_end < b_end;
    return a[i] < b[i];
  }
  return a.size() < b.size();
}

class YamlPrinter {
 public:
  std::string print(const YamlOut& root) {
    if (root.empty()) return root.kind_ == YamlOut::Kind::mapping ? "{}\n" : "[]\n";
    block(root, 0);
    return std::move(out_);
  }

 private:
  using Kind = YamlOut::Kind;

  /// A non-empty mapping or sequence, each entry in a line of its own. The first entry's
  /// indentation stands already there if the line was begun (`- ` or `indent` spaces).
  void block(const YamlOut& node, std::size_t indent, bool begun = false) {
    for (const YamlOut& item : node.items_) {
      begin_line(indent, begun);
      out_ += "- ";
      value_in_item(item, indent + 2);
    }
    for (const auto& [name, value] : node.fields_) {
      begin_line(indent, begun);
      out_ += scalar_text(name, Place::key, indent);
      out_ += ':';
      value_in_field(value, indent);
    }
  }

  void begin_line(std::size_t indent, bool& begun) {
    if (!begun) out_.append(indent, ' ');
    begun = false;
  }

  void value_in_item(const YamlOut& value, std::size_t indent) {
    if (is_block(value)) return block(value, indent, true);
    out_ += inline_text(value, indent);
    out_ += '\n';
  }

  void value_in_field(const YamlOut& value, std::size_t indent) {
    if (!is_block(value)) {
      out_ += ' ';
      out_ += inline_text(value, indent + 2);
      out_ += '\n';
      return;
    }
    out_ += '\n';
    // go-yaml does not indent a sequence below its field.
    block(value, value.kind_ == Kind::sequence ? indent : indent + 2);
  }

  static bool is_block(const YamlOut& value) {
    return (value.kind_ == Kind::mapping || value.kind_ == Kind::sequence) && !value.empty();
  }

  static std::string inline_text(const YamlOut& value, std::size_t indent) {
    switch (value.kind_) {
      case Kind::verbatim:
        return value.text_;
      case Kind::text:
        return scalar_text(value.text_, Place::block, indent);
      case Kind::mapping:
        return "{}";
      case Kind::sequence:
        return "[]";
      case Kind::flow_sequence:
        break;
    }
    std::string out = "[";
    for (const YamlOut& item : value.items_) {
      if (out.size() > 1) out += ", ";
      out += scalar_text(item.text_, Place::flow, indent);
    }
    out += ']';
    return out;
  }

  std::string out_;
};

std::string write_yaml(const YamlOut& root) {
  return YamlPrinter().print(root);
}

}  // namespace narthex::config
