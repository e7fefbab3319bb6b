// RepeatedPart: a part that is written several times in a query, evaluated once.
//
//   sum by (job) (rate(m[5m])) / on () group_left () sum(rate(m[5m]))
//                 ^^^^^^^^^^^                            ^^^^^^^^^^^ the same
//
// Each place reads the part as if it were its own. Columns are kept until the last place has taken them;
// should they become too many, one place reads on and the others evaluate the part themselves. Samples are
// counted and annotations made for each place, as by Prometheus, which evaluates it at each.
//
// Threads: one at a time.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "query/engine/operator.h"

namespace narthex::query {

class RepeatedPart {
 public:
  /// What is kept for places behind, at most.
  static constexpr std::uint64_t kMostBytes = std::uint64_t{8} * 1024 * 1024;

  /// @param outer  that all places stand in; must outlive this
  /// @param first  the place that is evaluated first
  RepeatedPart(EvalContext& outer, Span first);
  RepeatedPart(const RepeatedPart&) = delete;
  RepeatedPart& operator=(const RepeatedPart&) = delete;

  /// What the part's operators work in.
  [[nodiscard]] EvalContext& inner() { return inner_; }
  void set_source(VectorOperatorPtr source) { source_ = std::move(source); }

  /// Makes the part's operators for one place alone, in the context of all places.
  using MakeOwn = std::function<Result<VectorOperatorPtr>()>;
  /// Adds a place, in the order of evaluation; all of them before the first is opened.
  static VectorOperatorPtr read_at(const std::shared_ptr<RepeatedPart>& part, Span place, MakeOwn make_own);

 private:
  class Reader;

  /// A column that `takers` places have yet to take.
  struct Kept {
    StepColumn column;
    std::size_t takers;
    std::uint64_t bytes;
  };

  Result<std::vector<SeriesInfo>> open(const Reader& reader);
  /// Column `number`, or what comes next of the source. @return  false: there is no more
  Result<bool> take(const Reader& reader, std::size_t number, StepColumn& out);
  void keep(const Reader& reader, const StepColumn& column);
  void give_up(const Reader& reader);
  template <class Call>
  auto with_own_annotations(Call call);

  EvalContext& outer_;
  SampleStats stats_;
  EvalContext inner_;
  AnnotationCollector annotations_;
  VectorOperatorPtr source_;
  const Span first_;
  std::size_t places_ = 0;
  bool is_open_ = false;
  BudgetShare share_;
  std::vector<SeriesInfo> series_;
  std::deque<Kept> kept_;
  std::size_t produced_ = 0;       ///< columns that the source has yielded, the last of kept_ among them
  const Reader* alone_ = nullptr;  ///< who reads on since too much had to be kept
};

}  // namespace narthex::query
