#include "query/engine/engine.h"

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <new>

#include "query/engine/engine_metrics.h"
#include "query/engine/query_run.h"
#include "sync/mutex.h"

namespace narthex::query {

namespace {

std::uint64_t quarter_of_memory() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return std::uint64_t{1} << 30;
  return static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page) / 4;
}

/// At most so many queries at a time; the others wait.
class Slots {
 public:
  explicit Slots(std::size_t count) : free_(count) {}

  Result<void> take(const QueryDeadline& deadline) {
    // How late a waiting query notices that it was cancelled.
    constexpr auto kPoll = std::chrono::milliseconds(20);
    const sync::MutexLock lock(mutex_);
    while (free_ == 0) {
      if (auto going_on = deadline.check("query queue"); !going_on) return going_on;
      freed_.wait_for(mutex_, kPoll);
    }
    --free_;
    return {};
  }
  void give_back() {
    {
      const sync::MutexLock lock(mutex_);
      ++free_;
    }
    freed_.notify_one();
  }

 private:
  sync::Mutex mutex_;
  std::condition_variable_any freed_;
  std::size_t free_ NARTHEX_GUARDED_BY(mutex_);
};

class SlotHolder {
 public:
  explicit SlotHolder(Slots& slots) : slots_(slots) {}
  SlotHolder(const SlotHolder&) = delete;
  SlotHolder& operator=(const SlotHolder&) = delete;
  ~SlotHolder() { slots_.give_back(); }

 private:
  Slots& slots_;
};

}  // namespace

struct Engine::Impl {
  Impl(EngineOptions o, const Clock& c, prometheus::Registry* registry)
      : options(std::move(o)),
        clock(c),
        slots(options.max_concurrency),
        max_bytes(options.max_bytes != 0 ? options.max_bytes : quarter_of_memory()),
        subquery_step(options.default_subquery_step) {
    if (registry) metrics = std::make_unique<EngineMetrics>(*registry, options.max_concurrency);
  }

  [[nodiscard]] double seconds_since(std::chrono::nanoseconds start) const {
    return std::chrono::duration<double>(clock.steady() - start).count();
  }

  Result<QueryResult> evaluate(storage::Queryable& store, const QueryRequest& request,
                               const QueryDeadline& deadline, QueryStats& stats);

  EngineOptions options;
  const Clock& clock;
  Slots slots;
  std::uint64_t max_bytes;
  std::atomic<DurationMs> subquery_step;
  std::unique_ptr<EngineMetrics> metrics;
};

Result<QueryResult> Engine::Impl::evaluate(storage::Queryable& store, const QueryRequest& request,
                                           const QueryDeadline& deadline, QueryStats& stats) {
  const auto queued = clock.steady();
  auto slot = slots.take(deadline);
  stats.queue_seconds = seconds_since(queued);
  if (metrics) metrics->observe_queue(stats.queue_seconds);
  if (!slot) return pass(slot);
  const SlotHolder holder(slots);

  const auto began = clock.steady();
  auto root = parse(request.query, options.parser);
  if (!root) return pass(root);
  QueryBudget budget(options.max_samples, max_bytes);
  RunTimes times;
  auto result =
      run_query(**root, store, request,
                {options, clock, deadline, budget, subquery_step.load(std::memory_order_relaxed)}, times);
  stats.preparation_seconds = times.preparation;
  stats.inner_eval_seconds = times.inner_eval;
  stats.result_sort_seconds = times.result_sort;
  stats.eval_total_seconds = seconds_since(began);
  return result;
}

Engine::Engine(EngineOptions options, const Clock& clock, prometheus::Registry* registry)
    : impl_(std::make_unique<Impl>(std::move(options), clock, registry)) {}

Engine::~Engine() = default;

Result<QueryResult> Engine::run(storage::Queryable& store, const QueryRequest& request,
                                const sync::StopToken& stop) {
  const auto start = impl_->clock.steady();
  DurationMs timeout = impl_->options.timeout;
  if (request.timeout && *request.timeout < timeout) timeout = *request.timeout;
  const QueryDeadline deadline(impl_->clock, start + std::chrono::milliseconds(timeout), stop);
  if (impl_->metrics) impl_->metrics->query_began();
  QueryStats stats;
  auto result = [&]() -> Result<QueryResult> {
    try {
      return impl_->evaluate(store, request, deadline, stats);
    } catch (const std::bad_alloc&) {
      // What a query holds is counted, but the machine may have less than the limit.
      return fail(Code::limit, "query ran out of memory in query execution");
    }
  }();
  stats.exec_total_seconds = impl_->seconds_since(start);
  if (result) {
    stats.total_queryable_samples = result->stats.total_queryable_samples;
    stats.samples_read = result->stats.samples_read;
    stats.peak_samples = result->stats.peak_samples;
    stats.total_per_step = std::move(result->stats.total_per_step);
    stats.read_per_step = std::move(result->stats.read_per_step);
  }
  if (impl_->metrics) impl_->metrics->query_ended(stats);
  if (result) result->stats = std::move(stats);
  return result;
}

void Engine::set_default_subquery_step(DurationMs step) {
  impl_->subquery_step.store(step, std::memory_order_relaxed);
}

const EngineOptions& Engine::options() const {
  return impl_->options;
}

}  // namespace narthex::query
