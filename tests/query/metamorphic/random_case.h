// RandomCase: series and one query, made from a number that is printed when a law is broken.
//
// A run tries some hundred cases; NARTHEX_LONG many thousand. NARTHEX_SEED=N tries that one.
// Threads: one at a time.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "model/clock.h"
#include "query/engine/engine.h"
#include "tests/query/random/random_query.h"
#include "tests/query/random/random_series.h"

namespace narthex::tests {

/// Cases that share their series: making these takes longer than a query.
inline constexpr std::uint64_t kCasesPerStore = 16;

struct RandomCase {
  std::uint64_t seed;
  [[nodiscard]] std::uint64_t store() const { return seed / kCasesPerStore; }
  [[nodiscard]] std::vector<query::LoadedSeries> data() const {
    Choices choices(store());
    return random_series(choices);
  }
  /// Decides about everything else; begins with the query.
  [[nodiscard]] Choices choices() const { return Choices(seed + (std::uint64_t{1} << 32)); }
  /// Half of the stores are asked by an engine as the server's, half as scripts are.
  [[nodiscard]] query::EngineOptions options() const {
    query::EngineOptions options;
    options.parser = {true, true, true, true};
    options.delayed_name_removal = store() % 2 == 1;
    options.use_start_timestamps = store() % 2 == 1;
    options.max_memory = std::uint64_t{1} << 30;
    return options;
  }
};

/// Those to try: the one of NARTHEX_SEED, or `some`, or with NARTHEX_LONG `many`.
inline std::vector<RandomCase> random_cases(std::uint64_t some, std::uint64_t many) {
  if (const char* one = std::getenv("NARTHEX_SEED")) return {{std::strtoull(one, nullptr, 10)}};
  const std::uint64_t count = std::getenv("NARTHEX_LONG") ? many : some;
  std::vector<RandomCase> cases;
  for (std::uint64_t n = 0; n < count; ++n) cases.push_back({n});
  return cases;
}

inline std::string replay(const RandomCase& c) {
  return "again with NARTHEX_SEED=" + std::to_string(c.seed);
}

}  // namespace narthex::tests
