// A look at what the database takes of its machine: once a second, and before and after maintenance.
#include "telemetry/log.h"
#include "tsdb/db_impl.h"

namespace narthex::tsdb {
namespace {

/// See SeriesCeilings.
constexpr std::chrono::minutes kGrowthWindow{10};
/// Native histograms are walked for it.
constexpr std::chrono::seconds kBetweenMeasurements{10};
/// Between two lines of the log on refused series.
constexpr std::chrono::minutes kBetweenLines{1};

}  // namespace

void Db::Impl::watch_limits() {
  const sync::MutexLock guard(watch_mutex);
  head.set_read_only(disk.check().read_only);
  const auto now = clock.steady();
  if (!memory_measured || now - *memory_measured >= kBetweenMeasurements) {
    memory_measured = now;
    head.measure_memory();
  }
  if (!window_began || now - *window_began >= kGrowthWindow) {
    window_began = now;
    head.turn_growth_window();
  }
  if (!refusals_said || now - *refusals_said >= kBetweenLines) say_what_is_refused();
}

void Db::Impl::say_what_is_refused() {
  const CeilingStats stats = head.ceiling_stats();
  const std::uint64_t all = stats.all_refused();
  if (all == refusals_seen) return;
  telemetry::warn("New series are refused: a ceiling is reached; known series go on",
                  {{"refused", std::to_string(all - refusals_seen)},
                   {"last_job", stats.last_refused_job},
                   {"fastest_growing_label", stats.fastest_label},
                   {"its_new_values", std::to_string(stats.fastest_label_values)}});
  refusals_seen = all;
  refusals_said = clock.steady();
}

}  // namespace narthex::tsdb
