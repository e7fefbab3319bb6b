// StopToken: how a query, scrape or rule learns that it should end, and why.
//
// The reason picks the error code and so the HTTP status. Polled per series, never per
// sample. The first reason given stays.
//
// Threads: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "model/result.h"

namespace narthex::sync {

enum class StopReason : std::uint8_t {
  none,
  client_gone,
  deadline,
  memory,
  request,  ///< somebody asked for it
  shutdown,
};

class StopToken {
 public:
  StopToken() = default;  ///< never stops
  [[nodiscard]] StopReason reason() const {
    return state_ ? state_->load(std::memory_order_relaxed) : StopReason::none;
  }
  [[nodiscard]] bool stopped() const { return reason() != StopReason::none; }

 private:
  friend class StopSource;
  explicit StopToken(std::shared_ptr<std::atomic<StopReason>> s) : state_(std::move(s)) {}
  std::shared_ptr<std::atomic<StopReason>> state_;
};

class StopSource {
 public:
  StopSource() : state_(std::make_shared<std::atomic<StopReason>>(StopReason::none)) {}
  void stop(StopReason why) const {
    auto none = StopReason::none;
    state_->compare_exchange_strong(none, why, std::memory_order_relaxed);
  }
  [[nodiscard]] StopToken token() const { return StopToken(state_); }

 private:
  std::shared_ptr<std::atomic<StopReason>> state_;
};

}  // namespace narthex::sync
