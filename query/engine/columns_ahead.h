// ColumnsAhead: the columns of a selector's series, made by several threads and handed out in order.
//
//   series   0 ......... 10 | 11 ........ 21 | 22 ........ 32 | 33 ...
//            handed out     | made           | being made     | free: the next thread takes it
//                             ^ the query's thread is here
//
// The query's own thread hands out one series after another. Helpers from the engine's pool work ahead of it,
// a batch of neighbouring series at a time; so does the query's thread while the batch it needs is still
// being made. Whoever adds up columns therefore sees them in the order of the series, whatever the number of
// threads, and results are the same to the last bit.
//
// A batch ends early when its columns have grown large (native histograms); what is left of it is made one by
// one when it is asked for. The memory of all batches is charged beforehand; where there is no room for it,
// or where there are few series, the query's thread works alone.
//
// Threads: one at a time, as all operators; a ColumnMaker is used by one thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "query/engine/operator.h"

namespace narthex::query {

/// What was counted and noted while columns were made.
struct MakerNotes {
  SampleStats stats;
  AnnotationCollector annotations;
};

/// One series' column, and what it took.
struct MadeColumn {
  StepColumn column;
  std::uint64_t samples_read = 0;  ///< from the store
  std::uint64_t buffer_bytes = 0;  ///< that the maker holds between series
  std::uint64_t widest = 0;        ///< samples held at once beside what is charged
};

/// Makes columns of series by their numbers. Makers of one query work beside each other and beside the
/// query's own thread: what they share they only read.
class ColumnMaker {
 public:
  virtual ~ColumnMaker() = default;
  /// Overwrites `out`. Errors: those of the store, execution, timeout, cancelled.
  virtual Result<void> make(std::size_t series, MadeColumn& out, MakerNotes& notes) = 0;
};

using MakeColumnMaker = std::function<std::unique_ptr<ColumnMaker>()>;

/// May other threads than the query's own make columns?
enum class Helpers : std::uint8_t { none, welcome };

class ColumnsAhead {
 public:
  /// @param make_maker  called by each thread for a maker of its own
  ColumnsAhead(EvalContext& context, Helpers helpers, MakeColumnMaker make_maker);
  ColumnsAhead(const ColumnsAhead&) = delete;
  ColumnsAhead& operator=(const ColumnsAhead&) = delete;
  /// Waits for helpers that are at work.
  ~ColumnsAhead();

  /// Once, first.
  /// @param series  how many there are
  /// @param own     the maker of the query's own thread; null: one like those of the helpers
  void open(std::size_t series, std::unique_ptr<ColumnMaker> own = nullptr);
  /// Overwrites `out`, whose buffers are used again. @return  false after the last series
  /// Errors: of the makers; limit.
  Result<bool> next(StepColumn& out);

 private:
  struct Batch;
  class Crew;

  void call_crew();
  Result<MadeColumn*> take_from_crew();
  Result<MadeColumn*> make_alone();
  Result<void> account(const MadeColumn& made);
  void hand_over(MakerNotes& notes);

  EvalContext& context_;
  Helpers helpers_;
  MakeColumnMaker make_maker_;
  std::size_t series_ = 0;
  std::size_t next_ = 0;
  std::unique_ptr<ColumnMaker> maker_;  ///< of the query's own thread
  MadeColumn single_;                   ///< made where no batch has it
  MakerNotes notes_;                    ///< of those
  BudgetShare batches_share_;
  BudgetShare buffers_share_;
  std::size_t makers_ = 1;
  std::shared_ptr<Crew> crew_;  ///< null: the query's thread works alone
  Batch* batch_ = nullptr;      ///< that is handed out of
};

}  // namespace narthex::query
