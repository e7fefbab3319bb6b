// What a YAML scalar means, by go-yaml's rules: those that Prometheus' configuration follows.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "config/yaml_tree.h"

namespace narthex::config {

/// A scalar that looks like a date: go-yaml hands it on as text but quotes it when writing.
struct DateText {
  bool operator==(const DateText&) const = default;
};

/// null, bool, integer, number, date or (string_view) text.
using ScalarValue =
    std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, DateText, std::string_view>;

/// A scalar written without quotes: yes and on are booleans, 010 is eight, 1_000 a thousand.
/// @return  a text borrows from `text`
ScalarValue resolve_plain(std::string_view text);

/// A scalar node: quoted ones and those tagged !!str are texts. Borrows from `node`.
ScalarValue resolve(const YamlNode& node);

/// 1:30 and the like, which YAML 1.1 reads as a number in base 60.
bool is_base60(std::string_view text);

}  // namespace narthex::config
