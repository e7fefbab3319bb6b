// ThreadPool: the threads that parse, query and evaluate rules; I/O threads never compute.
//
// Of the threads without work the one that worked last is called first: its caches are warm, and of a large
// pool only as many threads are busy, and have a heap of their own, as there is work for at once.
//
// Threads: post() from any; the destructor waits for what was posted.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "sync/mutex.h"

namespace narthex::sync {

class ThreadPool {
 public:
  /// @param threads  0 = one per core
  explicit ThreadPool(std::size_t threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// Runs `task` on a pool thread. A task must not throw: what escapes is logged as a bug.
  void post(std::function<void()> task);
  [[nodiscard]] std::size_t size() const { return workers_.size(); }

  /// Runs body(i) for every i < count on up to size() threads, the caller's included, and
  /// returns when all are done. Safe to call from a pool thread.
  void parallel_for(std::size_t count, const std::function<void(std::size_t)>& body);

 private:
  struct Worker;

  void work(Worker& worker);
  /// Waits for a task. @return  an empty one: the pool ends
  std::function<void()> take(Worker& worker);

  Mutex mutex_;
  std::deque<std::function<void()>> tasks_ NARTHEX_GUARDED_BY(mutex_);
  /// Without a task and not called yet; the last one is called first.
  std::vector<Worker*> idle_ NARTHEX_GUARDED_BY(mutex_);
  bool stopping_ NARTHEX_GUARDED_BY(mutex_) = false;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace narthex::sync
