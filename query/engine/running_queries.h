// RunningQueries: the queries that wait or run, as the API lists and cancels them.
//
// Threads: any. A query's own thread writes its progress without a lock; readers see it a
// moment late.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/clock.h"
#include "query/engine/request.h"
#include "sync/mutex.h"
#include "sync/stop_token.h"

namespace narthex::query {

/// How far a query is. Written by its thread only.
struct QueryProgress {
  std::atomic<bool> is_running = false;   ///< has left the queue
  std::atomic<std::uint64_t> series = 0;  ///< read from the store
  std::atomic<std::uint64_t> samples = 0;
  std::atomic<std::uint64_t> bytes = 0;  ///< held now
  std::atomic<std::uint64_t> peak_bytes = 0;

  void read_series(std::uint64_t samples_of_it) {
    series.store(series.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    samples.store(samples.load(std::memory_order_relaxed) + samples_of_it, std::memory_order_relaxed);
  }
};

/// One query as it was at the moment of asking.
struct RunningQuery {
  std::uint64_t id = 0;  ///< of this process' life
  std::string query;     ///< at most kShownQueryBytes of it
  Timestamp start = 0;
  Timestamp end = 0;
  DurationMs step = 0;  ///< 0: instant query
  QueryOrigin origin;
  Timestamp since = 0;
  bool is_running = false;  ///< false: it waits for a slot
  bool is_cancelled = false;
  std::uint64_t series = 0;
  std::uint64_t samples = 0;
  std::uint64_t bytes = 0;
  std::uint64_t peak_bytes = 0;
};

class RunningQueries {
 public:
  static constexpr std::size_t kShownQueryBytes = 10'000;

  explicit RunningQueries(const Clock& clock) : clock_(clock) {}

  /// A query's entry, for as long as it lives.
  class Ticket {
   public:
    /// The request must outlive it.
    Ticket(RunningQueries& of, const QueryRequest& request);
    ~Ticket();
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    QueryProgress& progress() { return progress_; }
    /// Stops when the query is cancelled by cancel().
    [[nodiscard]] sync::StopToken stop_token() const { return stop_.token(); }

   private:
    friend class RunningQueries;
    RunningQueries& of_;
    const QueryRequest& request_;
    QueryProgress progress_;
    sync::StopSource stop_;
    std::uint64_t id_ = 0;
    Timestamp since_ = 0;
  };

  /// The oldest first.
  [[nodiscard]] std::vector<RunningQuery> list() const;
  /// Asks one to end, which it does at its next series. @return  false: there is none of this id
  bool cancel(std::uint64_t id);

 private:
  const Clock& clock_;
  mutable sync::Mutex mutex_;
  std::map<std::uint64_t, const Ticket*> tickets_ NARTHEX_GUARDED_BY(mutex_);
  std::uint64_t next_id_ NARTHEX_GUARDED_BY(mutex_) = 1;
};

}  // namespace narthex::query
