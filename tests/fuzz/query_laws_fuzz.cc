// The bytes decide on a well-typed query over random series; every law of answers must hold.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "model/clock.h"
#include "query/engine/engine.h"
#include "tests/query/promqltest/model_script_store.h"
#include "tests/query/random/laws.h"
#include "tests/query/random/random_query.h"
#include "tests/query/random/random_series.h"

using namespace narthex;
using namespace narthex::tests;

namespace {

constexpr std::uint32_t kStores = 16;

/// Few, and kept: making one takes longer than asking it.
storage::Queryable& store(std::uint32_t number) {
  static std::map<std::uint32_t, std::unique_ptr<ModelScriptStore>> made;
  auto& store = made[number];
  if (!store) {
    store = std::make_unique<ModelScriptStore>();
    Choices choices(std::uint64_t{number});
    if (!store->load(random_series(choices))) std::abort();
  }
  return store->queryable();
}

Laws::Broken try_law(Laws& laws, std::uint32_t law, Choices& choices) {
  const RandomTimes times = random_times(choices);
  const Timestamp minute = times.start / 60'000 * 60'000;
  const bool by_steps = law == 0;
  const bool pinned = law == 5;
  const std::string query = random_query(
      choices, {.size = 10, .query_times = !by_steps && !pinned, .depend_on_other_steps = !by_steps});
  auto broken = [&] {
    switch (law) {
      case 0:
        return laws.range_equals_instants(query, times);
      case 1:
        return laws.printed_means_the_same(query, times);
      case 2:
        return laws.subquery_of_one_step_is_the_query(query, minute);
      case 3:
        return laws.limits_refuse_or_change_nothing(query, times, choices);
      case 4:
        return laws.result_is_well_formed(query, times);
      case 6:
        return laws.repeated_parts_change_nothing(query, times, choices);
      default:
        return laws.pinned_is_the_same_everywhere(query, minute);
    }
  }();
  if (broken) *broken = query + "\n  " + *broken;
  return broken;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices(std::span(data, size));
  const std::uint32_t law = choices.below(7);
  storage::Queryable& asked = store(choices.below(kStores));
  query::EngineOptions options;
  options.parser = {true, true, true, true};
  options.delayed_name_removal = choices.one_in(2);
  options.use_start_timestamps = choices.one_in(2);
  options.max_memory = std::uint64_t{256} << 20;
  const ManualClock clock{0};
  query::Engine engine(options, clock, nullptr);
  Laws laws(engine, asked);
  const auto broken = try_law(laws, law, choices);
  if (broken) std::fprintf(stderr, "%s\n", broken->c_str());
  if (broken || engine.memory_used() != 0) std::abort();
  return 0;
}
