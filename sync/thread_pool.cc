#include "sync/thread_pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <thread>

namespace narthex::sync {

namespace {

/// The last stop for an exception: a bug, said on standard error as the log would say it
/// (which is not below this folder), and the thread lives on.
void run(const std::function<void()>& task) noexcept {
  try {
    task();
  } catch (const std::exception& e) {
    std::fprintf(stderr,
                 "level=ERROR source=thread_pool.cc msg=\"A pool task threw: this is a bug\" err=\"%s\"\n",
                 e.what());
  } catch (...) {
    std::fputs("level=ERROR source=thread_pool.cc msg=\"A pool task threw: this is a bug\"\n", stderr);
  }
}

/// One parallel_for: whoever comes takes the next index until none is left.
class Loop {
 public:
  Loop(std::size_t count, const std::function<void(std::size_t)>& body) : count_(count), body_(&body) {}

  void take_part() {
    std::size_t finished = 0;
    for (std::size_t i = next_.fetch_add(1); i < count_; i = next_.fetch_add(1)) {
      run([&] { (*body_)(i); });
      ++finished;
    }
    if (finished == 0) return;
    const MutexLock lock(mutex_);
    finished_ += finished;
    if (finished_ == count_) all_finished_.notify_all();
  }

  void wait() {
    const MutexLock lock(mutex_);
    while (finished_ < count_) all_finished_.wait(mutex_);
  }

 private:
  const std::size_t count_;
  const std::function<void(std::size_t)>* const body_;  ///< alive until wait() returned
  std::atomic<std::size_t> next_{0};
  Mutex mutex_;
  std::condition_variable_any all_finished_;
  std::size_t finished_ NARTHEX_GUARDED_BY(mutex_) = 0;
};

}  // namespace

/// A thread, and what it sleeps on while it is idle.
struct ThreadPool::Worker {
  std::condition_variable wake;
  std::thread thread;
};

ThreadPool::ThreadPool(std::size_t threads) {
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  workers_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    Worker& worker = *workers_.emplace_back(std::make_unique<Worker>());
    worker.thread = std::thread([this, &worker] { work(worker); });
    pthread_setname_np(worker.thread.native_handle(), ("pool-" + std::to_string(i)).c_str());
  }
}

ThreadPool::~ThreadPool() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  for (const auto& worker : workers_) worker->wake.notify_one();
  for (const auto& worker : workers_) worker->thread.join();
}

void ThreadPool::post(std::function<void()> task) {
  Worker* called = nullptr;
  {
    const MutexLock lock(mutex_);
    tasks_.push_back(std::move(task));
    if (!idle_.empty()) {
      called = idle_.back();
      idle_.pop_back();
    }
  }
  if (called) called->wake.notify_one();
}

void ThreadPool::parallel_for(std::size_t count, const std::function<void(std::size_t)>& body) {
  if (count == 0) return;
  const auto loop = std::make_shared<Loop>(count, body);
  // The caller takes part, so that this ends even if every pool thread is busy (or is the
  // caller). A helper that comes late finds nothing left.
  const std::size_t helpers = std::min(size(), count) - 1;
  for (std::size_t i = 0; i < helpers; ++i) post([loop] { loop->take_part(); });
  loop->take_part();
  loop->wait();
}

/// The condition variable gives the lock back and takes it again, which the analysis does not see.
std::function<void()> ThreadPool::take(Worker& worker) NARTHEX_UNCHECKED {
  std::unique_lock lock(mutex_.native());
  while (tasks_.empty()) {
    if (stopping_) return {};
    // Whoever calls it takes it off the list and has left a task, which another may be first to take.
    if (std::ranges::find(idle_, &worker) == idle_.end()) idle_.push_back(&worker);
    worker.wake.wait(lock);
  }
  std::erase(idle_, &worker);
  std::function<void()> task = std::move(tasks_.front());
  tasks_.pop_front();
  return task;
}

void ThreadPool::work(Worker& worker) {
  for (;;) {
    const auto task = take(worker);
    if (!task) return;
    run(task);
  }
}

}  // namespace narthex::sync
