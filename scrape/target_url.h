// The address of a target, made of its labels.
//
// Threads: any.
#pragma once

#include <string>

#include "config/config.h"
#include "model/labels.h"

namespace narthex::scrape {

/// `__scheme__://__address____metrics_path__?params`: the job's params, the first value of each
/// replaced by the `__param_*` label if there is one; sorted by name, as Go writes them.
std::string target_url(const config::ScrapeConfig& job, const Labels& labels);

/// As seen from outside: `localhost` and its like replaced by the host of the external URL.
std::string global_url(const std::string& url, const std::string& external_url);

}  // namespace narthex::scrape
