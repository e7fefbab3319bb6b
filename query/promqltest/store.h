// Store: where a script's series are kept; fresh and empty for each script and each `clear`.
//
// Threads: one at a time.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "model/result.h"
#include "query/promqltest/script.h"
#include "storage/appender.h"
#include "storage/querier.h"

namespace narthex::query {

class ScriptStore {
 public:
  virtual ~ScriptStore() = default;
  virtual storage::Queryable& queryable() = 0;
  /// Appends everything in one commit. Errors: invalid (a sample was refused), io.
  virtual Result<void> load(std::span<const LoadedSeries> series) = 0;
};

using StoreFactory = std::function<Result<std::unique_ptr<ScriptStore>>()>;

/// ScriptStore::load() for any appendable.
Result<void> load_into(storage::Appendable& store, std::span<const LoadedSeries> series);

}  // namespace narthex::query
