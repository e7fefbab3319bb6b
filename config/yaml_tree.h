// A YAML document as a tree that remembers where everything was written.
//
// yaml-cpp's event interface feeds it. Unlike yaml-cpp's own nodes it refuses duplicate keys,
// resolves merge keys (`<<`), expands aliases under a budget (no billion laughs), tells quoted
// scalars from plain ones and keeps the place of keys and of values. Only the first document
// of a stream counts, as with Prometheus; that there were more is remembered.
//
// Threads: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/result.h"

namespace narthex::config {

/// 1-based; columns count characters.
struct Mark {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  bool operator==(const Mark&) const = default;
};

enum class NodeKind : std::uint8_t { null, scalar, sequence, mapping };

struct YamlEntry;

struct YamlNode {
  NodeKind kind = NodeKind::null;
  bool plain = false;              ///< scalar: written without quotes and not as a block
  std::string text;                ///< scalar: its value; `!!binary` is decoded
  std::string tag;                 ///< scalar: explicit tag such as `!!str`; "" if none
  std::vector<YamlNode> items;     ///< sequence
  std::vector<YamlEntry> entries;  ///< mapping, in the order written, each key once
  Mark at;                         ///< of the value; for an alias, where the alias stands

  /// The entry's value, or null if there is none. Valid while this lives unchanged.
  [[nodiscard]] const YamlNode* find(std::string_view key) const;
};

struct YamlEntry {
  std::string key;
  Mark key_at;
  YamlNode value;
};

struct YamlDocument {
  YamlNode root;                ///< null if the text is empty
  bool more_documents = false;  ///< the text goes on after the first document
};

/// Ceilings on one text.
struct YamlLimits {
  std::size_t text_bytes = std::size_t{64} << 20;
  std::size_t alias_nodes = 1'000'000;              ///< nodes that aliases may add in all
  std::size_t alias_bytes = std::size_t{64} << 20;  ///< text that aliases may add in all
};

/// @param file  for messages only
/// Errors: invalid (`FILE:LINE:COLUMN: not valid YAML: ...`), limit; both with SourcePos.
Result<YamlDocument> parse_yaml(std::string_view text, const std::string& file,
                                const YamlLimits& limits = {});

/// An error about one place in a file; the text begins with `FILE:LINE:COLUMN: `.
[[nodiscard]] Error error_at(Code code, const std::string& file, Mark at, std::string_view text);

}  // namespace narthex::config
