#include "tsdb/head/head_appender.h"

#include <xxhash.h>

#include <algorithm>
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

/// Of LogBuffers.
std::atomic<std::uint64_t> bytes_of_all_threads{0};

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
  const Placement place = placement_of(labels);
  const sync::MutexLock index_lock(head_.index_mutex);
  auto acquired = head_.index.acquire_known(labels);
  if (!acquired) {
    if (head_.ceilings.refuses(head_.index, labels)) return std::unexpected(storage::AppendFault::limit);
    const auto made = head_.index.acquire_new(labels, place.shard);
    if (!made) return std::unexpected(made.error());
    acquired = *made;
  }
  const Ordinal o = acquired->ordinal;
  HeadShard& shard = head_.shard(o);
  const sync::MutexLock shard_lock(shard.mutex);
  if (acquired->created) shard.add(o, head_.draw_ref(), place.stagger);
  const WalRef ref = shard.refs[o];
  // Pending by another batch: whoever commits first logs it, so both must be able to.
  if (acquired->pending) new_series_.push_back({o, {ref, labels}});
  return make_ref(o, ref);
}

void HeadAppender::append(std::span<const storage::RefSample> samples) {
  begin();
  if (extra_ && !extra_->kinds.empty()) return append_among_histograms(samples, {});
  if (samples_.capacity() == 0) samples_ = head_.batches.take();
  samples_.insert(samples_.end(), samples.begin(), samples.end());
  if (!starts_.empty()) starts_.resize(samples_.size());
}

Result<storage::CommitStats> HeadAppender::commit() {
  storage::CommitStats stats;
  if (samples_.empty() && new_series_.empty() && !extra_) {
    clear();
    return stats;
  }
  // Kept per thread: a thousand targets that each kept their own would pay for it by the series.
  static thread_local LogBuffers buffers;
  std::uint64_t histograms = 0;
  CommitId id;
  {
    shards_ = touched_shards();
    const ShardTurns turns(head_, shards_);
    resolve(stats, buffers);
    auto commit = log(buffers);
    buffers.clear();
    if (!commit) {
      forget_series();
      clear();
      return pass(commit);
    }
    // After the log: a crash from here on replays this batch. Before publish(): no query sees
    // half of it.
    id = commit->id;
    publish_series();
    histograms = sweep(*commit, stats).histograms;
    if (extra_) apply_extra();
  }
  head_.isolation.publish(id);
  count(stats, histograms);
  clear();
  return stats;
}

ShardMask HeadAppender::touched_shards() const {
  ShardMask touched = 0;
  // A reference to nothing counts as one to the first series, which does no harm.
  for (const storage::RefSample& s : samples_) touched |= ShardMask{1} << shard_of(ordinal_of(s.ref));
  for (const NewSeries& s : new_series_) touched |= ShardMask{1} << shard_of(s.ordinal);
  if (!extra_) return touched;
  const auto add = [&touched](const auto& pending) {
    for (const auto& one : pending) touched |= ShardMask{1} << shard_of(ordinal_of(one.ref));
  };
  add(extra_->histograms);
  add(extra_->exemplars);
  add(extra_->metadata);
  return touched;
}

void HeadAppender::resolve(storage::CommitStats& stats, LogBuffers& buffers) {
  buffers.records.resize(samples_.size());
  if (extra_) resolve_extra(stats);
  std::size_t unknown = 0;
  for_each_shard([&](HeadShard& shard) NARTHEX_REQUIRES(shard.mutex) {
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      storage::RefSample& s = samples_[i];
      if (shard_of(ordinal_of(s.ref)) != shard.number) continue;
      if (shard.holds(s.ref)) [[likely]] {
        buffers.records[i] = {shard.refs[ordinal_of(s.ref)], s.t, s.v};
        continue;
      }
      const std::size_t index = extra_ ? extra_->index_of_float(i) : i;
      stats.refused.push_back({index, storage::AppendFault::unknown_series});
      s.ref = storage::SeriesRef::none;
      buffers.records[i].ref = 0;
      ++unknown;
    }
  });
  if (unknown > 0) std::erase_if(buffers.records, [](const SampleRecord& r) { return r.ref == 0; });
  resolve_starts(buffers);
}

Result<Isolation::Commit> HeadAppender::log(LogBuffers& buffers) {
  if (head_.closed.load())
    return fail(Code::unavailable, "the database is closing: nothing more is accepted");
  if (head_.read_only.load(std::memory_order_relaxed)) {
    return fail(Code::unavailable,
                "the disk is nearly full and the database is read-only until there is space again "
                "(narthexDisk in /api/v1/status/tsdb says how much is missing)");
  }
  if (head_.wal == nullptr) return head_.isolation.begin_commit();
  if (!new_series_.empty()) {
    std::vector<SeriesRecord> series;
    series.reserve(new_series_.size());
    for (const NewSeries& s : new_series_) series.push_back(s.record);
    encode_series(series, buffers.series);
    buffers.group.emplace_back(buffers.series);
  }
  if (extra_) {
    encode_extra(buffers);
    for (const auto& record : extra_->records) buffers.group.emplace_back(record);
  } else if (!buffers.records.empty()) {
    encode_floats(buffers, 0, buffers.records.size(), buffers.samples);
    buffers.group.emplace_back(buffers.samples);
  }
  if (buffers.group.empty()) return head_.isolation.begin_commit();
  Isolation::Commit commit{};
  auto logged = head_.wal->log(buffers.group, [&] { commit = head_.isolation.begin_commit(); });
  if (!logged) return pass(logged);
  return commit;
}

void LogBuffers::clear() {
  const bool keep = records.capacity() <= kKeptSamples;
  records.clear();
  starts.clear();
  series = {};
  samples.clear();
  group.clear();
  if (!keep) {
    records = {};
    starts = {};
    samples = {};
    group = {};
  }
  count(records.capacity() * sizeof(SampleRecord) + starts.capacity() * sizeof(Timestamp) +
        samples.capacity() + group.capacity() * sizeof(io::Bytes));
}

LogBuffers::~LogBuffers() {
  count(0);
}

std::uint64_t LogBuffers::all_bytes() {
  return bytes_of_all_threads.load(std::memory_order_relaxed);
}

void LogBuffers::count(std::uint64_t bytes) {
  if (bytes == counted_) return;
  // Unsigned numbers wrap: this also takes away.
  bytes_of_all_threads.fetch_add(bytes - counted_, std::memory_order_relaxed);
  counted_ = bytes;
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
  Sweep sweep{.commit = commit, .oldest = head_.oldest_acceptable(), .stats = stats};
  const std::size_t unknown = stats.refused.size();
  if (extra_) {
    sweep_extra(sweep);
  } else {
    sweep_floats(0, samples_.size(), sweep);
  }
  const bool several_shards = (shards_ & (shards_ - 1)) != 0;
  if (stats.refused.size() > 1 && (extra_ || unknown > 0 || several_shards)) {
    std::ranges::sort(stats.refused, {}, &storage::RefusedSample::index);
  }
  head_.widen(sweep.mint, sweep.maxt);
  if (sweep.chunks > 0) head_.metrics.count_chunks_created(sweep.chunks);
  return sweep;
}

void HeadAppender::sweep_floats(std::size_t begin, std::size_t end, Sweep& sweep) {
  if ((shards_ & (shards_ - 1)) != 0) return sweep_floats_by_shard(begin, end, sweep);
  HeadShard& shard = head_.shards[static_cast<std::size_t>(std::countr_zero(shards_))];
  for (; begin < end; begin += kSlice) {
    const sync::MutexLock lock(shard.mutex);
    const std::size_t count = std::min(kSlice, end - begin);
    const auto samples = std::span(samples_).subspan(begin, count);
    const auto starts =
        starts_.empty() ? std::span<const Timestamp>() : std::span(starts_).subspan(begin, count);
    sweep_slice(shard, samples, starts, begin, sweep);
  }
}

/// A batch of several shards (rules, requests): its samples are gathered by shard first.
void HeadAppender::sweep_floats_by_shard(std::size_t begin, std::size_t end, Sweep& sweep) {
  std::vector<storage::RefSample> gathered;
  std::vector<Timestamp> starts;
  std::vector<std::size_t> places;
  for (HeadShard& shard : head_.shards) {
    gathered.clear();
    starts.clear();
    places.clear();
    for (std::size_t i = begin; i < end; ++i) {
      const storage::RefSample& s = samples_[i];
      if (s.ref == storage::SeriesRef::none || shard_of(ordinal_of(s.ref)) != shard.number) continue;
      gathered.push_back(s);
      places.push_back(i);
      if (!starts_.empty()) starts.push_back(starts_[i]);
    }
    for (std::size_t at = 0; at < gathered.size(); at += kSlice) {
      const std::size_t refused = sweep.stats.refused.size();
      const std::size_t count = std::min(kSlice, gathered.size() - at);
      {
        const sync::MutexLock lock(shard.mutex);
        const auto some =
            starts.empty() ? std::span<const Timestamp>() : std::span(starts).subspan(at, count);
        sweep_slice(shard, std::span(gathered).subspan(at, count), some, at, sweep);
      }
      for (std::size_t i = refused; i < sweep.stats.refused.size(); ++i) {
        sweep.stats.refused[i].index = places[sweep.stats.refused[i].index];
      }
    }
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

void HeadAppender::sweep_slice(HeadShard& shard, std::span<const storage::RefSample> samples,
                               std::span<const Timestamp> starts, std::size_t first, Sweep& sweep) {
  if (starts.empty()) return sweep_slice_of<false>(shard, samples, starts, first, sweep);
  sweep_slice_of<true>(shard, samples, starts, first, sweep);
}

// hot: bench/append_bench
template <bool kStarts>
void HeadAppender::sweep_slice_of(HeadShard& shard, std::span<const storage::RefSample> samples,
                                  std::span<const Timestamp> starts, std::size_t first, Sweep& sweep) {
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
        shard.chunks.prefetch(shard.hot[ordinal_of(ahead)]);
      }
    }
    const storage::RefSample& sample = samples[i];
    if (sample.ref == storage::SeriesRef::none) [[unlikely]]
      continue;
    const Ordinal o = ordinal_of(sample.ref);
    HotSeries& s = shard.hot[o];
    const Timestamp newest = s.maxt();
    if (sample.t < oldest || sample.t <= newest) [[unlikely]] {
      if (const auto fault = fault_of(shard, o, sample, oldest))
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
      if (s.slot == kBuilderSlot && !was_stale && is_of_histograms(shard, o)) ++sweep.histograms;
    }
    if constexpr (kStarts) {
      chunks += shard.chunks.append_with_start(s, shard.full[o], sample.t, starts[i], sample.v);
    } else {
      chunks += shard.chunks.append(s, shard.full[o], sample.t, sample.v);
    }
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
  if (is_stale_nan(sample.v) || !is_of_histograms(shard, o)) return std::nullopt;
  return storage::AppendFault::duplicate_timestamp;
}

/// Whether the newest sample of the series is a histogram.
bool HeadAppender::is_of_histograms(const HeadShard& shard, Ordinal o) {
  const auto encoding = shard.chunks.newest_encoding(shard.hot[o], shard.full[o]);
  return encoding && is_histogram_encoding(*encoding);
}

void HeadAppender::count(const storage::CommitStats& stats, std::uint64_t histograms) {
  head_.metrics.count_appended(stats.appended - histograms, histograms);
  for (const storage::RefusedSample& r : stats.refused) {
    head_.metrics.count_refused(r.fault, extra_ && extra_->is_histogram(r.index));
  }
  head_.metrics.set_time_range(head_.mint.load(std::memory_order_relaxed),
                               head_.maxt.load(std::memory_order_relaxed));
}

void HeadAppender::rollback() {
  if (!new_series_.empty()) {
    shards_ = touched_shards();
    const ShardTurns turns(head_, shards_);
    forget_series();
  }
  clear();
}

void HeadAppender::forget_series() {
  if (new_series_.empty()) return;
  const sync::MutexLock index_lock(head_.index_mutex);
  for (const NewSeries& s : new_series_) {
    if (!head_.index.unpin(s.ordinal)) continue;
    HeadShard& shard = head_.shard(s.ordinal);
    const sync::MutexLock lock(shard.mutex);
    shard.refs[s.ordinal] = 0;
  }
}

void HeadAppender::clear() {
  new_series_.clear();
  if (samples_.capacity() > 0) head_.batches.give_back(std::move(samples_));
  samples_ = {};
  starts_ = {};
  extra_.reset();
  if (active_) head_.metrics.add_active_appender(-1);
  active_ = false;
}

Placement placement_of(const Labels& labels) {
  std::string_view target = labels.get(kInstanceLabel);
  // Results of rules have no target: those of one rule go together.
  if (target.empty()) target = labels.get(kMetricName);
  const std::uint64_t hash = XXH3_64bits(target.data(), target.size());
  return {static_cast<std::size_t>(hash >> 8) % kShards, static_cast<std::uint8_t>(hash)};
}

void rebase_commits(HeadShard& shard, CommitId new_epoch) {
  const std::uint64_t shift = new_epoch - shard.epoch;
  for (std::size_t page = 0; page < shard.hot.count_pages(); ++page) {
    shard.for_each_of_page(page, [&](Ordinal o) NARTHEX_REQUIRES(shard.mutex) {
      HotSeries& s = shard.hot[o];
      s.commit = s.commit > shift ? static_cast<std::uint32_t>(s.commit - shift) : 0;
    });
  }
  shard.epoch = new_epoch;
}

}  // namespace narthex::tsdb
