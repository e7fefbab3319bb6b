#include "tsdb/head/replay_lanes.h"

#include <algorithm>
#include <utility>

namespace narthex::tsdb {
namespace {

/// How far reading may be ahead of applying, in batches of a lane: with a few, whoever reads waits for one
/// lane while the others have nothing to do. All of them together still fit a cache that the cores share.
constexpr std::size_t kMostWaiting = 32;

}  // namespace

ReplayLanes::ReplayLanes(std::size_t threads, Apply apply)
    : apply_(std::move(apply)), threaded_(threads > 0) {
  threads = std::clamp<std::size_t>(threads, 1, kShards);
  for (std::size_t i = 0; i < threads; ++i) {
    workers_.push_back(std::make_unique<Worker>());
    Worker& worker = *workers_.back();
    worker.gathering.reserve(kBatch);
    if (threaded_) worker.thread = std::thread([this, &worker] { work(worker); });
  }
  for (std::size_t shard = 0; shard < kShards; ++shard)
    worker_of_shard_[shard] = workers_[shard % workers_.size()].get();
}

ReplayLanes::~ReplayLanes() {
  flush();
  for (const auto& worker : workers_) {
    {
      const sync::MutexLock lock(worker->mutex);
      worker->stopping = true;
    }
    worker->changed.notify_all();
    if (worker->thread.joinable()) worker->thread.join();
  }
}

void ReplayLanes::flush() {
  for (const auto& worker : workers_) hand_over(*worker);
}

void ReplayLanes::add_block(const std::shared_ptr<const ReplayBlock>& block) {
  for (const auto& worker : workers_) {
    const auto is_its = [&](const ReplaySection& s) { return worker_of_shard_[s.shard] == worker.get(); };
    if (!std::ranges::any_of(block->columns->sections, is_its)) continue;
    hand_over(*worker);
    if (threaded_)
      queue(*worker, {{}, block});
    else
      apply(*worker, {{}, block});
  }
}

void ReplayLanes::hand_over(Worker& worker) {
  if (worker.gathering.empty()) return;
  if (threaded_) {
    queue(worker, {std::exchange(worker.gathering, {}), nullptr});
    const sync::MutexLock lock(worker.mutex);
    if (!worker.free.empty()) {
      worker.gathering = std::move(worker.free.back());
      worker.free.pop_back();
    }
  } else {
    apply_.items(worker.gathering);
  }
  worker.gathering.clear();
  worker.gathering.reserve(kBatch);
}

void ReplayLanes::queue(Worker& worker, Work work) {
  bool is_idle;
  {
    const sync::MutexLock lock(worker.mutex);
    if (worker.waiting.size() >= kMostWaiting) {
      // For several at once, as work() says only then: waking up for each costs as much as applying some.
      while (worker.waiting.size() > kMostWaiting / 2) worker.changed.wait(worker.mutex);
    }
    is_idle = worker.waiting.empty();
    worker.waiting.push_back(std::move(work));
  }
  if (is_idle) worker.changed.notify_all();
}

void ReplayLanes::apply(const Worker& worker, const Work& work) const {
  if (work.block == nullptr) return apply_.items(work.items);
  for (const ReplaySection& section : work.block->columns->sections)
    if (worker_of_shard_[section.shard] == &worker) apply_.section(*work.block, section);
}

void ReplayLanes::drain() {
  flush();
  for (const auto& worker : workers_) {
    const sync::MutexLock lock(worker->mutex);
    while (worker->busy || !worker->waiting.empty()) worker->changed.wait(worker->mutex);
  }
}

void ReplayLanes::work(Worker& worker) {
  Work work;
  for (;;) {
    work.block.reset();
    bool has_room;
    {
      const sync::MutexLock lock(worker.mutex);
      if (work.items.capacity() > 0) worker.free.push_back(std::move(work.items));
      worker.busy = false;
      if (worker.waiting.empty()) worker.changed.notify_all();
      while (worker.waiting.empty() && !worker.stopping) worker.changed.wait(worker.mutex);
      if (worker.waiting.empty()) return;
      work = std::move(worker.waiting.front());
      worker.waiting.pop_front();
      has_room = worker.waiting.size() == kMostWaiting / 2;
      worker.busy = true;
    }
    if (has_room) worker.changed.notify_all();
    apply(worker, work);
  }
}

}  // namespace narthex::tsdb
