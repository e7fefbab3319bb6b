// QueryState: what all operators of one running query share, and EvalContext: the grid on
// which one part of it is evaluated.
//
// Threads: one at a time (the query's own thread). Helpers (columns_ahead.h) read options and steps and ask
// the deadline; they leave labels, budget and annotations alone.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "model/clock.h"
#include "model/label_pool.h"
#include "model/regex.h"
#include "query/engine/annotation_collector.h"
#include "query/engine/memory_budget.h"
#include "query/engine/sample_stats.h"
#include "query/engine/steps.h"
#include "storage/querier.h"
#include "sync/stop_token.h"

namespace narthex::sync {
class ThreadPool;
}

namespace narthex::query {

class RepeatedPart;
class RepeatedSamples;
class QueryProfile;
struct EvalContext;

/// When a query has to end before it is done.
class QueryDeadline {
 public:
  /// @param stop    of the caller
  /// @param cancel  of whoever cancels running queries
  QueryDeadline(const Clock& clock, std::chrono::nanoseconds at, sync::StopToken stop, sync::StopToken cancel)
      : clock_(&clock), at_(at), stop_(std::move(stop)), cancel_(std::move(cancel)) {}
  /// @param where  ends the text: `query timed out in <where>`
  /// Errors: timeout, cancelled, limit (stopped for memory).
  [[nodiscard]] Result<void> check(std::string_view where = "expression evaluation") const;
  /// The same for what is done many times a millisecond: the clock, which costs more than the rest, is looked
  /// at one time in 16. @param number  of the asking
  [[nodiscard]] Result<void> check_often(std::size_t number) const {
    return number % 16 == 0 ? check() : check_stopped("expression evaluation");
  }
  [[nodiscard]] std::chrono::nanoseconds at() const { return at_; }
  [[nodiscard]] const Clock& clock() const { return *clock_; }

 private:
  [[nodiscard]] Result<void> check_stopped(std::string_view where) const;

  const Clock* clock_;
  std::chrono::nanoseconds at_;
  sync::StopToken stop_;
  sync::StopToken cancel_;
};

struct QueryState {
  QueryState(QueryBudget& budget_in, const QueryDeadline& deadline_in, storage::Querier& querier_in)
      : budget(budget_in), deadline(deadline_in), querier(querier_in) {}

  std::shared_ptr<LabelPool> shared_pool = std::make_shared<LabelPool>();  ///< may outlive the query
  LabelPool& pool = *shared_pool;
  QueryBudget& budget;
  const QueryDeadline& deadline;
  storage::Querier& querier;
  AnnotationCollector annotations;

  DurationMs lookback = 300'000;
  DurationMs default_subquery_step = 60'000;
  bool delayed_name_removal = false;
  bool use_start_timestamps = false;
  std::uint64_t regex_memory = Regex::kMaxMemory;  ///< of each regular expression
  Steps query_steps;                               ///< the query's own grid
  bool is_instant = false;                         ///< asked for without a step
  bool may_keep_ids = false;                       ///< QueryRequest's
  QueryProfile* profile = nullptr;                 ///< null: nobody asked for one
  sync::ThreadPool* helpers = nullptr;             ///< that work beside its thread; null: none
  std::uint32_t next_rank = 0;
  bool shares_parts = true;  ///< operators that are made now may be those of several places
  /// Parts that are written several times, by where they stand and the plan's number.
  std::map<std::pair<const EvalContext*, std::size_t>, std::shared_ptr<RepeatedPart>> repeated_parts;
  /// The same of range selectors.
  std::map<std::pair<const EvalContext*, std::size_t>, std::shared_ptr<RepeatedSamples>> repeated_samples;

  const NameId metric_name = pool.name(kMetricName);
  const NameId type_label = pool.name(kTypeLabel);
  const NameId unit_label = pool.name(kUnitLabel);

  /// For an operator whose arguments exist already.
  [[nodiscard]] Annotator annotator() { return Annotator(annotations, next_rank++); }
};

/// One part of a query on its grid.
struct EvalContext {
  QueryState& query;
  Steps steps;
  SampleStats& stats;

  [[nodiscard]] bool single_step() const { return steps.start == steps.end; }
};

}  // namespace narthex::query
