#include "query/engine/columns_ahead.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "sync/mutex.h"
#include "sync/thread_pool.h"

namespace narthex::query {

namespace {

/// Of the columns of a batch: with those of its neighbours they stay in the caches between threads.
constexpr std::size_t kBatchBytes = std::size_t{128} * 1024;
constexpr std::size_t kMostInBatch = 128;
constexpr std::size_t kLeastInBatch = 8;
/// Fewer series are done before a helper is awake.
constexpr std::size_t kFewSeries = 64;

struct BatchPlan {
  std::size_t series_per_batch;
  std::size_t batches_at_once;
  std::uint64_t bytes;  ///< of all batches, at most
};

BatchPlan plan_batches(std::size_t series, std::size_t steps, std::size_t threads) {
  const std::size_t column = steps * sizeof(double) + steps / 8 + sizeof(MadeColumn);
  const std::size_t fitting = std::clamp<std::size_t>(kBatchBytes / column, 1, kMostInBatch);
  const std::size_t fair = std::max(kLeastInBatch, series / (4 * threads));
  BatchPlan plan{std::min(fitting, fair), 2 * threads + 2, 0};
  // Twice: the last column of a batch may be the one that is too large.
  plan.bytes = std::uint64_t{plan.batches_at_once} * 2 * std::max(kBatchBytes, column);
  return plan;
}

}  // namespace

/// Neighbouring series. Written by the thread that took it; by the query's thread once it is ready.
struct ColumnsAhead::Batch {
  explicit Batch(const SampleStats& like) : notes{like.fresh(), {}} {}

  std::size_t first = 0;
  std::size_t size = 0;
  std::size_t made = 0;  ///< columns that are there
  Result<void> fault;    ///< of the series behind them
  std::vector<MadeColumn> columns;
  MakerNotes notes;
  bool ready = false;  ///< guarded by the crew's mutex
};

/// The batches of one operator and the helpers at work on them. Tasks that reach the pool's front too late
/// find it closed.
class ColumnsAhead::Crew : public std::enable_shared_from_this<Crew> {
 public:
  Crew(ColumnsAhead& owner, const BatchPlan& plan)
      : owner_(owner),
        pool_(*owner.context_.query.helpers),
        per_batch_(plan.series_per_batch),
        count_((owner.series_ + per_batch_ - 1) / per_batch_) {
    ring_.reserve(plan.batches_at_once);
    for (std::size_t i = 0; i < plan.batches_at_once; ++i) ring_.emplace_back(owner.context_.stats);
    const sync::MutexLock lock(mutex_);
    idle_.reserve(pool_.size());
  }

  /// The batch of `series`, ready; the query's thread makes others, or it, while it is not.
  Batch& batch_of(std::size_t series) {
    const std::size_t number = series / per_batch_;
    Batch& wanted = ring_[number % ring_.size()];
    for (;;) {
      Batch* mine = nullptr;
      {
        const sync::MutexLock lock(mutex_);
        while (!(number < taken_ && wanted.ready)) {
          mine = take();
          if (mine) break;
          waiting_ = true;
          changed_.wait(mutex_);
          waiting_ = false;
        }
        if (!mine) return wanted;
      }
      fill(*mine, *owner_.maker_);
      const sync::MutexLock lock(mutex_);
      mine->ready = true;
    }
  }

  /// The batch of `series` has been handed out.
  void give_back(std::size_t series) {
    std::size_t wanted = 0;
    {
      const sync::MutexLock lock(mutex_);
      handed_out_ = series / per_batch_ + 1;
      wanted = missing_helpers();
    }
    call_helpers(wanted);
  }

  void begin() {
    std::size_t wanted = 0;
    {
      const sync::MutexLock lock(mutex_);
      wanted = missing_helpers();
    }
    call_helpers(wanted);
  }

  /// From here on no helper touches the query.
  void close() {
    closing_.store(true, std::memory_order_relaxed);
    const sync::MutexLock lock(mutex_);
    closed_ = true;
    waiting_ = true;
    while (at_work_ > 0) changed_.wait(mutex_);
    // Tasks that come late keep this alive, not what belongs to the query.
    idle_.clear();
    ring_.clear();
  }

 private:
  /// The next batch that nobody has taken, if the ring has room for it.
  Batch* take() NARTHEX_REQUIRES(mutex_) {
    if (closed_ || taken_ == count_ || taken_ - handed_out_ == ring_.size()) return nullptr;
    Batch& batch = ring_[taken_ % ring_.size()];
    batch.first = taken_ * per_batch_;
    batch.size = std::min(per_batch_, owner_.series_ - batch.first);
    batch.made = 0;
    batch.fault = Result<void>();
    batch.ready = false;
    ++taken_;
    return &batch;
  }

  /// To be called in: none while there is little to do, since waking them costs as much.
  std::size_t missing_helpers() NARTHEX_REQUIRES(mutex_) {
    const std::size_t free = std::min(count_ - taken_, ring_.size() - (taken_ - handed_out_));
    if (free < std::min(ring_.size() / 2, count_ - taken_)) return 0;
    const std::size_t useful = std::min(pool_.size(), free);
    const std::size_t missing = useful - std::min(useful, at_work_ + called_);
    called_ += missing;
    return missing;
  }

  void call_helpers(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) pool_.post([crew = shared_from_this()] { crew->help(); });
  }

  void help() {
    std::unique_ptr<ColumnMaker> maker;
    {
      const sync::MutexLock lock(mutex_);
      --called_;
      if (closed_) return;
      ++at_work_;
      if (!idle_.empty()) {
        maker = std::move(idle_.back());
        idle_.pop_back();
      }
    }
    if (!maker) maker = new_maker();
    for (Batch* batch = nullptr;;) {
      {
        const sync::MutexLock lock(mutex_);
        if (batch) batch->ready = true;
        batch = maker ? take() : nullptr;
        if (waiting_) changed_.notify_all();
        if (!batch) {
          --at_work_;
          if (maker) idle_.push_back(std::move(maker));
          return;
        }
      }
      fill(*batch, *maker);
    }
  }

  /// Null: there is no memory for it, and the others go on without this helper.
  std::unique_ptr<ColumnMaker> new_maker() const {
    try {
      return owner_.make_maker_();
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }

  void fill(Batch& batch, ColumnMaker& maker) const {
    try {
      if (batch.columns.empty()) batch.columns.resize(per_batch_);
      std::size_t bytes = 0;
      while (batch.made < batch.size && bytes < 2 * kBatchBytes &&
             !closing_.load(std::memory_order_relaxed)) {
        MadeColumn& out = batch.columns[batch.made];
        batch.fault = maker.make(batch.first + batch.made, out, batch.notes);
        if (!batch.fault) return;
        bytes += out.column.size_bytes();
        ++batch.made;
      }
    } catch (const std::bad_alloc&) {
      batch.fault = fail(Code::limit, "query ran out of memory in query execution");
    } catch (const std::exception& e) {
      // Whoever waits for the batch must not wait for ever.
      batch.fault = fail(Code::internal, std::string("query failed by a bug: ") + e.what());
    }
  }

  ColumnsAhead& owner_;  ///< alive until close() returned
  sync::ThreadPool& pool_;
  const std::size_t per_batch_;
  const std::size_t count_;  ///< batches of all series
  std::vector<Batch> ring_;
  std::atomic<bool> closing_ = false;
  sync::Mutex mutex_;
  std::condition_variable_any changed_;
  std::size_t taken_ NARTHEX_GUARDED_BY(mutex_) = 0;  ///< batches, in order
  std::size_t handed_out_ NARTHEX_GUARDED_BY(mutex_) = 0;
  std::size_t called_ NARTHEX_GUARDED_BY(mutex_) = 0;   ///< helpers that have not come yet
  std::size_t at_work_ NARTHEX_GUARDED_BY(mutex_) = 0;  ///< helpers that have
  bool waiting_ NARTHEX_GUARDED_BY(mutex_) = false;     ///< the query's thread is
  bool closed_ NARTHEX_GUARDED_BY(mutex_) = false;
  std::vector<std::unique_ptr<ColumnMaker>> idle_ NARTHEX_GUARDED_BY(mutex_);
};

ColumnsAhead::ColumnsAhead(EvalContext& context, Helpers helpers, MakeColumnMaker make_maker)
    : context_(context),
      helpers_(helpers),
      make_maker_(std::move(make_maker)),
      notes_{context.stats.fresh(), {}},
      batches_share_(context.query.budget),
      buffers_share_(context.query.budget) {}

ColumnsAhead::~ColumnsAhead() {
  if (crew_) crew_->close();
}

void ColumnsAhead::open(std::size_t series, std::unique_ptr<ColumnMaker> own) {
  series_ = series;
  maker_ = own ? std::move(own) : make_maker_();
}

Result<bool> ColumnsAhead::next(StepColumn& out) {
  if (next_ == series_) return false;
  // Not before: whoever opened this may still open others, which select from the same store.
  if (next_ == 0) call_crew();
  auto made = crew_ ? take_from_crew() : make_alone();
  if (!made) return pass(made);
  if (auto fits = account(**made); !fits) return pass(fits);
  std::swap(out, (*made)->column);
  ++next_;
  if (batch_ && next_ == batch_->first + batch_->size) {
    hand_over(batch_->notes);
    crew_->give_back(std::exchange(batch_, nullptr)->first);
  }
  return true;
}

void ColumnsAhead::call_crew() {
  const QueryState& query = context_.query;
  // The times of a profile add up on one thread only.
  if (helpers_ == Helpers::none || !query.helpers || query.profile || series_ < kFewSeries) return;
  const std::size_t threads = query.helpers->size() + 1;
  const BatchPlan plan = plan_batches(series_, context_.steps.count(), threads);
  if (series_ <= plan.series_per_batch) return;
  if (!batches_share_.add(0, plan.bytes)) return;
  makers_ = threads;
  crew_ = std::make_shared<Crew>(*this, plan);
  crew_->begin();
}

Result<MadeColumn*> ColumnsAhead::take_from_crew() {
  if (!batch_) batch_ = &crew_->batch_of(next_);
  const std::size_t at = next_ - batch_->first;
  if (at < batch_->made) return &batch_->columns[at];
  if (at == batch_->made && !batch_->fault) return pass(batch_->fault);
  return make_alone();
}

Result<MadeColumn*> ColumnsAhead::make_alone() {
  auto made = maker_->make(next_, single_, notes_);
  hand_over(notes_);
  if (!made) return pass(made);
  return &single_;
}

Result<void> ColumnsAhead::account(const MadeColumn& made) {
  context_.query.budget.progress().read_series(made.samples_read);
  if (auto charged = buffers_share_.set_bytes(made.buffer_bytes * makers_); !charged) return charged;
  return context_.query.budget.check_passing(made.widest);
}

void ColumnsAhead::hand_over(MakerNotes& notes) {
  context_.stats.take(notes.stats);
  context_.query.annotations.take(notes.annotations);
}

}  // namespace narthex::query
