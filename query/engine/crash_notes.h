// CrashNotes: queries that are too short to be noted in `queries.active` while they run, since the note would
// take longer than they do. They get there if the process dies of a fault of its own: by a signal handler,
// which then leaves the signal to whoever had it before. What ends a process from outside (kill -9, the
// kernel short of memory) is not their doing, and they are not noted then.
//
// Threads: any, each slot by one at a time. One instance at a time is heard by the handler, the newest.
// Source: Prometheus promql/query_logger.go, for the entries
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace narthex::query {

/// Of a slot in `queries.active`: the entry, zero bytes, a comma.
inline constexpr std::size_t kActiveEntryBytes = 1000;

class CrashNotes {
 public:
  /// Installs the handlers, for good.
  /// @param path  of a file that is long enough
  CrashNotes(std::string path, std::size_t slots);
  ~CrashNotes();
  CrashNotes(const CrashNotes&) = delete;
  CrashNotes& operator=(const CrashNotes&) = delete;

  /// @param query  must outlive end()
  void begin(std::size_t slot, std::string_view query);
  void end(std::size_t slot);
  /// Writes what runs to the file. Called by the handler: it neither allocates nor locks, and does nothing
  /// about failures.
  void write() const;

 private:
  struct Slot {
    std::atomic<const char*> text = nullptr;  ///< null: free
    std::atomic<std::size_t> size = 0;
  };
  const std::string path_;
  std::vector<Slot> slots_;
};

}  // namespace narthex::query
