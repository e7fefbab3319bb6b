// Regex: Go's regular expressions on top of RE2, always fully anchored, dot matches newline.
//
// Differences between RE2 and Go are ironed out here: \C is refused, (?<n>x) is accepted, error
// texts are Go's (`error parsing regexp: missing closing ): ...`), templates expand by Go's
// rules ($1, ${name}, $$; `$1_b` is the group named 1_b; of groups that share a name the first
// that matched counts).
// Alternations of literals and literal prefixes are recognised, so that most matchers never
// reach RE2.
//
// Threads: any, after construction.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/result.h"

namespace narthex {

class Regex {
 public:
  /// RE2's own default of 8 MiB refuses large alternations and makes others slow.
  static constexpr std::uint64_t kMaxMemory = std::uint64_t{256} << 20U;

  /// Compiles `^(?s:pattern)$`.
  /// @param max_memory  what program and automaton may take; a longer program is "too large"
  /// Errors: invalid with Go's text.
  static Result<Regex> compile(std::string_view pattern, std::uint64_t max_memory = kMaxMemory);

  [[nodiscard]] bool matches(std::string_view text) const;
  /// Go's Regexp.FindStringSubmatchIndex + Expand on a full match; nothing if no match.
  [[nodiscard]] std::optional<std::string> expand(std::string_view text, std::string_view replacement) const;
  [[nodiscard]] const std::string& pattern() const;
  /// About what the pattern and its program take.
  [[nodiscard]] std::uint64_t size_bytes() const;
  bool operator==(const Regex& o) const { return pattern() == o.pattern(); }
  /// If the pattern can match only these strings (an alternation of literals), all of them;
  /// empty otherwise. Valid while this lives.
  [[nodiscard]] const std::vector<std::string>& literal_set() const;
  /// Every match begins with it; "" if unknown.
  [[nodiscard]] std::string_view prefix() const;

 private:
  struct Impl;
  explicit Regex(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace narthex
