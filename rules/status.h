// What rules and notifier tell of themselves: the rows of /api/v1/rules, /alerts and
// /alertmanagers. Copies, taken under the managers' locks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/labels.h"
#include "model/time.h"

namespace narthex::rules {

enum class AlertState : std::uint8_t { unknown, inactive, pending, firing };
enum class RuleHealth : std::uint8_t { unknown, ok, err };

struct AlertStatus {
  Labels labels;
  Labels annotations;
  AlertState state = AlertState::pending;
  Timestamp active_at = 0;
  Timestamp keep_firing_since = 0;  ///< 0 = not
  double value = 0;
};

struct RuleStatus {
  bool alerting = false;
  std::string name;
  std::string query;  ///< as the printer writes it
  Labels labels;
  RuleHealth health = RuleHealth::unknown;
  std::string last_error;
  double evaluation_seconds = 0;
  Timestamp last_evaluation = 0;  ///< 0 = never
  // alerting rules only:
  AlertState state = AlertState::unknown;
  DurationMs hold = 0;
  DurationMs keep_firing_for = 0;
  Labels annotations;
  std::vector<AlertStatus> alerts;
};

struct GroupStatus {
  std::string name;
  std::string file;
  DurationMs interval = 0;
  std::uint64_t limit = 0;
  double evaluation_seconds = 0;
  Timestamp last_evaluation = 0;  ///< 0 = never
  std::vector<RuleStatus> rules;
};

struct AlertmanagerStatus {
  std::vector<std::string> active_urls;
  std::vector<std::string> dropped_urls;
};

}  // namespace narthex::rules
