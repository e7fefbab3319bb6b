// Records of samples that repeat, and what is known of them without decoding them (repeated_records.h):
//
//   covered   all samples lie in the middle of the chunks at hand: nothing is to be done
//   behind    all samples lie behind all chunks of their series: they are gathered by series (replay_rows.h)
//
// A record is known as covered while each of its samples would end at MappedCursor::covers(), or at a cursor
// that stands behind it: one that has moved on takes back nothing of what it covered. Records behind all
// chunks stay there, unless a series gets another chunk or is another's: then all are forgotten.
//
// Threads: the one that reads the log.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "tsdb/head/head_replay.h"

namespace narthex::tsdb {
namespace {

/// Samples of records that are known: a series is in those of one target, so only a log that is made for it
/// comes this far.
constexpr std::size_t kMostKnown = 1'000'000;
constexpr std::size_t kMostKnownPerSeries = 4;

}  // namespace

std::size_t Head::replay_repeated(io::Bytes record) {
  const auto [number, use, samples, first] = replay_->repeated.find(record);
  if (number == kNoNumber) return 0;
  switch (use) {
    case RepeatedRecords::Use::skip:
      return replay_->repeated.is_like(record, number) ? samples : 0;
    case RepeatedRecords::Use::gather: {
      if (!replay_->rows.has_columns(number)) return 0;
      auto values = std::make_unique_for_overwrite<double[]>(samples);
      if (!replay_->repeated.take_values(record, number, values.get())) return 0;
      replay_->rows.add(number, {first, std::move(values)});
      return samples;
    }
  }
  return 0;
}

void Head::prefetch_repeated(io::Bytes record) const {
  replay_->repeated.prefetch(record);
}

void Head::note_repeated(io::Bytes record, std::span<const SampleRecord> samples) {
  // Knowing a record costs as much as two that are replayed, so it takes two of them.
  if (samples.empty() || !replay_->repeated.note(record)) return;
  // It has lost its columns.
  const auto known = replay_->repeated.find(record);
  if (known.number != kNoNumber && replay_->repeated.is_like(record, known.number)) return;
  if (replay_->repeated.count_samples() > kMostKnown) {
    const sync::MutexLock lock(state_.index_mutex);
    if (replay_->repeated.count_samples() > kMostKnownPerSeries * state_.index.count())
      replay_->forget_repeated();
  }
  if (replay_->loaded.empty() || !note_covered(record, samples)) note_behind(record, samples);
}

/// @return  false: the chunks at hand have not all of its samples
bool Head::note_covered(io::Bytes record, std::span<const SampleRecord> samples) {
  // It is to spare those of the time that is left.
  static constexpr DurationMs kWorthIt = 60'000;
  TimeRange common;
  RefTable::Cursor refs(replay_->refs);
  for (const SampleRecord& sample : samples) {
    const Ordinal o = refs.find(sample.ref);
    if (o == kNoNumber) return false;
    const MappedCursor& c = replay_->cursors[o];
    // Not the newest sample of a chunk either: something is to be done about it.
    if (!c.covers(sample.t)) return false;
    common.mint = std::max(common.mint, c.mint);
    common.maxt = std::min(common.maxt, c.maxt() - 1);
    if (common.maxt - sample.t < kWorthIt) return true;
  }
  const std::uint32_t number = replay_->repeated.remember(record, common, RepeatedRecords::Use::skip);
  if (number != kNoNumber) replay_->rows.drop_columns(number);
  return true;
}

/// If all samples are behind all chunks, which holds for those after them, too.
void Head::note_behind(io::Bytes record, std::span<const SampleRecord> samples) {
  if (samples.size() < ReplayRows::kFewestColumns) return;
  const bool any_mapped = !replay_->loaded.empty();
  const Timestamp first = RepeatedRecords::first_time(record);
  TimeRange behind{.mint = std::max(state_.min_valid.load(std::memory_order_relaxed), kMinTime + 1),
                   .maxt = kMaxTime};
  std::vector<ReplayColumns::Column> columns;
  columns.reserve(samples.size());
  RefTable::Cursor refs(replay_->refs);
  for (const SampleRecord& sample : samples) {
    const Ordinal o = refs.find(sample.ref);
    if (o == kNoNumber) return;
    if (any_mapped) {
      const MappedCursor& c = replay_->cursors[o];
      if (c.next < c.count || sample.t <= c.maxt()) return;
      behind.mint = std::max(behind.mint, c.maxt() + 1);
    }
    columns.push_back({o, static_cast<std::int32_t>(sample.t - first)});
  }
  const auto oldest = std::ranges::min(samples, {}, &SampleRecord::t).t;
  if (oldest < behind.mint) return;
  const std::uint32_t number = replay_->repeated.remember(record, behind, RepeatedRecords::Use::gather);
  if (number != kNoNumber) replay_->rows.set_columns(number, columns);
}

}  // namespace narthex::tsdb
