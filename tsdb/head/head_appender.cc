#include "tsdb/head/head_appender.h"

#include <xxhash.h>

#include <array>
#include <bit>
#include <cstdint>
#include <limits>

#include "model/value.h"

namespace narthex::tsdb {
namespace {

/// Readers get a turn between slices of a large batch.
constexpr std::size_t kSlice = 4096;
/// How far ahead lines are asked for; bench/append_bench.
constexpr std::size_t kHotAhead = 16;
constexpr std::size_t kChunkAhead = 8;

}  // namespace

struct HeadAppender::Applied {
  storage::CommitStats& stats;
  Timestamp mint = kMaxTime;
  Timestamp maxt = kMinTime;
  std::uint64_t chunks = 0;
};

HeadAppender::HeadAppender(HeadState& head) : head_(head) {}

HeadAppender::~HeadAppender() {
  rollback();
}

void HeadAppender::begin() {
  if (active_) return;
  active_ = true;
  head_.metrics.add_active_appender(1);
}

Result<storage::SeriesRef, storage::AppendFault> HeadAppender::series(const Labels& labels) {
  begin();
  const sync::MutexLock index_lock(head_.index_mutex);
  const auto acquired = head_.index.acquire(labels);
  if (!acquired) return std::unexpected(acquired.error());

  const sync::MutexLock shard_lock(head_.shard.mutex);
  const Ordinal o = acquired->ordinal;
  if (acquired->created) head_.shard.add(o, head_.draw_ref(), stagger_of(labels));
  const WalRef ref = head_.shard.refs[o];
  // Pending by another batch: whoever commits first logs it, so both must be able to.
  if (acquired->pending) new_series_.push_back({o, {ref, labels}});
  return make_ref(o, ref);
}

void HeadAppender::append(std::span<const storage::RefSample> samples) {
  begin();
  if (samples_.capacity() == 0) samples_ = head_.batches.take();
  samples_.insert(samples_.end(), samples.begin(), samples.end());
}

Result<storage::CommitStats> HeadAppender::commit() {
  storage::CommitStats stats;
  if (samples_.empty() && new_series_.empty()) {
    clear();
    return stats;
  }
  {
    const sync::MutexLock turn(head_.commit_turn);
    resolve(stats);
    if (auto logged = log(); !logged) {
      forget_series();
      clear();
      return pass(logged);
    }
    // After the log: a crash from here on replays this batch. Before publish(): no query sees
    // half of it.
    const Isolation::Commit commit = head_.isolation.begin_commit();
    publish_series();
    sweep(commit, stats);
    head_.isolation.publish(commit.id);
    if (head_.records.capacity() > kKeptSamples) {
      head_.records = {};
      head_.samples_bytes = {};
    }
  }
  head_.metrics.count_commit(stats.appended, stats.refused);
  head_.metrics.set_time_range(head_.mint.load(std::memory_order_relaxed),
                               head_.maxt.load(std::memory_order_relaxed));
  clear();
  return stats;
}

void HeadAppender::resolve(storage::CommitStats& stats) {
  head_.records.clear();
  head_.records.reserve(samples_.size());
  const sync::MutexLock lock(head_.shard.mutex);
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    storage::RefSample& s = samples_[i];
    if (!head_.shard.holds(s.ref)) [[unlikely]] {
      stats.refused.push_back({i, storage::AppendFault::unknown_series});
      s.ref = storage::SeriesRef::none;
      continue;
    }
    head_.records.push_back({head_.shard.refs[ordinal_of(s.ref)], s.t, s.v});
  }
}

Result<void> HeadAppender::log() {
  if (head_.closed) return fail(Code::unavailable, "the database is closing: nothing more is accepted");
  if (head_.wal == nullptr) return {};
  std::array<io::Bytes, 2> records;
  std::size_t n = 0;
  if (!new_series_.empty()) {
    std::vector<SeriesRecord> series;
    series.reserve(new_series_.size());
    for (const NewSeries& s : new_series_) series.push_back(s.record);
    head_.series_bytes.clear();
    encode_series(series, head_.series_bytes);
    records[n++] = head_.series_bytes;
  }
  if (!head_.records.empty()) {
    head_.samples_bytes.clear();
    encode_samples(head_.records, head_.samples_bytes);
    records[n++] = head_.samples_bytes;
  }
  if (n == 0) return {};
  return head_.wal->log(std::span(records).first(n));
}

void HeadAppender::publish_series() {
  if (new_series_.empty()) return;
  std::uint64_t published = 0;
  const sync::MutexLock lock(head_.index_mutex);
  for (const NewSeries& s : new_series_) {
    if (head_.index.is_published(s.ordinal)) continue;
    head_.index.publish(s.ordinal);
    ++published;
  }
  head_.metrics.count_series_created(published);
}

void HeadAppender::sweep(Isolation::Commit commit, storage::CommitStats& stats) {
  const Timestamp oldest = head_.oldest_acceptable();
  Applied applied{stats};
  const std::size_t unknown = stats.refused.size();
  for (std::size_t begin = 0; begin < samples_.size(); begin += kSlice) {
    const sync::MutexLock lock(head_.shard.mutex);
    if (commit.id - head_.shard.epoch >= std::numeric_limits<std::uint32_t>::max()) {
      rebase_commits(head_.shard, commit.oldest_reader);
    }
    if (begin == 0 && head_.shard.side.size() > 0) head_.shard.side.trim(commit.oldest_reader);
    const std::size_t count = std::min(kSlice, samples_.size() - begin);
    sweep_slice(head_.shard, std::span(samples_).subspan(begin, count), begin, commit, oldest, applied);
  }
  if (unknown > 0 && stats.refused.size() > unknown) {
    std::ranges::sort(stats.refused, {}, &storage::RefusedSample::index);
  }
  head_.widen(applied.mint, applied.maxt);
  if (applied.chunks > 0) head_.metrics.count_chunks_created(applied.chunks);
}

// hot: bench/append_bench
void HeadAppender::sweep_slice(HeadShard& shard, std::span<const storage::RefSample> samples,
                               std::size_t first, Isolation::Commit commit, Timestamp oldest,
                               Applied& applied) {
  const auto commit32 = static_cast<std::uint32_t>(commit.id - shard.epoch);
  // Series whose last commit is newer than this are seen in an older state by some reader.
  const CommitId oldest_reader = std::max(commit.oldest_reader, shard.epoch);
  const auto seen_by_all = static_cast<std::uint32_t>(oldest_reader - shard.epoch);

  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (i + kHotAhead < samples.size()) {
      const storage::SeriesRef ahead = samples[i + kHotAhead].ref;
      if (ahead != storage::SeriesRef::none) __builtin_prefetch(&shard.hot[ordinal_of(ahead)], 1);
    }
    if (i + kChunkAhead < samples.size()) {
      const storage::SeriesRef ahead = samples[i + kChunkAhead].ref;
      if (ahead != storage::SeriesRef::none) {
        shard.chunks[ordinal_of(ahead)].prefetch(shard.hot[ordinal_of(ahead)]);
      }
    }
    const storage::RefSample& sample = samples[i];
    if (sample.ref == storage::SeriesRef::none) [[unlikely]]
      continue;
    const Ordinal o = ordinal_of(sample.ref);
    HotSeries& s = shard.hot[o];
    const Timestamp newest = s.maxt();
    if (sample.t < oldest || sample.t <= newest) [[unlikely]] {
      if (sample.t < oldest) {
        applied.stats.refused.push_back({first + i, storage::AppendFault::out_of_bounds});
      } else if (sample.t < newest) {
        applied.stats.refused.push_back({first + i, storage::AppendFault::out_of_order});
      } else if (s.value_bits() != std::bit_cast<std::uint64_t>(sample.v)) {
        applied.stats.refused.push_back({first + i, storage::AppendFault::duplicate_timestamp});
      } else {
        ++applied.stats.appended;
      }
      continue;
    }
    if (s.commit != commit32) {
      if (s.commit > seen_by_all) [[unlikely]] {
        shard.side.push(o, shard.epoch + s.commit, s.visible_maxt, commit.id);
      }
      s.visible_maxt = newest;
      s.commit = commit32;
    }
    const bool was_stale = s.value_bits() == kStaleNanBits && newest != kMinTime;
    if (was_stale != is_stale_nan(sample.v)) [[unlikely]]
      shard.stale_series += was_stale ? ~std::uint64_t{0} : 1;
    applied.chunks += shard.chunks[o].append(s, shard.full[o], sample.t, sample.v);
    applied.mint = std::min(applied.mint, sample.t);
    applied.maxt = std::max(applied.maxt, sample.t);
    ++applied.stats.appended;
  }
}

void HeadAppender::rollback() {
  if (!new_series_.empty()) {
    const sync::MutexLock turn(head_.commit_turn);
    forget_series();
  }
  clear();
}

void HeadAppender::forget_series() {
  if (new_series_.empty()) return;
  const sync::MutexLock index_lock(head_.index_mutex);
  const sync::MutexLock shard_lock(head_.shard.mutex);
  for (const NewSeries& s : new_series_) {
    if (!head_.index.unpin(s.ordinal)) continue;
    head_.shard.refs[s.ordinal] = 0;
  }
}

void HeadAppender::clear() {
  new_series_.clear();
  if (samples_.capacity() > 0) head_.batches.give_back(std::move(samples_));
  samples_ = {};
  if (active_) head_.metrics.add_active_appender(-1);
  active_ = false;
}

std::uint8_t stagger_of(const Labels& labels) {
  const std::string_view instance = labels.get(kInstanceLabel);
  return static_cast<std::uint8_t>(XXH3_64bits(instance.data(), instance.size()));
}

void rebase_commits(HeadShard& shard, CommitId new_epoch) {
  const std::uint64_t shift = new_epoch - shard.epoch;
  for (Ordinal o = 0; o < shard.hot.size(); ++o) {
    HotSeries& s = shard.hot[o];
    s.commit = s.commit > shift ? static_cast<std::uint32_t>(s.commit - shift) : 0;
  }
  shard.epoch = new_epoch;
}

}  // namespace narthex::tsdb
