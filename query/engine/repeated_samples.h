// RepeatedSamples: the samples of a range selector that stands at several places of a query, read once.
//
//   max_over_time(m[1h]) - min_over_time(m[1h])
//
// The series are selected once. Their samples are kept, up to a limit, until the last place has taken them;
// what was not kept is read again. Calls that are the same as a whole do not come here: see repeated_part.h.
//
// Threads: read() by any, everything else by one at a time.
#pragma once

#include <memory>
#include <vector>

#include "query/engine/operator.h"
#include "sync/mutex.h"

namespace narthex::query {

class RepeatedSamples {
 public:
  /// Charged to the query as soon as there are several places.
  static constexpr std::uint64_t kMostBytes = std::uint64_t{8} * 1024 * 1024;

  /// @param source  has reads()
  RepeatedSamples(EvalContext& context, RangeSourcePtr source);
  RepeatedSamples(const RepeatedSamples&) = delete;
  RepeatedSamples& operator=(const RepeatedSamples&) = delete;

  /// Adds a place; all of them before the first is opened.
  static RangeSourcePtr read_at(const std::shared_ptr<RepeatedSamples>& samples);

 private:
  class Place;

  struct Kept {
    std::shared_ptr<const storage::SampleColumns> samples;  ///< null: not yet, not any more, or never
    std::size_t takers = 0;
  };

  Result<std::vector<SeriesInfo>> open();
  Result<void> read(std::size_t i, storage::SampleColumns& out);
  std::shared_ptr<const storage::SampleColumns> take(std::size_t i);
  void keep(std::size_t i, const storage::SampleColumns& samples);

  EvalContext& context_;
  RangeSourcePtr source_;
  BudgetShare share_;
  std::size_t places_ = 0;
  bool is_open_ = false;
  std::size_t count_ = 0;           ///< of series
  std::vector<SeriesInfo> series_;  ///< for places behind the first
  sync::Mutex mutex_;
  std::vector<Kept> kept_ NARTHEX_GUARDED_BY(mutex_);  ///< of each series; empty: none are kept
  std::uint64_t bytes_ NARTHEX_GUARDED_BY(mutex_) = 0;
};

}  // namespace narthex::query
