// QueryLog: `query_log_file`, one JSON object per line for each query that was evaluated.
//
// {"time":...,"level":"INFO","source":...,"msg":"promql query logged","params":{"end":...,
//  "query":...,"start":...,"step":60},"error":...,"stats":{"timings":{...},"samples":{...}},
//  "spanID":"0...","traceID":"0...","httpRequest":{...} or "ruleGroup":{...}}
// A line is appended with one write. The file is opened anew at each reload, so that it can be
// rotated.
//
// Threads: any.
// Source: Prometheus promql/engine.go, exec; util/logging/file.go
#pragma once

#include <memory>
#include <string>

#include "io/file_system.h"
#include "model/clock.h"
#include "model/result.h"
#include "query/engine/request.h"
#include "query/engine/result.h"
#include "sync/mutex.h"

namespace narthex::query {

class QueryLog {
 public:
  /// Errors: io.
  static Result<std::shared_ptr<QueryLog>> open(io::FileSystem& fs, const std::string& path,
                                                const Clock& clock);

  /// @param error  why the query failed; null: it did not
  /// Errors: io.
  Result<void> write(const QueryRequest& request, const QueryStats& stats, const Error* error);

 private:
  QueryLog(std::unique_ptr<io::WritableFile> file, const Clock& clock)
      : clock_(clock), file_(std::move(file)) {}

  const Clock& clock_;
  sync::Mutex mutex_;
  std::unique_ptr<io::WritableFile> file_ NARTHEX_GUARDED_BY(mutex_);
};

}  // namespace narthex::query
