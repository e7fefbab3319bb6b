#include "scrape/schedule.h"

#include <algorithm>

namespace narthex::scrape {

Timestamp first_scrape(Timestamp now, DurationMs interval, std::uint64_t hash, std::uint64_t seed) {
  // In nanoseconds, as Prometheus: the same targets get the same phases.
  constexpr std::int64_t kNanos = 1'000'000;
  const std::int64_t interval_ns = interval * kNanos;
  const std::int64_t now_ns = now * kNanos;
  const auto offset = static_cast<std::int64_t>((hash ^ seed) % static_cast<std::uint64_t>(interval_ns));
  std::int64_t wait = interval_ns - now_ns % interval_ns + offset;
  if (wait > interval_ns) wait -= interval_ns;
  return (now_ns + wait) / kNanos;
}

Timestamp latest_due(Timestamp due, Timestamp now, DurationMs interval) {
  return now - due >= interval ? due + (now - due) / interval * interval : due;
}

Timestamp sample_time(Timestamp due, Timestamp now, DurationMs interval, DurationMs tolerance) {
  return now - due <= std::min(interval / 100, tolerance) ? due : now;
}

}  // namespace narthex::scrape
