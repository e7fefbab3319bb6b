// ScrapeOutcome: what came of one scrape, for the target's status, its report series and the metrics.
#pragma once

#include <cstddef>
#include <optional>

#include "model/result.h"

namespace narthex::scrape {

struct ScrapeOutcome {
  std::optional<Error> error;  ///< of the request or the page; `up` was 0
  double duration_seconds = 0;
  std::size_t scraped = 0;          ///< lines with samples
  std::size_t post_relabeling = 0;  ///< those that metric relabeling kept
  std::size_t series_added = 0;
  std::size_t duplicates = 0;  ///< refused samples, by reason
  std::size_t out_of_order = 0;
  std::size_t out_of_bounds = 0;
  std::size_t exemplars_out_of_order = 0;
  std::size_t refused_series = 0;  ///< for which the store had no room
  bool sample_limit_exceeded = false;
  bool label_limit_exceeded = false;
  bool cache_flushed = false;           ///< refused pages had filled the cache
  std::optional<Error> commit_failure;  ///< nothing of this scrape was stored
};

}  // namespace narthex::scrape
