#include "rules/group_loop.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "net/on_pool.h"
#include "net/wake.h"

namespace narthex::rules {

namespace {

std::chrono::steady_clock::time_point after(DurationMs ms) {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
}

}  // namespace

GroupLoop::GroupLoop(boost::asio::any_io_executor executor, sync::ThreadPool& pool, const Clock& clock,
                     std::shared_ptr<Group> group)
    : pool_(pool),
      clock_(clock),
      wake_(std::make_unique<net::Wake>(std::move(executor))),
      group_(std::move(group)) {
  last_slot_ = group_->slot_at(clock_.now());
}

GroupLoop::~GroupLoop() = default;

net::Awaitable<void> GroupLoop::run(std::shared_ptr<GroupLoop> self) {
  for (;;) {
    const Step step = self->next_step();
    switch (step.kind) {
      case Step::Kind::end:
        co_return;
      case Step::Kind::retire:
        co_return co_await self->leave_markers(step.group);
      case Step::Kind::sleep:
        co_await self->wake_->sleep_until(after(step.sleep));
        continue;
      case Step::Kind::evaluate:
        break;
    }
    if (step.missed > 0) step.group->count_missed(step.missed);
    // The pool's task borrows from `step`: a cancelled coroutine waits for its task.
    auto work = [&step, cancel = self->cancel_.token()]() {
      step.group->evaluate(step.slot, step.interrupt, cancel);
      return true;
    };
    co_await net::on_pool(self->pool_, std::move(work));
    self->evaluated();
  }
}

GroupLoop::Step GroupLoop::next_step() {
  const sync::MutexLock lock(mutex_);
  Step step;
  step.group = group_;
  if (stopping_) return step;
  if (retired_) {
    step.kind = Step::Kind::retire;
    return step;
  }
  const DurationMs interval = group_->settings().interval;
  const Timestamp now = clock_.now();
  // The clock was set back: slots begin anew from where it stands.
  if (last_slot_ > now) last_slot_ = group_->slot_at(now);
  const DurationMs since = now - last_slot_;
  if (since < interval) {
    step.kind = Step::Kind::sleep;
    step.sleep = interval - since;
    return step;
  }
  step.kind = Step::Kind::evaluate;
  step.missed = since / interval - 1;
  last_slot_ += since / interval * interval;
  step.slot = last_slot_;
  interrupt_ = sync::StopSource();
  step.interrupt = interrupt_.token();
  evaluating_ = true;
  return step;
}

void GroupLoop::evaluated() {
  const sync::MutexLock lock(mutex_);
  evaluating_ = false;
  adopt_pending();
}

void GroupLoop::adopt_pending() {
  if (!pending_) return;
  pending_->take_state_from(*group_);
  group_ = std::exchange(pending_, nullptr);
  last_slot_ = group_->slot_at(clock_.now());
}

void GroupLoop::replace(std::shared_ptr<Group> next) {
  {
    const sync::MutexLock lock(mutex_);
    pending_ = std::move(next);
    interrupt_.stop(sync::StopReason::shutdown);
    if (!evaluating_) adopt_pending();
  }
  wake_->wake();
}

void GroupLoop::retire() {
  {
    const sync::MutexLock lock(mutex_);
    retired_ = true;
    interrupt_.stop(sync::StopReason::shutdown);
  }
  wake_->wake();
}

void GroupLoop::stop() {
  {
    const sync::MutexLock lock(mutex_);
    stopping_ = true;
  }
  cancel_.stop(sync::StopReason::shutdown);
  wake_->wake();
}

std::shared_ptr<Group> GroupLoop::group() const {
  const sync::MutexLock lock(mutex_);
  return pending_ ? pending_ : group_;
}

net::Awaitable<void> GroupLoop::leave_markers(std::shared_ptr<Group> group) {
  Timestamp retired_at = clock_.now();
  {
    const sync::MutexLock lock(mutex_);
    // A marker at the time of the last sample would be refused.
    retired_at = std::max(retired_at, last_slot_ + 1);
  }
  group->retire();
  const auto until = after(2 * group->settings().interval);
  for (;;) {
    {
      const sync::MutexLock lock(mutex_);
      if (stopping_) co_return;
    }
    if (std::chrono::steady_clock::now() >= until) break;
    co_await wake_->sleep_until(until);
  }
  auto work = [group, retired_at]() {
    group->write_stale(retired_at);
    return true;
  };
  co_await net::on_pool(pool_, std::move(work));
}

}  // namespace narthex::rules
