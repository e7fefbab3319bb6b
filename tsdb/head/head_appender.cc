#include "tsdb/head/head_appender.h"

#include <xxhash.h>

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
  if (extra_ && !extra_->kinds.empty()) return append_among_histograms(samples);
  if (samples_.capacity() == 0) samples_ = head_.batches.take();
  samples_.insert(samples_.end(), samples.begin(), samples.end());
}

Result<storage::CommitStats> HeadAppender::commit() {
  storage::CommitStats stats;
  Result<void> late_logged;
  if (samples_.empty() && new_series_.empty() && !extra_) {
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
    Sweep swept = sweep(commit, stats);
    if (extra_) apply_extra();
    if (!swept.late.empty()) late_logged = append_out_of_order(swept);
    head_.isolation.publish(commit.id);
    count(stats, swept);
    if (head_.records.capacity() > kKeptSamples) {
      head_.records = {};
      head_.samples_bytes = {};
    }
  }
  clear();
  if (!late_logged) return pass(late_logged, "logging samples that are out of order");
  return stats;
}

void HeadAppender::resolve(storage::CommitStats& stats) {
  head_.records.clear();
  head_.records.reserve(samples_.size());
  if (extra_) resolve_extra(stats);
  const sync::MutexLock lock(head_.shard.mutex);
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    storage::RefSample& s = samples_[i];
    if (!head_.shard.holds(s.ref)) [[unlikely]] {
      const std::size_t index = extra_ ? extra_->index_of_float(i) : i;
      stats.refused.push_back({index, storage::AppendFault::unknown_series});
      s.ref = storage::SeriesRef::none;
      continue;
    }
    head_.records.push_back({head_.shard.refs[ordinal_of(s.ref)], s.t, s.v});
  }
}

Result<void> HeadAppender::log() {
  if (head_.closed) return fail(Code::unavailable, "the database is closing: nothing more is accepted");
  if (head_.wal == nullptr) return {};
  std::vector<io::Bytes>& group = head_.log_group;
  group.clear();
  if (!new_series_.empty()) {
    std::vector<SeriesRecord> series;
    series.reserve(new_series_.size());
    for (const NewSeries& s : new_series_) series.push_back(s.record);
    head_.series_bytes.clear();
    encode_series(series, head_.series_bytes);
    group.emplace_back(head_.series_bytes);
  }
  if (extra_) {
    encode_extra();
    for (const auto& record : extra_->records) group.emplace_back(record);
  } else if (!head_.records.empty()) {
    head_.samples_bytes.clear();
    encode_samples(head_.records, head_.samples_bytes);
    group.emplace_back(head_.samples_bytes);
  }
  if (group.empty()) return {};
  return head_.wal->log(group);
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

HeadAppender::Sweep HeadAppender::sweep(Isolation::Commit commit, storage::CommitStats& stats) {
  Sweep sweep{.commit = commit,
              .oldest = head_.oldest_acceptable(),
              .stats = stats,
              .head_maxt = newest_before(),
              .window = head_.ooo_window.load(std::memory_order_relaxed),
              .late = {},
              .delays = {}};
  const std::size_t unknown = stats.refused.size();
  if (extra_) {
    sweep_extra(sweep);
  } else {
    sweep_floats(0, samples_.size(), sweep);
  }
  if (stats.refused.size() > 1 && (extra_ || unknown > 0)) {
    std::ranges::sort(stats.refused, {}, &storage::RefusedSample::index);
  }
  head_.widen(sweep.mint, sweep.maxt);
  if (sweep.chunks > 0) head_.metrics.count_chunks_created(sweep.chunks);
  return sweep;
}

void HeadAppender::sweep_floats(std::size_t begin, std::size_t end, Sweep& sweep) {
  for (; begin < end; begin += kSlice) {
    const sync::MutexLock lock(head_.shard.mutex);
    const std::size_t count = std::min(kSlice, end - begin);
    sweep_slice(head_.shard, std::span(samples_).subspan(begin, count), begin, sweep);
  }
}

HeadAppender::Marks HeadAppender::begin_slice(HeadShard& shard, const Sweep& sweep) {
  const Isolation::Commit commit = sweep.commit;
  if (commit.id - shard.epoch >= std::numeric_limits<std::uint32_t>::max()) {
    rebase_commits(shard, commit.oldest_reader);
  }
  if (shard.side.size() > 0) shard.side.trim(commit.oldest_reader);
  const CommitId oldest_reader = std::max(commit.oldest_reader, shard.epoch);
  return {static_cast<std::uint32_t>(commit.id - shard.epoch),
          static_cast<std::uint32_t>(oldest_reader - shard.epoch)};
}

// hot: bench/append_bench
void HeadAppender::sweep_slice(HeadShard& shard, std::span<const storage::RefSample> samples,
                               std::size_t first, Sweep& sweep) {
  const Marks marks = begin_slice(shard, sweep);
  const Timestamp oldest = sweep.oldest;
  // Counted here: the compiler cannot know that the sweep's own are touched by nobody else.
  std::size_t appended = 0;
  std::uint64_t chunks = 0;
  Timestamp mint = sweep.mint;
  Timestamp maxt = sweep.maxt;
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
      auto fault = fault_of(shard, o, sample, oldest);
      if (fault) fault = take_late(shard, o, sample, first + i, *fault, sweep);
      if (fault)
        sweep.stats.refused.push_back({first + i, *fault});
      else
        ++appended;
      continue;
    }
    begin_change(shard, o, newest, marks, sweep);
    const bool was_stale = s.value_bits() == kStaleNanBits && newest != kMinTime;
    if (was_stale != is_stale_nan(sample.v)) [[unlikely]] {
      shard.stale_series += was_stale ? ~std::uint64_t{0} : 1;
      // A marker becomes what its series is.
      if (s.slot == kBuilderSlot && !was_stale) ++sweep.histograms;
    }
    chunks += shard.chunks[o].append(s, shard.full[o], sample.t, sample.v);
    mint = std::min(mint, sample.t);
    maxt = std::max(maxt, sample.t);
    ++appended;
  }
  sweep.stats.appended += appended;
  sweep.chunks += chunks;
  sweep.mint = mint;
  sweep.maxt = maxt;
}

/// For a float that is older than what is accepted, or not newer than the newest of its series.
std::optional<storage::AppendFault> HeadAppender::fault_of(const HeadShard& shard, Ordinal o,
                                                           const storage::RefSample& sample,
                                                           Timestamp oldest) {
  const HotSeries& s = shard.hot[o];
  if (sample.t < oldest) return storage::AppendFault::out_of_bounds;
  if (sample.t < s.maxt()) return storage::AppendFault::out_of_order;
  if (s.value_bits() != std::bit_cast<std::uint64_t>(sample.v))
    return storage::AppendFault::duplicate_timestamp;
  // A marker is what its series is.
  if (is_stale_nan(sample.v)) return std::nullopt;
  const auto encoding = shard.chunks[o].newest_encoding(s, shard.full[o]);
  if (encoding && is_histogram_encoding(*encoding)) return storage::AppendFault::duplicate_timestamp;
  return std::nullopt;
}

void HeadAppender::count(const storage::CommitStats& stats, const Sweep& sweep) {
  head_.metrics.count_appended(stats.appended - sweep.histograms, sweep.histograms);
  for (const DurationMs delay : sweep.delays) head_.metrics.observe_delay(delay);
  for (const storage::RefusedSample& r : stats.refused) {
    head_.metrics.count_refused(r.fault, extra_ && extra_->is_histogram(r.index));
  }
  head_.metrics.set_time_range(head_.mint.load(std::memory_order_relaxed),
                               head_.maxt.load(std::memory_order_relaxed));
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
  extra_.reset();
  ooo_turns_.clear();
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
