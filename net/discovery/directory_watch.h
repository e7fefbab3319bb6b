// DirectoryWatch: tells when something changes in one of many directories (inotify).
//
// One kernel instance for all of them: a machine has 128 for a user. Where the kernel gives
// none, nothing is told, and whoever asked must look again from time to time.
//
// Threads: any; the changes are read by one coroutine.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "net/stream.h"
#include "sync/mutex.h"

namespace narthex::net {

class DirectoryWatch {
 public:
  explicit DirectoryWatch(boost::asio::any_io_executor executor);

  /// Watches these and no others. @return how many cannot be watched
  std::size_t watch(const std::set<std::string>& directories);
  /// Waits for changes; their directories, all of those watched if the kernel lost count.
  /// Errors: cancelled, io, unavailable (inotify does not work here).
  Awaitable<Result<std::set<std::string>>> next_changes();

 private:
  std::set<std::string> directories_of(std::string_view events);

  std::optional<boost::asio::posix::stream_descriptor> inotify_;
  sync::Mutex mutex_;
  std::map<int, std::string> watched_ NARTHEX_GUARDED_BY(mutex_);
};

}  // namespace narthex::net
