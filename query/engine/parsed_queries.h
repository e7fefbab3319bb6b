// ParsedQueries: the expressions of small queries that were parsed before. Dashboards and clients ask the
// same again and again.
//
// Each text has one place by its hash, and whoever comes later takes it. Only expressions that
// SmallQueries::has_short_steps() accepts are kept, of 1 KiB of text at most: their regular expressions
// are lists of words, and so they take a few kilobytes each.
//
// Threads: any.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "query/promql/ast.h"
#include "query/promql/parser.h"
#include "sync/mutex.h"

namespace narthex::query {

class ParsedQueries {
 public:
  /// Null: it is no expression, or none with short steps.
  std::shared_ptr<const Expr> small(const std::string& query, const ParserOptions& options);

 private:
  struct Entry {
    std::string query;
    std::shared_ptr<const Expr> root;
  };
  static constexpr std::size_t kPlaces = 256;

  sync::Mutex mutex_;
  std::array<Entry, kPlaces> entries_ NARTHEX_GUARDED_BY(mutex_);
};

}  // namespace narthex::query
