// check: broken invariants end the process before they can corrupt data.
//
// For our own bugs only: no input from outside may reach a failing check.
// debug_check disappears where NDEBUG is set and is for inner loops.
#pragma once

#include <source_location>

namespace narthex {

/// Prints `why` with its place to standard error and aborts.
[[noreturn]] void check_failed(const char* why, std::source_location where) noexcept;

inline void check(bool holds, const char* why,
                  std::source_location where = std::source_location::current()) noexcept {
  if (!holds) [[unlikely]]
    check_failed(why, where);
}

#ifdef NDEBUG
inline void debug_check(bool, const char*) noexcept {}
#else
inline void debug_check(bool holds, const char* why,
                        std::source_location where = std::source_location::current()) noexcept {
  check(holds, why, where);
}
#endif

}  // namespace narthex
