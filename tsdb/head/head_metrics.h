// HeadMetrics: the head's own numbers under Prometheus' names.
//
// Threads: any. Without a registry every counter goes nowhere.
#pragma once

#include <cstdint>
#include <memory>

#include "model/time.h"
#include "storage/appender.h"

namespace prometheus {
class Counter;
class Gauge;
class Registry;
}  // namespace prometheus

namespace narthex::tsdb {

struct HeadStats;

class HeadMetrics {
 public:
  /// @param registry  may be null: then one of our own counts for nobody
  explicit HeadMetrics(prometheus::Registry* registry);
  ~HeadMetrics();
  HeadMetrics(const HeadMetrics&) = delete;
  HeadMetrics& operator=(const HeadMetrics&) = delete;

  void count_appended(std::uint64_t floats, std::uint64_t histograms);
  void count_refused(storage::AppendFault fault, bool histogram);
  /// Late samples that were accepted.
  void count_out_of_order(std::uint64_t floats, std::uint64_t histograms);
  /// How much older than the newest sample of all a late one was, accepted or not.
  void observe_delay(DurationMs delay);
  void count_series_created(std::uint64_t n);
  void count_series_removed(std::uint64_t n);
  void count_chunks_created(std::uint64_t n);
  void count_chunks_removed(std::uint64_t n);
  /// @param kind  of the records: samples, exemplars, ...
  void count_unknown_refs(std::uint64_t n, const char* kind);
  /// The same in the log of late samples.
  void count_unknown_ooo_refs(std::uint64_t n, const char* kind);
  void count_truncation(double seconds);
  void count_failed_truncation();
  void add_active_appender(int by);
  void set_time_range(Timestamp mint, Timestamp maxt);
  void set_stats(const HeadStats& stats, std::uint64_t stale_series);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace narthex::tsdb
