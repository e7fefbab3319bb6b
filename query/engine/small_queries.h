// Small queries: those that a thread with other things to do may evaluate itself, since handing them to
// another thread would cost more than they do.
//
// Nobody knows what a query costs before it has run. So it is tried under limits that are soon reached, and
// whoever tried it gives it up there; SmallQueries knows which queries are not worth trying: those in which a
// single step may take long before a limit is asked, and those that were given up lately.
//
// Threads: any.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "query/engine/request.h"
#include "query/promql/ast.h"

namespace narthex::query {

class SmallQueries {
 public:
  /// What a try may take. A small one ends at its bytes long before its time, which is the clock's: on a busy
  /// machine most of it may be others'.
  static constexpr std::chrono::milliseconds kTime{50};
  static constexpr std::uint64_t kBytes = 192 * 1024;

  /// By the text and the times alone, before it is parsed.
  /// @param now  of the steady clock
  [[nodiscard]] bool may_be_small(const QueryRequest& request, std::chrono::nanoseconds now) const;
  /// Whether every step of its evaluation is a short one: series are looked up by the values of labels, and
  /// the windows are short.
  [[nodiscard]] static bool has_short_steps(const Expr& root);
  enum class Limit { bytes, time };
  /// It is not worth a try for the next while: a minute if it wanted more bytes, which it will again, and two
  /// seconds if it ran out of time, which may have been the machine's fault.
  void note_given_up(const QueryRequest& request, std::chrono::nanoseconds now, Limit met);

 private:
  /// Those given up lately, each in the place of its key; a newer one takes the place of an older. The upper
  /// bits are the key's, the lower ones the second until which it is remembered.
  std::array<std::atomic<std::uint64_t>, 1024> given_up_{};
};

}  // namespace narthex::query
