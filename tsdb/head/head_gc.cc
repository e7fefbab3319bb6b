// Giving memory back after a block was cut.
#include <algorithm>

#include "model/value.h"
#include "tsdb/head/head.h"
#include "tsdb/head/head_replay.h"

namespace narthex::tsdb {
namespace {

/// Commits and queries get a turn between slices.
constexpr std::size_t kSlice = 1024;

}  // namespace

void Head::hide_before(Timestamp t) {
  state_.floor.store(std::max(t, state_.floor.load(std::memory_order_relaxed)), std::memory_order_release);
  hidden_from_serial_ = state_.isolation.next_serial();
  // Prometheus' head begins at the border as well, whatever its oldest sample is.
  if (mint() < t) state_.mint.store(t, std::memory_order_relaxed);
  if (maxt() < t && maxt() != kMinTime) state_.maxt.store(t, std::memory_order_relaxed);
}

std::optional<Head::Collected> Head::collect() {
  if (hidden_from_serial_ == 0) return Collected{};
  if (state_.isolation.has_reader_below(hidden_from_serial_)) return std::nullopt;
  const sync::MutexLock turn_to_collect(state_.collect_turn);
  Collected done;
  // What comes in while the sweep runs is not older than what is accepted when it begins. (What
  // is accepted when it has ended will not do: by then much may have come in, and be old already.)
  Timestamp oldest;
  {
    const ShardTurns turns(state_, kAllShards);
    oldest = state_.oldest_acceptable();
  }
  const Timestamp floor = state_.floor.load(std::memory_order_relaxed);
  const std::vector<Ordinal> dead = drop_chunks_before(floor, done, oldest);
  for (auto rest = std::span(dead); !rest.empty();) {
    const std::size_t shard = shard_of(rest.front());
    std::size_t count = 1;
    while (count < std::min(kSlice, rest.size()) && shard_of(rest[count]) == shard) ++count;
    forget_series(rest.first(count), done);
    rest = rest.subspan(count);
  }
  {
    const sync::MutexLock lock(state_.index_mutex);
    state_.index.dictionary().compact();
    state_.index.dictionary().optimize_postings();
  }
  forget_deletions_before(floor);
  raise_mint(oldest);
  hidden_from_serial_ = 0;
  state_.metrics.count_series_removed(done.series);
  state_.metrics.count_chunks_removed(done.chunks);
  return done;
}

void Head::raise_mint(Timestamp oldest) {
  if (state_.options.no_time_bounds) return;
  const ShardTurns turns(state_, kAllShards);
  if (oldest <= mint()) return;
  state_.mint.store(oldest, std::memory_order_relaxed);
  state_.min_valid.store(std::max(oldest, state_.min_valid.load(std::memory_order_relaxed)),
                         std::memory_order_relaxed);
}

std::vector<Ordinal> Head::drop_chunks_before(Timestamp t, Collected& done, Timestamp& oldest) {
  std::vector<Ordinal> dead;
  for (HeadShard& shard : state_.shards) {
    const std::size_t pages = shard.count_pages();
    for (std::size_t page = 0; page < pages; ++page) {
      const sync::MutexLock lock(shard.mutex);
      shard.for_each_of_page(page, [&](Ordinal o) NARTHEX_REQUIRES(shard.mutex) {
        HotSeries& s = shard.hot[o];
        const bool was_stale = !s.empty() && is_stale_nan(s.enc.v);
        done.chunks += shard.chunks.drop_before(s, shard.full[o], t);
        if (!s.empty()) {
          oldest = std::min(oldest, shard.chunks.mint(s, shard.full[o]));
          return;
        }
        shard.stale_series -= was_stale ? 1 : 0;
        dead.push_back(o);
      });
    }
  }
  return dead;
}

void Head::forget_series(std::span<const Ordinal> dead, Collected& done) {
  HeadShard& shard = state_.shard(dead.front());
  // The turn, so that no batch is between its look at the references and its sweep.
  const sync::MutexLock turn(shard.turn);
  const sync::MutexLock index_lock(state_.index_mutex);
  const sync::MutexLock shard_lock(shard.mutex);
  for (const Ordinal o : dead) {
    // Samples may have come since, and a series that a batch is about to log is not ours.
    if (shard.refs[o] == 0 || !shard.hot[o].empty() || !state_.index.is_published(o)) continue;
    done.refs.push_back(shard.refs[o]);
    ++done.series;
    shard.refs[o] = 0;
    shard.deleted.erase(o);
    shard.metadata.forget(o);
    state_.index.forget(o);
  }
}

}  // namespace narthex::tsdb
