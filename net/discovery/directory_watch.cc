#include "net/discovery/directory_watch.h"

#include <sys/inotify.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>

namespace narthex::net {

namespace asio = boost::asio;

namespace {

constexpr std::uint32_t kChanges = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                   IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::size_t kBufferBytes = 16 * 1024;

}  // namespace

DirectoryWatch::DirectoryWatch(asio::any_io_executor executor) {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd >= 0) inotify_.emplace(std::move(executor), fd);
}

std::size_t DirectoryWatch::watch(const std::set<std::string>& directories) {
  if (!inotify_) return directories.size();
  sync::MutexLock lock(mutex_);
  const int fd = inotify_->native_handle();
  for (auto it = watched_.begin(); it != watched_.end();) {
    if (directories.contains(it->second)) {
      ++it;
      continue;
    }
    ::inotify_rm_watch(fd, it->first);  // fails if the directory is gone: then so is the watch
    it = watched_.erase(it);
  }
  std::size_t failed = 0;
  for (const std::string& directory : directories) {
    // For one that is watched already this gives the same number; for one made anew, a new watch.
    const int watch = ::inotify_add_watch(fd, directory.c_str(), kChanges);
    if (watch >= 0)
      watched_[watch] = directory;
    else
      ++failed;
  }
  return failed;
}

Awaitable<Result<std::set<std::string>>> DirectoryWatch::next_changes() {
  if (!inotify_) co_return fail(Code::unavailable, "inotify gives no instance");
  std::array<char, kBufferBytes> buffer{};
  auto [ec, count] =
      co_await inotify_->async_read_some(asio::buffer(buffer), asio::as_tuple(asio::use_awaitable));
  if (ec == asio::error::operation_aborted) co_return fail(Code::cancelled, "context canceled");
  if (ec) co_return fail(Code::io, "reading from inotify: " + ec.message());
  co_return directories_of({buffer.data(), count});
}

std::set<std::string> DirectoryWatch::directories_of(std::string_view events) {
  sync::MutexLock lock(mutex_);
  std::set<std::string> changed;
  while (events.size() >= sizeof(inotify_event)) {
    inotify_event event{};
    std::memcpy(&event, events.data(), sizeof event);
    events.remove_prefix(std::min(events.size(), sizeof event + event.len));
    if ((event.mask & IN_Q_OVERFLOW) != 0)
      for (const auto& [watch, directory] : watched_) changed.insert(directory);
    const auto it = watched_.find(event.wd);
    if (it == watched_.end()) continue;
    changed.insert(it->second);
    if ((event.mask & IN_IGNORED) != 0) watched_.erase(it);
  }
  return changed;
}

}  // namespace narthex::net
