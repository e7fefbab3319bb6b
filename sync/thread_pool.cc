#include "sync/thread_pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>

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

ThreadPool::ThreadPool(std::size_t threads) {
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  workers_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    workers_.emplace_back([this] { work(); });
    pthread_setname_np(workers_.back().native_handle(), ("pool-" + std::to_string(i)).c_str());
  }
}

ThreadPool::~ThreadPool() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::post(std::function<void()> task) {
  {
    const MutexLock lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
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

void ThreadPool::work() {
  for (;;) {
    std::function<void()> task;
    {
      const MutexLock lock(mutex_);
      while (tasks_.empty() && !stopping_) wake_.wait(mutex_);
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    run(task);
  }
}

}  // namespace narthex::sync
