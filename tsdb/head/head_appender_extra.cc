// The part of HeadAppender that plain floats never meet: histograms, exemplars and metadata.
#include <algorithm>
#include <utility>

#include "model/value.h"
#include "tsdb/head/head_appender.h"

namespace narthex::tsdb {
namespace {

/// Histograms are large: readers get a turn sooner.
constexpr std::size_t kSlice = 256;

double sum_of(const AnyHistogram& value) {
  return std::visit([](const auto& h) { return h.sum; }, value);
}

/// What ends a series of histograms of that kind.
AnyHistogram stale_histogram(HistogramKind kind) {
  if (kind == HistogramKind::ints || kind == HistogramKind::custom_ints) {
    Histogram h;
    h.sum = kStaleNan;
    return h;
  }
  FloatHistogram h;
  h.sum = kStaleNan;
  return h;
}

}  // namespace

ExtraBatch& HeadAppender::extra() {
  begin();
  if (!extra_) extra_ = std::make_unique<ExtraBatch>();
  return *extra_;
}

Result<void> HeadAppender::append_histogram(storage::SeriesRef ref, Timestamp t, AnyHistogram value,
                                            Timestamp st) {
  if (auto sound = std::visit([](const auto& h) { return validate(h); }, value); !sound) return sound;
  if (!head_.options.st_storage) st = 0;
  extra().add_histogram(ref, {.ref = 0, .t = t, .st = st, .value = std::move(value)}, samples_.size());
  return {};
}

void HeadAppender::append_among_histograms(std::span<const storage::RefSample> samples,
                                           std::span<const Timestamp> starts) {
  ExtraBatch& batch = *extra_;
  if (samples_.capacity() == 0) samples_ = head_.batches.take();
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const storage::RefSample& s = samples[i];
    const Timestamp st = starts.empty() ? 0 : starts[i];
    const auto kind = batch.kinds.find(s.ref);
    if (kind != batch.kinds.end() && is_stale_nan(s.v)) {
      batch.add_histogram(s.ref, {.ref = 0, .t = s.t, .st = st, .value = stale_histogram(kind->second)},
                          samples_.size());
      continue;
    }
    if (kind != batch.kinds.end()) batch.finish_part(samples_.size());
    if (st != 0 || !starts_.empty()) {
      starts_.resize(samples_.size());
      starts_.push_back(st);
    }
    samples_.push_back(s);
  }
}

Result<void, storage::ExemplarFault> HeadAppender::append_exemplar(storage::SeriesRef ref,
                                                                   const storage::Exemplar& exemplar) {
  if (head_.exemplars.size() == 0) return std::unexpected(storage::ExemplarFault::disabled);
  Labels series;
  {
    const HeadShard& shard = head_.shard(ordinal_of(ref));
    const sync::MutexLock index_lock(head_.index_mutex);
    const sync::MutexLock shard_lock(shard.mutex);
    if (!shard.holds(ref)) return std::unexpected(storage::ExemplarFault::unknown_series);
    series = head_.index.labels(ordinal_of(ref));
  }
  if (const auto fault = head_.exemplars.check(series, exemplar)) return std::unexpected(*fault);
  extra().exemplars.push_back({ref, 0, std::move(series), exemplar});
  return {};
}

void HeadAppender::set_metadata(storage::SeriesRef ref, const storage::Metadata& metadata) {
  {
    const HeadShard& shard = head_.shard(ordinal_of(ref));
    const sync::MutexLock lock(shard.mutex);
    if (!shard.holds(ref)) return;
    const storage::Metadata* known = shard.metadata.find(ordinal_of(ref));
    if (known != nullptr && *known == metadata) return;
  }
  extra().metadata.push_back({ref, {0, metadata}});
}

/// Leaves out what belongs to series that are gone.
void HeadAppender::resolve_extra(storage::CommitStats& stats) {
  for_each_shard([&](HeadShard& shard) NARTHEX_REQUIRES(shard.mutex) {
    const auto is_here = [&shard](storage::SeriesRef ref) {
      return shard_of(ordinal_of(ref)) == shard.number;
    };
    const auto is_gone = [&](const auto& pending) NARTHEX_REQUIRES(shard.mutex) {
      return is_here(pending.ref) && !shard.holds(pending.ref);
    };
    std::erase_if(extra_->exemplars, is_gone);
    std::erase_if(extra_->metadata, is_gone);
    for (auto& e : extra_->exemplars) {
      if (is_here(e.ref)) e.wal_ref = shard.refs[ordinal_of(e.ref)];
    }
    for (auto& m : extra_->metadata) {
      if (is_here(m.ref)) m.record.ref = shard.refs[ordinal_of(m.ref)];
    }
    for (auto& h : extra_->histograms) {
      if (h.ref == storage::SeriesRef::none || !is_here(h.ref)) continue;
      if (shard.holds(h.ref)) {
        h.record.ref = shard.refs[ordinal_of(h.ref)];
      } else {
        stats.refused.push_back({h.index, storage::AppendFault::unknown_series});
        h.ref = storage::SeriesRef::none;
      }
    }
  });
}

void HeadAppender::encode_extra(LogBuffers& buffers) {
  extra_->records.clear();
  extra_->encode_metadata();
  std::size_t float_at = 0;
  std::size_t record_at = 0;
  std::size_t histogram_at = 0;
  for (const auto& [floats_end, histograms_end] : extra_->parts(samples_.size())) {
    const std::size_t first_record = record_at;
    for (; float_at < floats_end; ++float_at) {
      record_at += samples_[float_at].ref != storage::SeriesRef::none ? 1 : 0;
    }
    if (record_at > first_record) {
      encode_floats(buffers, first_record, record_at - first_record, extra_->records.emplace_back());
    }
    extra_->encode_histograms(histogram_at, histograms_end, head_.options.st_storage);
    histogram_at = histograms_end;
  }
  // Behind the samples: who ships the log must know a series before its exemplars.
  extra_->encode_exemplars();
}

void HeadAppender::sweep_extra(Sweep& sweep) {
  std::size_t float_at = 0;
  std::size_t histogram_at = 0;
  for (const auto& [floats_end, histograms_end] : extra_->parts(samples_.size())) {
    const std::size_t refused = sweep.stats.refused.size();
    sweep_floats(float_at, floats_end, sweep);
    for (std::size_t i = refused; i < sweep.stats.refused.size(); ++i) {
      std::size_t& index = sweep.stats.refused[i].index;
      index = extra_->index_of_float(index);
    }
    float_at = floats_end;
    while (histogram_at < histograms_end) {
      const std::size_t count = std::min(kSlice, histograms_end - histogram_at);
      const auto slice = std::span(extra_->histograms).subspan(histogram_at, count);
      for_each_shard([&](HeadShard& shard)
                         NARTHEX_REQUIRES(shard.mutex) { sweep_histograms(shard, slice, sweep); });
      histogram_at += count;
    }
  }
}

void HeadAppender::sweep_histograms(HeadShard& shard,
                                    std::span<const ExtraBatch::PendingHistogram> histograms, Sweep& sweep) {
  const Marks marks = begin_slice(shard, sweep);
  const auto refuse = [&sweep](const ExtraBatch::PendingHistogram& h, storage::AppendFault fault) {
    sweep.stats.refused.push_back({h.index, fault});
  };
  for (const ExtraBatch::PendingHistogram& h : histograms) {
    if (h.ref == storage::SeriesRef::none || shard_of(ordinal_of(h.ref)) != shard.number) continue;
    const Ordinal o = ordinal_of(h.ref);
    HotSeries& s = shard.hot[o];
    SeriesChunks& chunks = shard.chunks;
    const Timestamp t = h.record.t;
    const Timestamp newest = s.maxt();
    if (t < sweep.oldest) {
      refuse(h, storage::AppendFault::out_of_bounds);
    } else if (t < newest) {
      refuse(h, storage::AppendFault::out_of_order);
    } else if (t == newest && !chunks.is_newest(s, shard.full[o], h.record.value)) {
      refuse(h, storage::AppendFault::duplicate_timestamp);
    } else {
      ++sweep.stats.appended;
      ++sweep.histograms;
      if (t == newest) continue;
      begin_change(shard, o, newest, marks, sweep);
      const bool was_stale = newest != kMinTime && is_stale_nan(s.enc.v);
      const bool is_stale = is_stale_nan(sum_of(h.record.value));
      if (was_stale != is_stale) shard.stale_series += was_stale ? ~std::uint64_t{0} : 1;
      sweep.chunks += chunks.append(s, shard.full[o], t, h.record.st, h.record.value);
      sweep.mint = std::min(sweep.mint, t);
      sweep.maxt = std::max(sweep.maxt, t);
    }
  }
}

void HeadAppender::apply_extra() {
  for (const auto& e : extra_->exemplars) head_.exemplars.add(e.series, e.exemplar);
  for (const auto& m : extra_->metadata) {
    HeadShard& shard = head_.shard(ordinal_of(m.ref));
    const sync::MutexLock lock(shard.mutex);
    shard.metadata.set(ordinal_of(m.ref), m.record.metadata);
  }
}

}  // namespace narthex::tsdb
