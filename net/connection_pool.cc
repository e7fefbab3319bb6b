#include "net/connection_pool.h"

#include <iterator>
#include <utility>

namespace narthex::net {

namespace {

constexpr std::chrono::minutes kMaxIdle{5};
constexpr std::chrono::seconds kSweepEvery{30};
/// Per origin: more than this many requests to one host at a time is not what we do.
constexpr std::size_t kMaxPerOrigin = 64;

}  // namespace

std::unique_ptr<Stream> ConnectionPool::take(const std::string& origin) {
  std::vector<Idle> dead;  // closed after the lock is given back
  sync::MutexLock lock(mutex_);
  const auto it = idle_.find(origin);
  if (it == idle_.end()) return nullptr;
  std::unique_ptr<Stream> found;
  while (!found && !it->second.empty()) {
    Idle last = std::move(it->second.back());
    it->second.pop_back();
    if (last.stream->is_quiet())
      found = std::move(last.stream);
    else
      dead.push_back(std::move(last));
  }
  return found;  // an origin without connections stays for a while: it will get this one back
}

void ConnectionPool::give(const std::string& origin, std::unique_ptr<Stream> stream) {
  const Time now = std::chrono::steady_clock::now();
  std::vector<Idle> dead;
  sync::MutexLock lock(mutex_);
  auto& streams = idle_[origin];
  if (streams.size() < kMaxPerOrigin)
    streams.push_back({std::move(stream), now});
  else
    dead.push_back({std::move(stream), now});
  if (now < next_sweep_) return;
  next_sweep_ = now + kSweepEvery;
  auto stale = remove_stale(now);
  std::move(stale.begin(), stale.end(), std::back_inserter(dead));
}

std::vector<ConnectionPool::Idle> ConnectionPool::remove_stale(Time now) {
  std::vector<Idle> stale;
  for (auto it = idle_.begin(); it != idle_.end();) {
    std::erase_if(it->second, [&](Idle& idle) {
      const bool old = now - idle.since > kMaxIdle || !idle.stream->is_quiet();
      if (old) stale.push_back(std::move(idle));
      return old;
    });
    it = it->second.empty() ? idle_.erase(it) : std::next(it);
  }
  return stale;
}

}  // namespace narthex::net
