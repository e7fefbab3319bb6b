// Result and Error: how everything that can fail in operation says so.
//
// A function that can meet bad input, a missing file, a full disk, corrupt bytes, a failed
// peer, a limit or a cancellation returns Result<T>. Exceptions are for broken invariants
// and for the borders to libraries that throw; none crosses a folder.
//
// Threads: values; share like any value.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace narthex {

/// What kind of failure it is; decides HTTP status and metric labels.
enum class Code : std::uint8_t {
  invalid,      ///< the input is wrong: a typo in a query, a bad configuration field
  not_found,    ///< the thing asked for does not exist
  corruption,   ///< bytes on disk or from a peer contradict their format
  io,           ///< the operating system refused: EIO, ENOSPC, EACCES, connection reset
  limit,        ///< a configured ceiling was reached
  cancelled,    ///< the caller went away or asked to stop
  timeout,      ///< a deadline passed
  unavailable,  ///< not ready yet, or already stopping
  execution,    ///< the query is well formed but cannot be evaluated on this data
  internal,     ///< our own bug, caught before it did harm
};

/// A place in a text: a file with line and column (1-based), or an offset in a query.
struct SourcePos {
  std::string file;          ///< empty for a query
  std::uint32_t line = 0;    ///< 1-based; 0 if unknown
  std::uint32_t column = 0;  ///< 1-based; 0 if unknown

  bool operator==(const SourcePos&) const = default;
};

/// Text says what, where, and what to do about it.
struct Error {
  Code code = Code::internal;
  std::string text;
  std::optional<SourcePos> at;

  /// Adds the caller's context in front: "opening WAL segment 00000003: <text>".
  [[nodiscard]] Error during(std::string_view what) && {
    text.insert(0, std::string(what) + ": ");
    return std::move(*this);
  }
  [[nodiscard]] Error during(std::string_view what) const& { return Error(*this).during(what); }

  bool operator==(const Error&) const = default;
};

/// std::expected that may not be dropped. GCC 12 has no and_then: write `if (!r) return ...`.
template <class T, class E = Error>
class [[nodiscard]] Result : public std::expected<T, E> {
 public:
  using std::expected<T, E>::expected;
  using std::expected<T, E>::operator=;
};

/// `return fail(Code::invalid, "...")` in a function that returns Result<T>.
[[nodiscard]] inline std::unexpected<Error> fail(Code code, std::string text) {
  return std::unexpected(Error{code, std::move(text), std::nullopt});
}
[[nodiscard]] inline std::unexpected<Error> fail_at(Code code, std::string text, SourcePos at) {
  return std::unexpected(Error{code, std::move(text), std::move(at)});
}
/// Hands an error on: `if (!r) return pass(r);` or with context `pass(r, "reading index")`.
template <class T>
[[nodiscard]] std::unexpected<Error> pass(Result<T>& r) {
  return std::unexpected(std::move(r).error());
}
template <class T>
[[nodiscard]] std::unexpected<Error> pass(Result<T>& r, std::string_view during) {
  return std::unexpected(std::move(r).error().during(during));
}

}  // namespace narthex
