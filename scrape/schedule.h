// When a target is scraped, and which time its samples get.
//
//   |--------- interval ---------|--------- interval ---------|
//   0            due                           due + interval        phase: hash XOR seed
//
// Threads: any.
// Source: Prometheus scrape/target.go (offset), scrape/scrape.go (run)
#pragma once

#include <cstdint>

#include "model/time.h"

namespace narthex::scrape {

/// The first scrape after `now`. Pinned to absolute time and spread over the interval by the
/// target's hash and the server's seed.
Timestamp first_scrape(Timestamp now, DurationMs interval, std::uint64_t hash, std::uint64_t seed);

/// The time of the scrape that is due at `now`, if `due` and perhaps others passed unused.
Timestamp latest_due(Timestamp due, Timestamp now, DurationMs interval);

/// The scheduled time if `now` is late by no more than the tolerance and 1 % of the interval, else
/// `now`: regular times compress better.
Timestamp sample_time(Timestamp due, Timestamp now, DurationMs interval, DurationMs tolerance);

}  // namespace narthex::scrape
