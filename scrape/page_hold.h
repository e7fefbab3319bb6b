// PageHold: what a target exposed while the store was not open yet, as it came over the wire.
//
//   scrape -> held -> the store opens -> taken in, oldest first -> and from then on at once
//
// All targets share a room. Where a page does not fit, its target's oldest ones are given up for it.
// Held pages are in memory only: a server that dies before its store is open has not stored them.
//
// Threads: HoldRoom any; a PageHold one at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "scrape/scrape_cycle.h"
#include "scrape/scrape_metrics.h"
#include "sync/mutex.h"

namespace narthex::scrape {

/// The answer of a target, not looked into yet.
struct Page {
  ScrapeInput input;  ///< without a body
  std::string body;
  bool gzipped = false;
};

class HoldRoom {
 public:
  HoldRoom(std::uint64_t most_bytes, ScrapeMetrics& metrics) : most_(most_bytes), metrics_(metrics) {}

  /// @return  false: it does not fit
  bool take(std::uint64_t bytes);
  void give_back(std::uint64_t bytes);
  void count_held();
  void count_dropped();

 private:
  const std::uint64_t most_;
  ScrapeMetrics& metrics_;
  sync::Mutex mutex_;
  std::uint64_t used_ NARTHEX_GUARDED_BY(mutex_) = 0;
};

class PageHold {
 public:
  explicit PageHold(HoldRoom& room) : room_(room) {}
  ~PageHold();
  PageHold(const PageHold&) = delete;
  PageHold& operator=(const PageHold&) = delete;

  [[nodiscard]] bool empty() const { return pages_.empty(); }
  /// @param now  Clock::steady(): waiting is no part of a scrape's duration
  void add(Page page, std::chrono::nanoseconds now);
  /// The oldest one.
  std::optional<Page> take(std::chrono::nanoseconds now);

 private:
  struct Held {
    Page page;
    std::chrono::nanoseconds since;
    [[nodiscard]] std::uint64_t size_bytes() const { return sizeof(Held) + page.body.size(); }
  };
  void drop_oldest();

  HoldRoom& room_;
  std::deque<Held> pages_;
};

}  // namespace narthex::scrape
