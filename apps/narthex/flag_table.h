// The table of Prometheus 3.14's flags; see flags.h.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace narthex::apps {

enum class FlagKind : std::uint8_t { boolean, text, texts, duration, size, count, number };

enum class FlagSupport : std::uint8_t {
  heeded,
  ignored,   ///< means nothing here, by design (Go's runtime): no warning
  harmless,  ///< not supported yet; ignoring it is safe: warning if given
  refused,   ///< not supported yet; must keep its default
};

struct FlagRow {
  std::string_view name;
  FlagKind kind;
  std::string_view fallback;  ///< as text
  FlagSupport support;
  bool hidden;  ///< not in --help
  std::string_view help;
  /// Ours alone: the variable that says it where the flag is not given. Prometheus, which does not
  /// know the flag, starts all the same with the variable set.
  std::string_view environment = {};
};

std::span<const FlagRow> flag_table();

}  // namespace narthex::apps
