// ActiveQueryFile: `queries.active` in the data directory, which tells after a crash what the
// server was busy with.
//
// On disk: `[`, then 1000 bytes for each slot of the engine. A slot in use holds
//   {"query":"up","timestamp_sec":1700000000}
// then zero bytes, and `,` as its last byte; a free one is all zero. What remains after a crash
// becomes a JSON list by leaving out the zero bytes and making the last comma a bracket.
// Entries are written to the page cache, not synced: they outlive the process, which is enough
// to tell why it died. Small queries take less time than their entries would: they are written
// only if the process dies of a fault of its own (CrashNotes).
//
// Threads: any, each slot by one at a time.
// Source: Prometheus promql/query_logger.go
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "io/file_system.h"
#include "model/clock.h"
#include "model/result.h"
#include "query/engine/crash_notes.h"
#include "sync/mutex.h"

namespace narthex::query {

class ActiveQueryFile {
 public:
  /// Logs what the last run has left unfinished and starts anew. The clock must outlive it.
  /// Errors: io.
  static Result<std::unique_ptr<ActiveQueryFile>> open(io::FileSystem& fs, const std::string& directory,
                                                       std::size_t slots, const Clock& clock);

  /// A failure to write is logged, once, and does not concern the query.
  void begin(std::size_t slot, std::string_view query);
  void end(std::size_t slot);
  /// As begin() and end(), for small queries. @param query  must outlive end_small()
  void begin_small(std::size_t slot, std::string_view query) { small_.begin(slot, query); }
  void end_small(std::size_t slot) { small_.end(slot); }

 private:
  ActiveQueryFile(std::unique_ptr<io::WritableFile> file, std::string path, std::size_t slots,
                  const Clock& clock)
      : path_(std::move(path)), clock_(clock), small_(path_, slots), file_(std::move(file)) {}
  void write(std::size_t slot, std::string_view entry);

  const std::string path_;
  const Clock& clock_;
  CrashNotes small_;
  sync::Mutex mutex_;
  std::unique_ptr<io::WritableFile> file_ NARTHEX_GUARDED_BY(mutex_);
  bool failed_ NARTHEX_GUARDED_BY(mutex_) = false;
};

/// The entries of an old file as a JSON list; empty if there are none.
std::string unfinished_queries(std::string_view file);

}  // namespace narthex::query
