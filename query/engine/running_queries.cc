#include "query/engine/running_queries.h"

namespace narthex::query {

RunningQueries::Ticket::Ticket(RunningQueries& of, const QueryRequest& request)
    : of_(of), request_(request), since_(of.clock_.now()) {
  const sync::MutexLock lock(of_.mutex_);
  id_ = of_.next_id_++;
  of_.tickets_.emplace(id_, this);
}

RunningQueries::Ticket::~Ticket() {
  const sync::MutexLock lock(of_.mutex_);
  of_.tickets_.erase(id_);
}

std::vector<RunningQuery> RunningQueries::list() const {
  std::vector<RunningQuery> out;
  const sync::MutexLock lock(mutex_);
  for (const auto& [id, ticket] : tickets_) {
    RunningQuery& q = out.emplace_back();
    const QueryProgress& progress = ticket->progress_;
    q.id = id;
    const QueryRequest& request = ticket->request_;
    q.query = request.query.substr(0, kShownQueryBytes);
    q.start = request.start;
    q.end = request.end;
    q.step = request.step;
    q.origin = request.origin;
    q.since = ticket->since_;
    q.is_running = progress.is_running.load(std::memory_order_relaxed);
    q.is_cancelled = ticket->stop_.token().stopped();
    q.series = progress.series.load(std::memory_order_relaxed);
    q.samples = progress.samples.load(std::memory_order_relaxed);
    q.bytes = progress.bytes.load(std::memory_order_relaxed);
    q.peak_bytes = progress.peak_bytes.load(std::memory_order_relaxed);
  }
  return out;
}

bool RunningQueries::cancel(std::uint64_t id) {
  const sync::MutexLock lock(mutex_);
  const auto found = tickets_.find(id);
  if (found == tickets_.end()) return false;
  found->second->stop_.stop(sync::StopReason::request);
  return true;
}

}  // namespace narthex::query
