// YAML out, in the layout of go-yaml v2: what /api/v1/status/config shows.
//
// A YamlOut is a value to be written; write_yaml() prints it. Texts are quoted exactly where
// go-yaml quotes them, so that the dump compares equal to Prometheus' own.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/labels.h"
#include "model/time.h"

namespace narthex::config {

class YamlOut {
 public:
  static YamlOut text(std::string_view value);
  static YamlOut boolean(bool value);
  static YamlOut number(std::uint64_t value);
  static YamlOut number(double value);
  static YamlOut duration(DurationMs ms);
  static YamlOut byte_size(std::uint64_t bytes);
  static YamlOut sequence() { return YamlOut(Kind::sequence); }
  static YamlOut mapping() { return YamlOut(Kind::mapping); }
  static YamlOut texts(const std::vector<std::string>& values);
  /// In one line: `[a, b]`.
  static YamlOut flow_texts(const std::vector<std::string>& values);
  /// A mapping of label names to values, keys in go-yaml's order.
  static YamlOut labels(const Labels& values);

  /// sequence: adds an item.
  YamlOut& add(YamlOut item);
  /// mapping: adds a field.
  YamlOut& add(std::string_view name, YamlOut value);
  /// mapping: the same, but only if `wanted`: Go's omitempty.
  YamlOut& add_if(bool wanted, std::string_view name, YamlOut value);
  /// mapping: the same, unless `value` is a mapping or sequence without content.
  YamlOut& add_filled(std::string_view name, YamlOut value);
  /// mapping: adds all fields of another mapping.
  YamlOut& add_all(YamlOut fields);
  /// mapping: puts fields in the order go-yaml gives to the keys of a Go map.
  void sort_fields();

  [[nodiscard]] bool empty() const { return items_.empty() && fields_.empty(); }

 private:
  friend class YamlPrinter;
  enum class Kind : std::uint8_t { verbatim, text, sequence, flow_sequence, mapping };
  explicit YamlOut(Kind kind) : kind_(kind) {}

  Kind kind_;
  std::string text_;
  std::vector<YamlOut> items_;
  std::vector<std::pair<std::string, YamlOut>> fields_;
};

/// The document; `root` must be a mapping or a sequence.
std::string write_yaml(const YamlOut& root);

/// Order of map keys in go-yaml: letters after other characters, runs of digits by value.
bool yaml_key_less(std::string_view a, std::string_view b);

}  // namespace narthex::config
