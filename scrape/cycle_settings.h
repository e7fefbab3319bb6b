// CycleSettings: what decides how a target's page becomes samples; the same for many scrapes.
#pragma once

#include <memory>

#include "config/config.h"
#include "model/labels.h"
#include "model/time.h"

namespace narthex::scrape {

struct CycleSettings {
  std::shared_ptr<const config::ScrapeConfig> job;
  Labels target;  ///< its public labels
  DurationMs timeout = 10'000;
  bool type_and_unit_labels = false;
  bool metadata = false;     ///< tell the store what series measure
  bool starts = false;       ///< tell it when counters began: `_created` lines are no series then
  bool start_zeros = false;  ///< as samples of value 0, too
};

}  // namespace narthex::scrape
