#include "query/engine/parsed_queries.h"

#include <functional>
#include <utility>

#include "query/engine/small_queries.h"

namespace narthex::query {

std::shared_ptr<const Expr> ParsedQueries::small(const std::string& query, const ParserOptions& options) {
  const std::size_t place = std::hash<std::string>()(query) % kPlaces;
  {
    const sync::MutexLock lock(mutex_);
    if (const Entry& entry = entries_[place]; entry.root && entry.query == query) return entry.root;
  }
  auto parsed = parse(query, options);
  if (!parsed || !SmallQueries::has_short_steps(**parsed)) return nullptr;
  Entry entry{query, std::move(*parsed)};
  auto root = entry.root;
  // What had the place is let go behind the lock.
  const sync::MutexLock lock(mutex_);
  std::swap(entries_[place], entry);
  return root;
}

}  // namespace narthex::query
