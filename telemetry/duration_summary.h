// DurationSummary: how long something took, as count, sum and quantiles of the last minutes.
//
// For what happens thousands of times a second: an observation is a lookup in an array and an addition,
// however many there were before. (prometheus-cpp's summaries keep a sorted list of samples, and move a good
// part of it for each.) Quantiles are told to within three hundredths of their value, and far better where
// what was observed is nearly the same, as the times between two scrapes are.
//
//   window   0 [..........]   1 [..........]   ...   of two minutes each; the oldest is emptied for the next
//   in each: count and sum for every 32nd part of a power of two of seconds, from 60 ns to 17 minutes
//
// Threads: any.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sync/mutex.h"

namespace narthex::telemetry {

class DurationSummary {
 public:
  using Time = std::chrono::steady_clock::time_point;

  struct State {
    std::uint64_t count = 0;        ///< since the beginning
    double sum = 0;                 ///< seconds, since the beginning
    std::vector<double> quantiles;  ///< as asked for; NaN: nothing was observed lately
  };

  DurationSummary();
  void observe(double seconds, Time now = std::chrono::steady_clock::now());
  /// @param quantiles  each between 0 and 1
  [[nodiscard]] State state(const std::vector<double>& quantiles,
                            Time now = std::chrono::steady_clock::now());

 private:
  static constexpr std::size_t kWindows = 5;
  static constexpr std::chrono::minutes kWindow{2};

  /// Of what is so nearly the same that it is not told apart.
  struct Place {
    double sum = 0;
    std::uint64_t count = 0;
  };

  /// Empties the windows that have passed since the last call.
  void move_on(Time now) NARTHEX_REQUIRES(mutex_);

  sync::Mutex mutex_;
  std::array<std::vector<Place>, kWindows> places_ NARTHEX_GUARDED_BY(mutex_);
  std::size_t window_ NARTHEX_GUARDED_BY(mutex_) = 0;
  Time ends_ NARTHEX_GUARDED_BY(mutex_){};  ///< of the window; before the first observation: long ago
  std::uint64_t count_ NARTHEX_GUARDED_BY(mutex_) = 0;
  double sum_ NARTHEX_GUARDED_BY(mutex_) = 0;
};

}  // namespace narthex::telemetry
