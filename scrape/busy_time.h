// BusyTime: when a thread that scrapes was at work, so that a scrape that was due meanwhile is not
// taken for late: it was called in time and waited for the thread.
//
//   due:                    v
//   thread:   idle |== page ==|= page =| (the timer is seen here: called at v)
//   due:         v
//   thread:   idle     |== page ==| (called when the thread woke: the system was late)
//
// Threads: that thread.
#pragma once

#include <algorithm>
#include <chrono>

namespace narthex::scrape {

class BusyTime {
 public:
  using Time = std::chrono::steady_clock::time_point;

  void begin(Time now) {
    if (now - end_ > kPause) begin_ = now;
  }
  void end(Time now) { end_ = now; }

  /// When a scrape that was due at `due` was called, if the thread sees its timer at `now`.
  [[nodiscard]] Time called_at(Time due, Time now) const {
    if (now - end_ > kPause) return now;
    return std::min(now, std::max(due, begin_));
  }

 private:
  /// Between two pages the thread sends and receives: that is work, too.
  static constexpr std::chrono::milliseconds kPause{1};

  Time begin_{};  ///< of a stretch of work without pauses
  Time end_{};    ///< of the last page
};

}  // namespace narthex::scrape
