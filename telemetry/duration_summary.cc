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
constexpr std::size_t kCounts = std::size_t{kPowers} * kParts;

std::size_t place_of(double seconds) {
  // Not a number, too: nothing that is measured.
  if (!(seconds > 0)) return 0;
  int exponent = 0;
  const double mantissa = std::frexp(seconds, &exponent);  // in [0.5, 1)
  const int power = exponent - 1 - kLeast;
  if (power < 0) return 0;
  if (power >= kPowers) return kCounts - 1;
  const auto part = static_cast<std::size_t>((mantissa - 0.5) * 2 * kParts);
  return static_cast<std::size_t>(power) * kParts + part;
}

/// The middle of what counts there.
double value_at(std::size_t place) {
  const auto power = static_cast<int>(place / kParts) + kLeast;
  const double part = (static_cast<double>(place % kParts) + 0.5) / kParts;
  return std::ldexp(1 + part, power);
}

}  // namespace

DurationSummary::DurationSummary() {
  for (auto& window : counts_) window.resize(kCounts);
}

void DurationSummary::observe(double seconds, Time now) {
  const std::size_t place = place_of(seconds);
  const sync::MutexLock lock(mutex_);
  if (now >= ends_) move_on(now);
  ++counts_[window_][place];
  ++count_;
  sum_ += seconds;
}

DurationSummary::State DurationSummary::state(const std::vector<double>& quantiles, Time now) {
  const sync::MutexLock lock(mutex_);
  if (now >= ends_) move_on(now);
  std::vector<std::uint64_t> recent(kCounts);
  std::uint64_t observed = 0;
  for (const auto& window : counts_) {
    for (std::size_t place = 0; place < kCounts; ++place) {
      recent[place] += window[place];
      observed += window[place];
    }
  }
  State state{count_, sum_, {}};
  for (const double q : quantiles) {
    if (observed == 0) {
      state.quantiles.push_back(std::numeric_limits<double>::quiet_NaN());
      continue;
    }
    const auto rank = std::max(1.0, std::ceil(q * static_cast<double>(observed)));
    std::size_t place = 0;
    for (std::uint64_t below = recent[0]; static_cast<double>(below) < rank && place + 1 < kCounts;)
      below += recent[++place];
    state.quantiles.push_back(value_at(place));
  }
  return state;
}

void DurationSummary::move_on(Time now) {
  const bool all = now - ends_ >= kWindow * kWindows;
  if (all) ends_ = now;
  for (std::size_t passed = 0; now >= ends_ && passed < kWindows; ++passed) {
    window_ = (window_ + 1) % kWindows;
    std::ranges::fill(counts_[window_], 0);
    ends_ += kWindow;
  }
  if (!all) return;
  for (auto& window : counts_) std::ranges::fill(window, 0);
}

}  // namespace narthex::telemetry
