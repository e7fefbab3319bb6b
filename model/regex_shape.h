// RegexShape: what a regular expression is when it is simple, so that matching needs no RE2:
// a finite set of strings (`GET|POST`, `node-[1-3]`), or literals with .* and .+ between them
// (`.*`, `api/.*`, `.+-canary`). Expressions beyond that may still have a literal prefix.
//
// Threads: values.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace narthex {

/// literals[0] gap[0] literals[1] gap[1] ... literals[n]; a gap is "at least so many runes".
struct RegexGlob {
  std::vector<std::string> literals;
  std::vector<std::size_t> gaps;

  [[nodiscard]] bool matches(std::string_view text) const;
};

/// At most one of `strings` and `glob` is set; if one is, the expression is well formed.
struct RegexShape {
  std::optional<std::vector<std::string>> strings;  ///< sorted, each once
  std::optional<RegexGlob> glob;
  std::string prefix;  ///< every match begins with it
};

/// Never fails: what it does not understand has no shape and an empty prefix.
RegexShape find_regex_shape(std::string_view pattern);

}  // namespace narthex
