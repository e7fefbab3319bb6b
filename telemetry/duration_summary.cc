#include "telemetry/duration_summary.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace narthex::telemetry {

namespace {

/// The first power of two is 2^kLeast seconds; what is shorter counts as that.
constexpr int kLeast = -24;
constexpr int kPowers = 34;
constexpr int kParts = 32;
constexpr std::size_t kPlaces = std::size_t{kPowers} * kParts;

std::size_t place_of(double seconds) {
  // Not a number, too: nothing that is measured.
  if (!(seconds > 0)) return 0;
  int exponent = 0;
  const double mantissa = std::frexp(seconds, &exponent);  // in [0.5, 1)
  const int power = exponent - 1 - kLeast;
  if (power < 0) return 0;
  if (power >= kPowers) return kPlaces - 1;
  const auto part = static_cast<std::size_t>((mantissa - 0.5) * 2 * kParts);
  return static_cast<std::size_t>(power) * kParts + part;
}

}  // namespace

DurationSummary::DurationSummary() {
  for (auto& window : places_) window.resize(kPlaces);
}

void DurationSummary::observe(double seconds, Time now) {
  const std::size_t number = place_of(seconds);
  const sync::MutexLock lock(mutex_);
  if (now >= ends_) move_on(now);
  Place& place = places_[window_][number];
  ++place.count;
  place.sum += seconds;
  ++count_;
  sum_ += seconds;
}

DurationSummary::State DurationSummary::state(const std::vector<double>& quantiles, Time now) {
  const sync::MutexLock lock(mutex_);
  if (now >= ends_) move_on(now);
  std::vector<Place> recent(kPlaces);
  std::uint64_t observed = 0;
  for (const auto& window : places_) {
    for (std::size_t i = 0; i < kPlaces; ++i) {
      recent[i].count += window[i].count;
      recent[i].sum += window[i].sum;
      observed += window[i].count;
    }
  }
  State state{count_, sum_, {}};
  for (const double q : quantiles) {
    if (observed == 0) {
      state.quantiles.push_back(std::numeric_limits<double>::quiet_NaN());
      continue;
    }
    const auto rank = std::max(1.0, std::ceil(q * static_cast<double>(observed)));
    std::size_t i = 0;
    for (std::uint64_t below = recent[0].count; static_cast<double>(below) < rank && i + 1 < kPlaces;)
      below += recent[++i].count;
    state.quantiles.push_back(recent[i].sum / static_cast<double>(recent[i].count));
  }
  return state;
}

void DurationSummary::move_on(Time now) {
  const bool all = now - ends_ >= kWindow * kWindows;
  if (all) ends_ = now;
  for (std::size_t passed = 0; now >= ends_ && passed < kWindows; ++passed) {
    window_ = (window_ + 1) % kWindows;
    std::ranges::fill(places_[window_], Place{});
    ends_ += kWindow;
  }
  if (!all) return;
  for (auto& window : places_) std::ranges::fill(window, Place{});
}

}  // namespace narthex::telemetry
