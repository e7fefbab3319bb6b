#include "tsdb/block/match_cache.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <utility>

namespace narthex::tsdb {
namespace {

std::size_t count_text(std::span<const Matcher> matchers) {
  std::size_t bytes = 0;
  for (const Matcher& m : matchers) bytes += m.name().size() + m.value().size();
  return bytes;
}

}  // namespace

bool MatchCache::Entry::is_of(std::span<const Matcher> others) const {
  return found != nullptr && std::ranges::equal(matchers, others, [](const Asked& a, const Matcher& b) {
           return a.op == b.op() && a.value == b.value() && a.name == b.name();
         });
}

std::size_t MatchCache::place_of(std::span<const Matcher> matchers) {
  std::uint64_t hash = 0;
  for (const Matcher& m : matchers) {
    hash = XXH3_64bits_withSeed(m.name().data(), m.name().size(), hash + static_cast<std::uint64_t>(m.op()));
    hash = XXH3_64bits_withSeed(m.value().data(), m.value().size(), hash);
  }
  return hash % kPlaces;
}

std::shared_ptr<const SeriesRefs> MatchCache::find(std::span<const Matcher> matchers) const {
  if (count_text(matchers) > kMostText) return nullptr;
  const std::size_t place = place_of(matchers);
  const sync::MutexLock lock(mutex_);
  const Entry& entry = entries_[place];
  return entry.is_of(matchers) ? entry.found : nullptr;
}

void MatchCache::add(std::span<const Matcher> matchers, std::shared_ptr<const SeriesRefs> found) const {
  if (found->size() > kMostSeries || count_text(matchers) > kMostText) return;
  Entry entry{{}, std::move(found)};
  for (const Matcher& m : matchers) entry.matchers.push_back({m.op(), m.name(), m.value()});
  const std::size_t place = place_of(matchers);
  const sync::MutexLock lock(mutex_);
  // What was there is freed behind the lock.
  std::swap(entries_[place], entry);
}

}  // namespace narthex::tsdb
