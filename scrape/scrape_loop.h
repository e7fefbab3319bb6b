// ScrapeLoop: scrapes one target on its schedule, until it is retired.
//
//            +-------- wake: new settings --------+
//            v                                    |
//   wait for the due time --> GET --> inflate, parse, append (a large page: on the pool) --+
//            ^                                                                             |
//            +-----------------------------------------------------------------------------+
//   Until the store is open a page is held behind the GET, and taken in then.
//   retire(): finish the scrape under way, then wait two intervals and a bit, in which the
//   target may come back; then mark what it exposed as stale. Cancelled (shutdown): end at once,
//   no markers: the next start goes on where this one ended.
//
// Threads: adopt(), force_error() and retire() from any; run() is one coroutine.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "config/config.h"
#include "model/clock.h"
#include "net/http_client.h"
#include "net/task_group.h"
#include "net/wake.h"
#include "scrape/buffer_pool.h"
#include "scrape/busy_time.h"
#include "scrape/manager.h"
#include "scrape/page_hold.h"
#include "scrape/scrape_cycle.h"
#include "scrape/scrape_metrics.h"
#include "scrape/target.h"
#include "sync/mutex.h"

namespace narthex::scrape {

/// What the loops of one thread share; outlives them.
struct ScrapeContext {
  ScrapeContext(boost::asio::any_io_executor on, sync::ThreadPool& for_large_pages, storage::Appendable* into,
                HoldRoom& while_there_is_none, const Clock& time, const ScrapeOptions& how,
                ScrapeMetrics& counts)
      : executor(std::move(on)),
        pool(for_large_pages),
        store(into),
        hold_room(while_there_is_none),
        clock(time),
        options(how),
        metrics(counts),
        tasks(executor, "scrape loops", net::RunBy::one_thread) {}

  boost::asio::any_io_executor executor;
  sync::ThreadPool& pool;
  /// Null until it is open.
  std::atomic<storage::Appendable*> store;
  HoldRoom& hold_room;
  const Clock& clock;
  const ScrapeOptions& options;
  ScrapeMetrics& metrics;
  net::TaskGroup tasks;
  BufferPool buffers;
  BusyTime busy;  ///< of the executor's thread, and for it
};

class ScrapeLoop {
 public:
  struct Settings {
    std::shared_ptr<const config::ScrapeConfig> job;
    std::shared_ptr<net::HttpClient> client;
    std::uint64_t seed = 0;  ///< of the server, for first_scrape()
  };

  /// @param context  must outlive the task group in it
  ScrapeLoop(ScrapeContext& context, std::shared_ptr<Target> target, Settings settings,
             std::optional<Error> forced);

  static net::Awaitable<void> run(std::shared_ptr<ScrapeLoop> self);

  /// There is a store by now.
  void take_in_held() { wake_.wake(); }
  /// From the next scrape on.
  void adopt(Settings settings);
  /// Instead of scraping, every scrape fails with this; nothing: scrapes again.
  void force_error(std::optional<Error> error);
  /// Ends the loop. @param mark_stale  when the target does not come back
  void retire(bool mark_stale);

  [[nodiscard]] const Target& target() const { return *target_; }
  [[nodiscard]] Target& target() { return *target_; }

 private:
  enum class Life : std::uint8_t { running, retired, retired_silently };

  net::Awaitable<void> loop();
  void take_new_settings();
  net::Awaitable<void> scrape(Timestamp t);
  net::Awaitable<void> fetch(Page& page);
  net::Awaitable<void> take_in_all_held();
  net::Awaitable<void> take_in(Page page);
  ScrapeOutcome run_cycle(Page page);
  void count(const ScrapeInput& input, const ScrapeOutcome& outcome);
  [[nodiscard]] net::Request request() const;
  [[nodiscard]] CycleSettings cycle_settings() const;
  [[nodiscard]] std::uint64_t max_body() const;
  [[nodiscard]] Life life() const;
  /// Of the coroutine that waits for a target to come back, and of nobody else.
  static net::Awaitable<void> end_of_run(ScrapeContext& context, std::shared_ptr<ScrapeCycle> cycle,
                                         Timestamp next_due, DurationMs interval, std::string url);

  ScrapeContext& context_;
  const std::shared_ptr<Target> target_;
  net::Wake wake_;

  mutable sync::Mutex mutex_;
  std::optional<Settings> new_settings_ NARTHEX_GUARDED_BY(mutex_);
  std::optional<Error> forced_ NARTHEX_GUARDED_BY(mutex_);
  Life life_ NARTHEX_GUARDED_BY(mutex_) = Life::running;

  // Of the coroutine only.
  Settings settings_;
  /// By settings_.client; null: not yet.
  std::shared_ptr<const net::PreparedRequest> request_;
  std::shared_ptr<ScrapeCycle> cycle_;
  PageHold hold_;
  Timestamp due_ = 0;
  Timestamp last_ = 0;  ///< time of the last scrape; 0: none yet
  std::chrono::nanoseconds last_start_{};
  std::optional<ScrapeMetrics::Interval> interval_;  ///< from the second scrape on
  std::uint64_t usual_bytes_ = 0;                    ///< of the last answer, on the wire
  double metadata_entries_ = 0;                      ///< as counted for the job's metrics
  double metadata_bytes_ = 0;
  double cache_bytes_ = 0;  ///< likewise
};

}  // namespace narthex::scrape
