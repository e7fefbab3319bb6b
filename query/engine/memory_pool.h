// MemoryPool: the bytes that all queries together may hold.
//
// Threads: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace narthex::query {

class MemoryPool {
 public:
  explicit MemoryPool(std::uint64_t limit) : limit_(limit) {}

  /// @return  false: the limit would be passed, and nothing is taken
  [[nodiscard]] bool take(std::uint64_t bytes) {
    std::uint64_t used = used_.load(std::memory_order_relaxed);
    do {
      if (bytes > limit_ - used) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
  }
  void give_back(std::uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  [[nodiscard]] std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t limit() const { return limit_; }

 private:
  const std::uint64_t limit_;
  std::atomic<std::uint64_t> used_ = 0;
};

/// Bytes of the pool that something holds for as long as it lives; made by taking them over.
class PooledBytes {
 public:
  PooledBytes(std::shared_ptr<MemoryPool> pool, std::uint64_t taken)
      : pool_(std::move(pool)), taken_(taken) {}
  PooledBytes(const PooledBytes&) = delete;
  PooledBytes& operator=(const PooledBytes&) = delete;
  ~PooledBytes() { pool_->give_back(taken_); }

 private:
  std::shared_ptr<MemoryPool> pool_;
  std::uint64_t taken_;
};

}  // namespace narthex::query
