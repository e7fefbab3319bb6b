// GroupLoop: evaluates one group at its slots, over reloads, until the group goes or the
// process does.
//
// Slots that passed while an evaluation ran, or while the machine slept, are counted as missed
// and never caught up. A group that a reload changed is exchanged between two evaluations, or
// at once if none runs; one that a reload took away leaves staleness markers two intervals
// later, when a group that took over its rules has had the time to write.
//
// Threads: run() is one coroutine; everything else any.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>

#include "model/clock.h"
#include "rules/group.h"
#include "sync/mutex.h"
#include "sync/stop_token.h"
#include "sync/thread_pool.h"

namespace narthex::net {
class Wake;
}

namespace narthex::rules {

class GroupLoop {
 public:
  GroupLoop(boost::asio::any_io_executor executor, sync::ThreadPool& pool, const Clock& clock,
            std::shared_ptr<Group> group);
  ~GroupLoop();

  static boost::asio::awaitable<void> run(std::shared_ptr<GroupLoop> self);

  /// From now on evaluates `next`, which takes over the state.
  void replace(std::shared_ptr<Group> next);
  /// The group is no longer configured: run() marks its series stale and returns.
  void retire();
  /// Ends queries under way; run() returns without staleness markers.
  void stop();

  /// The latest one given.
  [[nodiscard]] std::shared_ptr<Group> group() const;

 private:
  /// What run() does next.
  struct Step {
    enum class Kind : std::uint8_t { sleep, evaluate, retire, end };
    Kind kind = Kind::end;
    DurationMs sleep = 0;
    Timestamp slot = 0;
    std::int64_t missed = 0;
    std::shared_ptr<Group> group;
    sync::StopToken interrupt;
  };
  Step next_step();
  void evaluated();
  boost::asio::awaitable<void> leave_markers(std::shared_ptr<Group> group);
  void adopt_pending() NARTHEX_REQUIRES(mutex_);

  sync::ThreadPool& pool_;
  const Clock& clock_;
  const std::unique_ptr<net::Wake> wake_;
  const sync::StopSource cancel_;

  mutable sync::Mutex mutex_;
  std::shared_ptr<Group> group_ NARTHEX_GUARDED_BY(mutex_);
  std::shared_ptr<Group> pending_ NARTHEX_GUARDED_BY(mutex_);
  Timestamp last_slot_ NARTHEX_GUARDED_BY(mutex_) = 0;
  sync::StopSource interrupt_ NARTHEX_GUARDED_BY(mutex_);
  bool evaluating_ NARTHEX_GUARDED_BY(mutex_) = false;
  bool retired_ NARTHEX_GUARDED_BY(mutex_) = false;
  bool stopping_ NARTHEX_GUARDED_BY(mutex_) = false;
};

}  // namespace narthex::rules
