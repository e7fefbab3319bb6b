// Alert: one label set for which an alerting rule's expression has a result, or had one.
//
//              expression has a result            held for `for`
//   (nothing) ------------------------> pending ----------------> firing
//       ^                                  |                        |
//       |             result gone          |      result gone, and keep_firing_for passed
//       +----------------------------------+                        v
//       +------------------------ 15 min after ----------------- inactive (resolved)
//
// Threads: values.
#pragma once

#include <string>

#include "model/labels.h"
#include "model/time.h"
#include "rules/status.h"

namespace narthex::rules {

/// A resolved alert is kept, and sent again, for so long: Alertmanager may miss a message.
inline constexpr DurationMs kResolvedRetention = 15LL * 60 * 1000;

/// Times are milliseconds since the epoch; 0 = never.
struct Alert {
  AlertState state = AlertState::pending;
  Labels labels;
  Labels annotations;
  double value = 0;
  Timestamp active_at = 0;
  Timestamp fired_at = 0;
  Timestamp resolved_at = 0;
  Timestamp last_sent_at = 0;
  Timestamp valid_until = 0;
  Timestamp keep_firing_since = 0;
};

/// What an Alertmanager is told.
struct Notification {
  Labels labels;
  Labels annotations;
  Timestamp starts_at = 0;
  Timestamp ends_at = 0;
  std::string generator_url;
};

}  // namespace narthex::rules
