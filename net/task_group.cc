#include "net/task_group.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <cstdint>
#include <exception>
#include <unordered_map>
#include <utility>

#include "model/check.h"
#include "sync/mutex.h"
#include "telemetry/log.h"

namespace narthex::net {

namespace asio = boost::asio;
using boost::system::error_code;

struct TaskGroup::State {
  struct Task {
    /// Runs one thing at a time.
    asio::any_io_executor strand;
    asio::cancellation_signal signal;  // touched on `strand` only
  };

  State(asio::any_io_executor on, std::string as, RunBy by)
      : executor(std::move(on)), name(std::move(as)), run_by(by), ended(executor, 1) {}

  /// On which a task runs one thing at a time.
  [[nodiscard]] asio::any_io_executor strand_on(asio::any_io_executor on) const {
    if (run_by == RunBy::one_thread) return on;
    return asio::make_strand(std::move(on));
  }

  void finish(std::uint64_t id, const std::exception_ptr& thrown);
  void report(const std::exception_ptr& thrown) const;

  asio::any_io_executor executor;
  std::string name;
  const RunBy run_by;
  mutable sync::Mutex mutex;
  std::unordered_map<std::uint64_t, std::shared_ptr<Task>> tasks NARTHEX_GUARDED_BY(mutex);
  std::uint64_t next_id NARTHEX_GUARDED_BY(mutex) = 0;
  bool closed NARTHEX_GUARDED_BY(mutex) = false;
  /// Holds one message at most: "the last task of a closed group has ended".
  asio::experimental::concurrent_channel<void(error_code)> ended;
};

void TaskGroup::State::finish(std::uint64_t id, const std::exception_ptr& thrown) {
  if (thrown) report(thrown);
  std::shared_ptr<Task> done;  // destroyed after the lock is given back
  sync::MutexLock lock(mutex);
  const auto it = tasks.find(id);
  check(it != tasks.end(), "a task ends once");
  done = std::move(it->second);
  tasks.erase(it);
  if (closed && tasks.empty()) ended.try_send(error_code{});
}

void TaskGroup::State::report(const std::exception_ptr& thrown) const {
  try {
    std::rethrow_exception(thrown);
  } catch (const boost::system::system_error& e) {
    // How Asio unwinds a coroutine that was cancelled.
    if (e.code() == asio::error::operation_aborted) return;
    telemetry::error("A task ended with an exception: please report this bug",
                     {{"group", name}, {"err", e.what()}});
  } catch (const std::exception& e) {
    telemetry::error("A task ended with an exception: please report this bug",
                     {{"group", name}, {"err", e.what()}});
  } catch (...) {
    telemetry::error("A task ended with an unknown exception: please report this bug", {{"group", name}});
  }
}

TaskGroup::TaskGroup(asio::any_io_executor executor, std::string name, RunBy run_by)
    : state_(std::make_shared<State>(std::move(executor), std::move(name), run_by)) {}

TaskGroup::~TaskGroup() {
  sync::MutexLock lock(state_->mutex);
  check(state_->tasks.empty(), "a task group is closed before it is destroyed");
}

bool TaskGroup::spawn(asio::awaitable<void> work) {
  return spawn_on(state_->strand_on(state_->executor), std::move(work));
}

bool TaskGroup::spawn(asio::any_io_executor executor, asio::awaitable<void> work) {
  return spawn_on(state_->strand_on(std::move(executor)), std::move(work));
}

bool TaskGroup::spawn_on(asio::any_io_executor strand, asio::awaitable<void> work) {
  auto task = std::make_shared<State::Task>(std::move(strand));
  std::uint64_t id = 0;
  {
    sync::MutexLock lock(state_->mutex);
    if (state_->closed) return false;
    id = state_->next_id++;
    state_->tasks.emplace(id, task);
  }
  // On the strand, because the slot is.
  asio::post(task->strand, [task, id, state = state_, work = std::move(work)]() mutable {
    asio::co_spawn(task->strand, std::move(work),
                   asio::bind_cancellation_slot(task->signal.slot(),
                                                [state, id](std::exception_ptr e) { state->finish(id, e); }));
  });
  return true;
}

asio::awaitable<void> TaskGroup::close() {
  const auto state = state_;
  {
    sync::MutexLock lock(state->mutex);
    state->closed = true;
    if (state->tasks.empty()) co_return;
    for (const auto& [id, task] : state->tasks)
      asio::post(task->strand,
                 [cancelled = task]() { cancelled->signal.emit(asio::cancellation_type::terminal); });
  }
  co_await state->ended.async_receive(asio::as_tuple(asio::use_awaitable));
  // A second caller of close() waits for the same message.
  state->ended.try_send(error_code{});
}

std::size_t TaskGroup::count() const {
  sync::MutexLock lock(state_->mutex);
  return state_->tasks.size();
}

}  // namespace narthex::net
