#include "net/event_threads.h"

#include <pthread.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

namespace narthex::net {

namespace asio = boost::asio;

struct EventThreads::Loop {
  explicit Loop(const std::string& name) : thread([this] { io.run(); }) {
    pthread_setname_np(thread.native_handle(), name.c_str());
  }
  ~Loop() {
    io.stop();
    thread.join();
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// One thread: Asio wakes no other.
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> stay = asio::make_work_guard(io);
  std::thread thread;
};

EventThreads::EventThreads(std::size_t threads, const std::string& name) {
  loops_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i)
    loops_.push_back(std::make_unique<Loop>(name + "-" + std::to_string(i)));
}
EventThreads::~EventThreads() = default;

std::vector<asio::any_io_executor> EventThreads::executors() const {
  std::vector<asio::any_io_executor> executors;
  executors.reserve(loops_.size());
  for (const auto& loop : loops_) executors.emplace_back(loop->io.get_executor());
  return executors;
}

}  // namespace narthex::net
