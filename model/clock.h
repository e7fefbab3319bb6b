// Clock: the only source of "now", so that tests own time.
//
// Threads: any.
#pragma once

#include <chrono>

#include "model/time.h"

namespace narthex {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Wall clock; may jump in either direction.
  [[nodiscard]] virtual Timestamp now() const = 0;
  /// Never goes backward; for durations and deadlines.
  [[nodiscard]] virtual std::chrono::nanoseconds steady() const = 0;
};

/// The machine's clock.
const Clock& system_clock();

/// A clock that stands still until it is told to move. Threads: any.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp now) : now_(now) {}
  [[nodiscard]] Timestamp now() const override { return __atomic_load_n(&now_, __ATOMIC_RELAXED); }
  [[nodiscard]] std::chrono::nanoseconds steady() const override { return std::chrono::milliseconds(now()); }
  void set(Timestamp t) { __atomic_store_n(&now_, t, __ATOMIC_RELAXED); }
  void advance(DurationMs by) { __atomic_fetch_add(&now_, by, __ATOMIC_RELAXED); }

 private:
  Timestamp now_;
};

}  // namespace narthex
