#include "query/engine/engine.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <new>
#include <thread>

#include "query/engine/engine_metrics.h"
#include "query/engine/parsed_queries.h"
#include "query/engine/query_queue.h"
#include "query/engine/query_run.h"
#include "query/engine/small_queries.h"
#include "sync/mutex.h"
#include "sync/thread_pool.h"
#include "telemetry/log.h"

namespace narthex::query {

namespace {

/// A query that held more than this has left holes in the heap that are worth giving back.
constexpr std::uint64_t kTrimFromBytes = std::uint64_t{8} << 20;

std::uint64_t quarter_of_memory() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return std::uint64_t{1} << 30;
  return static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page) / 4;
}

EngineOptions with_machine_limits(EngineOptions options) {
  if (options.threads == 0) options.threads = std::max(1U, std::thread::hardware_concurrency());
  if (options.max_memory == 0) options.max_memory = quarter_of_memory();
  if (options.max_bytes == 0) options.max_bytes = options.max_memory / 2;
  // They are compiled before there is a budget to charge.
  constexpr std::uint64_t kLeastRegexMemory = std::uint64_t{1} << 20;
  options.parser.regex_memory =
      std::min(options.parser.regex_memory, std::max(options.max_bytes / 8, kLeastRegexMemory));
  return options;
}

/// A slot of the queue, and the query's entry among the active ones.
class SlotHolder {
 public:
  /// @param query  must outlive it
  SlotHolder(QueryQueue& queue, ActiveQueryFile* active, std::size_t slot, std::string_view query,
             bool is_small = false)
      : queue_(queue), active_(active), slot_(slot), is_small_(is_small) {
    if (!active_) return;
    if (is_small_)
      active_->begin_small(slot_, query);
    else
      active_->begin(slot_, query);
  }
  SlotHolder(const SlotHolder&) = delete;
  SlotHolder& operator=(const SlotHolder&) = delete;
  ~SlotHolder() {
    if (active_ && is_small_) active_->end_small(slot_);
    if (active_ && !is_small_) active_->end(slot_);
    queue_.give_back(slot_);
  }

 private:
  QueryQueue& queue_;
  ActiveQueryFile* active_;
  std::size_t slot_;
  bool is_small_;
};

}  // namespace

struct Engine::Impl {
  Impl(EngineOptions o, const Clock& c, telemetry::Registry* registry, std::unique_ptr<ActiveQueryFile> a)
      : options(with_machine_limits(std::move(o))),
        clock(c),
        queue(options.max_concurrency),
        running(clock),
        active(std::move(a)),
        pool(std::make_shared<MemoryPool>(options.max_memory)),
        subquery_step(options.default_subquery_step) {
    if (options.threads > 1) helpers = std::make_unique<sync::ThreadPool>(options.threads - 1);
    if (registry) metrics = std::make_unique<EngineMetrics>(*registry, options.max_concurrency);
  }

  [[nodiscard]] double seconds_since(std::chrono::nanoseconds start) const {
    return std::chrono::duration<double>(clock.steady() - start).count();
  }

  Result<QueryResult> evaluate(storage::Queryable& store, const QueryRequest& request,
                               const QueryDeadline& deadline, QueryProgress& progress, QueryStats& stats);
  /// @param max_bytes  that it may hold
  /// @param helpers    may be null
  Result<QueryResult> run_parsed(const Expr& root, storage::Queryable& store, const QueryRequest& request,
                                 const QueryDeadline& deadline, QueryProgress& progress, QueryStats& stats,
                                 std::uint64_t max_bytes, sync::ThreadPool* helpers);
  /// Counts and logs it.
  void note_ended(const QueryRequest& request, Result<QueryResult>& result, QueryStats stats);
  void log(const QueryRequest& request, const QueryStats& stats, const Error* error);

  const EngineOptions options;
  const Clock& clock;
  QueryQueue queue;
  RunningQueries running;
  std::unique_ptr<ActiveQueryFile> active;
  SmallQueries small;
  ParsedQueries parsed;
  std::shared_ptr<MemoryPool> pool;
  std::unique_ptr<sync::ThreadPool> helpers;  ///< of all queries; null: each works alone
  std::atomic<DurationMs> subquery_step;
  std::unique_ptr<EngineMetrics> metrics;
  sync::Mutex log_mutex;
  std::shared_ptr<QueryLog> query_log NARTHEX_GUARDED_BY(log_mutex);
  std::atomic<bool> log_failing = false;
};

Result<QueryResult> Engine::Impl::evaluate(storage::Queryable& store, const QueryRequest& request,
                                           const QueryDeadline& deadline, QueryProgress& progress,
                                           QueryStats& stats) {
  const auto queued = clock.steady();
  auto slot = queue.take(deadline);
  stats.queue_seconds = seconds_since(queued);
  if (metrics) metrics->observe_queue(stats.queue_seconds);
  if (!slot) return pass(slot);
  const SlotHolder holder(queue, active.get(), *slot, request.query);
  progress.is_running.store(true, std::memory_order_relaxed);

  const auto began = clock.steady();
  auto root = parse(request.query, options.parser);
  if (!root) return pass(root);
  auto result =
      run_parsed(**root, store, request, deadline, progress, stats, options.max_bytes, helpers.get());
  stats.eval_total_seconds = seconds_since(began);
  return result;
}

Result<QueryResult> Engine::Impl::run_parsed(const Expr& root, storage::Queryable& store,
                                             const QueryRequest& request, const QueryDeadline& deadline,
                                             QueryProgress& progress, QueryStats& stats,
                                             std::uint64_t max_bytes, sync::ThreadPool* with_helpers) {
  QueryBudget budget(options.max_samples, max_bytes, pool, request.query, progress);
  auto result = [&]() -> Result<QueryResult> {
    try {
      return run_query(
          root, store, request,
          {options, clock, deadline, budget, subquery_step.load(std::memory_order_relaxed), with_helpers},
          stats);
    } catch (const std::bad_alloc&) {
      // What a query holds is counted, but the machine may have less than the limit.
      return fail(Code::limit, "query ran out of memory in query execution");
    }
  }();
  // Before the budget tells the others that there is room.
  if (budget.peak_bytes() >= kTrimFromBytes) malloc_trim(0);
  return result;
}

void Engine::Impl::note_ended(const QueryRequest& request, Result<QueryResult>& result, QueryStats stats) {
  // A query that is no query was never evaluated: it is not logged.
  const bool was_evaluated = result || result.error().code != Code::invalid;
  if (was_evaluated) log(request, stats, result ? nullptr : &result.error());
  if (metrics) metrics->query_ended(stats);
  if (result) result->stats = std::move(stats);
}

void Engine::Impl::log(const QueryRequest& request, const QueryStats& stats, const Error* error) {
  std::shared_ptr<QueryLog> to;
  {
    const sync::MutexLock lock(log_mutex);
    to = query_log;
  }
  if (!to) return;
  const auto written = to->write(request, stats, error);
  if (!written && metrics) metrics->query_log_failed();
  // Said once, not for each query.
  if (!written && !log_failing.load()) telemetry::error("can't log query", {{"err", written.error().text}});
  log_failing = !written;
}

Engine::Engine(EngineOptions options, const Clock& clock, telemetry::Registry* registry,
               std::unique_ptr<ActiveQueryFile> active)
    : impl_(std::make_unique<Impl>(std::move(options), clock, registry, std::move(active))) {}

Engine::~Engine() = default;

Result<QueryResult> Engine::run(storage::Queryable& store, const QueryRequest& request,
                                const sync::StopToken& stop) {
  const auto start = impl_->clock.steady();
  DurationMs timeout = impl_->options.timeout;
  if (request.timeout && *request.timeout < timeout) timeout = *request.timeout;
  RunningQueries::Ticket ticket(impl_->running, request);
  const QueryDeadline deadline(impl_->clock, start + std::chrono::milliseconds(timeout), stop,
                               ticket.stop_token());
  if (impl_->metrics) impl_->metrics->query_began();
  QueryStats stats;
  auto result = impl_->evaluate(store, request, deadline, ticket.progress(), stats);
  stats.exec_total_seconds = impl_->seconds_since(start);
  impl_->note_ended(request, result, std::move(stats));
  return result;
}

std::optional<Result<QueryResult>> Engine::run_if_small(storage::Queryable& store,
                                                        const QueryRequest& request,
                                                        const sync::StopToken& stop) {
  Impl& self = *impl_;
  const auto start = self.clock.steady();
  if (!self.small.may_be_small(request, start)) return std::nullopt;
  const auto root = self.parsed.small(request.query, self.options.parser);
  if (!root) return std::nullopt;
  const auto slot = self.queue.take_free();
  if (!slot) return std::nullopt;
  QueryStats stats;
  auto result = [&] {
    const SlotHolder holder(self.queue, self.active.get(), *slot, request.query, true);
    RunningQueries::Ticket ticket(self.running, request);
    ticket.progress().is_running.store(true, std::memory_order_relaxed);
    const QueryDeadline deadline(self.clock, start + SmallQueries::kTime, stop, ticket.stop_token());
    return self.run_parsed(*root, store, request, deadline, ticket.progress(), stats,
                           std::min(self.options.max_bytes, SmallQueries::kBytes), nullptr);
  }();
  if (!result && (result.error().code == Code::limit || result.error().code == Code::timeout)) {
    self.small.note_given_up(
        request, start,
        result.error().code == Code::limit ? SmallQueries::Limit::bytes : SmallQueries::Limit::time);
    return std::nullopt;
  }
  stats.eval_total_seconds = stats.exec_total_seconds = self.seconds_since(start);
  if (self.metrics) {
    self.metrics->query_began();
    self.metrics->observe_queue(0);
  }
  self.note_ended(request, result, std::move(stats));
  return result;
}

void Engine::set_default_subquery_step(DurationMs step) {
  impl_->subquery_step.store(step, std::memory_order_relaxed);
}

void Engine::set_query_log(std::shared_ptr<QueryLog> log) {
  if (impl_->metrics) impl_->metrics->query_log_enabled(log != nullptr);
  impl_->log_failing = false;
  const sync::MutexLock lock(impl_->log_mutex);
  impl_->query_log = std::move(log);
}

const EngineOptions& Engine::options() const {
  return impl_->options;
}

std::uint64_t Engine::memory_used() const {
  return impl_->pool->used();
}

RunningQueries& Engine::running() {
  return impl_->running;
}

}  // namespace narthex::query
