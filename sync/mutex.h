// Mutex and MutexLock: std::mutex with the annotations that clang's thread safety analysis
// needs (libstdc++'s own carries none). Fields say NARTHEX_GUARDED_BY(mutex_), functions
// NARTHEX_REQUIRES(mutex_); the clang build checks them.
#pragma once

#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define NARTHEX_TSA(x) __attribute__((x))
#else
#define NARTHEX_TSA(x)
#endif
#define NARTHEX_GUARDED_BY(m) NARTHEX_TSA(guarded_by(m))
#define NARTHEX_REQUIRES(...) NARTHEX_TSA(requires_capability(__VA_ARGS__))
/// Why it is safe stands in a comment.
#define NARTHEX_UNCHECKED NARTHEX_TSA(no_thread_safety_analysis)
#define NARTHEX_EXCLUDES(...) NARTHEX_TSA(locks_excluded(__VA_ARGS__))

namespace narthex::sync {

class NARTHEX_TSA(capability("mutex")) Mutex {
 public:
  void lock() NARTHEX_TSA(acquire_capability()) { m_.lock(); }
  void unlock() NARTHEX_TSA(release_capability()) { m_.unlock(); }
  bool try_lock() NARTHEX_TSA(try_acquire_capability(true)) { return m_.try_lock(); }
  /// For condition variables only.
  std::mutex& native() { return m_; }

 private:
  std::mutex m_;
};

class NARTHEX_TSA(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& m) NARTHEX_TSA(acquire_capability(m)) : m_(m) { m_.lock(); }
  ~MutexLock() NARTHEX_TSA(release_capability()) { m_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& m_;
};

}  // namespace narthex::sync
