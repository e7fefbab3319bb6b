// Any text, run as a query at any times under small limits: an answer or an error, no crash, and
// all memory is given back. An instant query gives what a range query of that one step gives.
//
// The bytes: options in one, start and step in 8 each, the number of steps in one, then the text.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "model/clock.h"
#include "query/engine/engine.h"
#include "query/promql/text.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/query/promqltest/model_script_store.h"
#include "tests/query/random/exact_answer.h"
#include "tests/query/random/random_series.h"

using namespace narthex;
using namespace narthex::tests;

namespace {

constexpr std::int64_t kMostSteps = 20;

/// What the API lets through: times that are no extremes, and 11,000 steps; fewer here.
query::QueryRequest request(FuzzInput& in) {
  const auto word = [&] { return static_cast<std::int64_t>(std::uint64_t{in.u32()} << 32 | in.u32()); };
  constexpr std::int64_t kFarthest = 9'223'372'036'854'775;
  query::QueryRequest r;
  r.start = word() % kFarthest;
  const DurationMs step = word() % kFarthest;
  r.step = step > 0 ? step : 60'000;
  const std::int64_t steps = in.u8() % kMostSteps;
  r.end = r.step < (kFarthest - r.start) / kMostSteps ? r.start + r.step * steps : r.start;
  const io::Bytes text = in.rest();
  r.query.assign(reinterpret_cast<const char*>(text.data()), text.size());
  return r;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto store = [] {
    auto made = std::make_unique<ModelScriptStore>();
    Choices choices(std::uint64_t{1});
    if (!made->load(random_series(choices))) std::abort();
    return made;
  }();
  FuzzInput in(data, size);
  query::EngineOptions options;
  options.parser = {true, true, true, true};
  options.max_samples = 20'000;
  options.max_bytes = std::uint64_t{4} << 20;
  options.max_memory = std::uint64_t{16} << 20;
  options.delayed_name_removal = in.u8() % 2 == 1;
  options.use_start_timestamps = options.delayed_name_removal;
  const ManualClock clock{0};
  query::Engine engine(options, clock, nullptr);

  query::QueryRequest over = request(in);
  static_cast<void>(engine.run(store->queryable(), over, sync::StopToken()));

  query::QueryRequest one_step = over;
  one_step.end = one_step.start;
  query::QueryRequest instant = one_step;
  instant.step = 0;
  const ExactAnswer want = exact(engine.run(store->queryable(), one_step, sync::StopToken()));
  const ExactAnswer got = exact(engine.run(store->queryable(), instant, sync::StopToken()));
  // Range vectors and strings have no range query; step() is another one.
  if (!want.error && !got.error && !query::lower_case(over.query).contains("step"))
    if (const auto what = difference(want, got)) {
      std::fprintf(stderr, "as a range of one step, and at once\n  %s\n", what->c_str());
      std::abort();
    }
  if (engine.memory_used() != 0) std::abort();
  return 0;
}
