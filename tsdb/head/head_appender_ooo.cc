// The part of HeadAppender that samples in order never meet: late ones.
//
//   sweep puts them aside -> into their series' open chunk; full ones are closed -> closed ones to files
//   -> log: marker, samples, marker, samples ...
//
// A marker says: all samples of the series in front of me are in the chunks that I name. So it stands in
// front of the first sample of the next chunk, and there is one only when all closed chunks of the series
// are in files. Where they are not (the files are busy, the disk is full) the log holds the samples still.
//
// Late samples are in the WAL as well, like everything else of the batch; replay drops them there.
// Source: Prometheus tsdb/head_append.go (commitFloats, collectOOORecords).
#include <algorithm>
#include <boost/unordered/unordered_flat_set.hpp>
#include <utility>

#include "model/value.h"
#include "telemetry/log.h"
#include "tsdb/chunk/encoding.h"
#include "tsdb/head/head_appender.h"

namespace narthex::tsdb {
namespace {

/// Chunks that were closed, and the samples behind.
struct Section {
  struct Cut {
    Ordinal ordinal;
    WalRef ref;
    std::uint64_t last;  ///< number of the newest closed chunk; 0: the series had nothing
  };
  std::vector<Cut> cuts;
  std::vector<std::size_t> samples;  ///< numbers among the late ones
  boost::unordered_flat_set<Ordinal> touched;
};

/// What ends a series of histograms.
std::shared_ptr<const AnyHistogram> stale_histogram(std::uint8_t encoding) {
  const auto e = static_cast<ChunkEncoding>(encoding);
  if (e == ChunkEncoding::float_histogram || e == ChunkEncoding::float_histogram_st) {
    FloatHistogram h;
    h.sum = kStaleNan;
    return std::make_shared<const AnyHistogram>(std::move(h));
  }
  Histogram h;
  h.sum = kStaleNan;
  return std::make_shared<const AnyHistogram>(std::move(h));
}

HeadChunk to_chunk(WalRef ref, const BuiltChunk& built) {
  return {.series = ref,
          .range = built.range,
          .encoding = built.encoding,
          .out_of_order = true,
          .bytes = built.bytes};
}

/// A closed chunk on its way to a file.
struct Leaving {
  Ordinal ordinal;
  WalRef ref;
  std::uint64_t number;
  std::shared_ptr<const OooSamples> samples;
};

/// In place of `samples`, the chunks that they became.
void set_mapped(OooSeries& series, std::uint64_t number, std::span<const BuiltChunk> built,
                std::span<const HeadChunkPlace> places) {
  const auto at = std::ranges::find(series.chunks, number, &OooChunk::number);
  if (at == series.chunks.end()) return;
  std::vector<OooChunk> mapped;
  for (std::size_t i = 0; i < built.size(); ++i) {
    mapped.push_back({.number = number, .range = built[i].range, .samples = nullptr, .place = places[i]});
  }
  const auto behind = series.chunks.erase(at);
  series.chunks.insert(behind, mapped.begin(), mapped.end());
}

/// What the closed chunks up to `last` are called in a marker; nothing if one of them is in no file.
std::vector<std::uint64_t> marks_up_to(const OooSeries& series, std::uint64_t last) {
  std::vector<std::uint64_t> marks;
  for (const OooChunk& c : series.chunks) {
    if (c.number > last) break;
    if (!c.is_mapped()) return {};
    if (!c.marked) marks.push_back(std::uint64_t{c.place.file} << 32 | c.place.offset);
  }
  return marks;
}

}  // namespace

void HeadAppender::accept_out_of_order(bool accept) {
  begin();
  const bool accepts = ooo_turns_.size() % 2 == 0;
  if (accept != accepts) ooo_turns_.push_back(count_samples());
}

std::size_t HeadAppender::count_samples() const {
  return samples_.size() + (extra_ ? extra_->histograms.size() : 0);
}

Timestamp HeadAppender::newest_before() const {
  const Timestamp newest = head_.newest();
  if (newest != kMinTime) return newest;
  if (extra_ && !extra_->histograms.empty() && extra_->histograms.front().index == 0)
    return extra_->histograms.front().record.t;
  return samples_.empty() ? kMinTime : samples_.front().t;
}

std::optional<storage::AppendFault> HeadAppender::fault_of_late(Timestamp t, std::size_t index,
                                                                storage::AppendFault fault,
                                                                Sweep& sweep) const {
  if (t < sweep.head_maxt) sweep.delays.push_back(sweep.head_maxt - t);
  if (sweep.window <= 0) return fault;
  const Timestamp oldest =
      sweep.head_maxt < kMinTime + sweep.window ? kMinTime : sweep.head_maxt - sweep.window;
  if (t < oldest) return storage::AppendFault::too_old;
  const auto turns = std::ranges::upper_bound(ooo_turns_, index) - ooo_turns_.begin();
  if (turns % 2 != 0) return storage::AppendFault::out_of_order;
  return std::nullopt;
}

std::optional<storage::AppendFault> HeadAppender::take_late(const HeadShard& shard, Ordinal o,
                                                            const storage::RefSample& sample,
                                                            std::size_t number, storage::AppendFault fault,
                                                            Sweep& sweep) const {
  if (fault == storage::AppendFault::duplicate_timestamp) return fault;
  const std::size_t index = extra_ ? extra_->index_of_float(number) : number;
  if (const auto refused = fault_of_late(sample.t, index, fault, sweep)) return refused;
  const Timestamp st = starts_.empty() ? 0 : starts_[number];
  LateSample& late = sweep.late.emplace_back(
      o, shard.refs[o], OooSample{.t = sample.t, .st = st, .v = sample.v, .histogram = {}});
  if (!is_stale_nan(sample.v)) return std::nullopt;
  // A marker is what its series is.
  const auto encoding = shard.chunks.newest_encoding(shard.hot[o], shard.full[o]);
  if (encoding && is_histogram_encoding(*encoding)) {
    late.sample.st = 0;
    late.sample.v = 0;
    late.sample.histogram = stale_histogram(*encoding);
    ++sweep.histograms;
  }
  return std::nullopt;
}

std::optional<storage::AppendFault> HeadAppender::take_late(const ExtraBatch::PendingHistogram& histogram,
                                                            storage::AppendFault fault, Sweep& sweep) const {
  const Timestamp t = histogram.record.t;
  if (const auto refused = fault_of_late(t, histogram.index, fault, sweep)) return refused;
  auto value = std::make_shared<const AnyHistogram>(histogram.record.value);
  const Timestamp st = head_.options.encodings.histograms_with_start ? histogram.record.st : 0;
  sweep.late.push_back({ordinal_of(histogram.ref),
                        histogram.record.ref,
                        {.t = t, .st = st, .v = 0, .histogram = std::move(value)}});
  return std::nullopt;
}

/// Late samples of one commit on their way.
class HeadAppender::LateBatch {
 public:
  LateBatch(HeadState& head, std::span<const LateSample> late) : head_(head), late_(late) {}

  void insert() {
    const sync::MutexLock lock(head_.ooo_mutex);
    OooStore& store = head_.ooo;
    for (std::size_t i = 0; i < late_.size(); ++i) {
      const LateSample& late = late_[i];
      OooSeries& series = store.acquire(late.ordinal);
      if (series.open.size() >= OooStore::kMostOpen) store.close(series);
      if (series.open.empty()) begin_chunk(late, series);
      if (!insert_sample(series.open, late.sample)) continue;
      section().samples.push_back(i);
      section().touched.insert(late.ordinal);
      mint_ = std::min(mint_, late.sample.t);
      maxt_ = std::max(maxt_, late.sample.t);
      ++(late.sample.histogram ? histograms_ : floats_);
    }
    if (mint_ <= maxt_) head_.widen_out_of_order(mint_, maxt_);
    head_.metrics.count_out_of_order(floats_, histograms_);
    head_.metrics.count_chunks_created(chunks_);
  }

  /// Closed chunks of series that began another go to files, if those are not busy.
  void map_closed() {
    if (head_.chunk_files == nullptr || !head_.collect_turn.try_lock()) return;
    if (auto mapped = write_closed(); !mapped) {
      telemetry::warn("Chunks of out-of-order samples stay in memory; their log holds them",
                      {{"error", mapped.error().text}});
    }
    head_.collect_turn.unlock();
  }

  Result<void> log() {
    if (head_.ooo_log == nullptr) return {};
    std::vector<std::vector<std::byte>> records;
    for (const Section& s : sections_) {
      encode_markers(s, records);
      encode_late(s, records);
    }
    if (records.empty()) return {};
    const std::vector<io::Bytes> group(records.begin(), records.end());
    if (auto logged = head_.ooo_log->log(group); !logged) return logged;
    set_marked();
    return {};
  }

 private:
  Section& section() {
    if (sections_.empty()) sections_.emplace_back();
    return sections_.back();
  }

  void begin_chunk(const LateSample& late, const OooSeries& series) {
    // Its samples so far must stand in front of the marker.
    if (section().touched.contains(late.ordinal)) sections_.emplace_back();
    const std::uint64_t last = series.chunks.empty() ? 0 : series.chunks.back().number;
    section().cuts.push_back({late.ordinal, late.ref, last});
    ++chunks_;
    section().touched.insert(late.ordinal);
  }

  Result<void> write_closed() NARTHEX_REQUIRES(head_.collect_turn) {
    const std::vector<Leaving> leaving = list_closed();
    if (leaving.empty()) return {};
    std::vector<std::vector<BuiltChunk>> built;
    std::vector<HeadChunk> chunks;
    for (const Leaving& l : leaving) {
      built.push_back(encode_chunks(*l.samples));
      for (const BuiltChunk& c : built.back()) chunks.push_back(to_chunk(l.ref, c));
    }
    const auto places = head_.chunk_files->append(chunks);
    if (!places) return std::unexpected(places.error());
    const sync::MutexLock lock(head_.ooo_mutex);
    std::size_t at = 0;
    for (std::size_t i = 0; i < leaving.size(); ++i) {
      const std::span own = std::span(*places).subspan(at, built[i].size());
      at += own.size();
      if (OooSeries* series = head_.ooo.find(leaving[i].ordinal))
        set_mapped(*series, leaving[i].number, built[i], own);
    }
    return {};
  }

  std::vector<Leaving> list_closed() {
    std::vector<Leaving> leaving;
    boost::unordered_flat_set<Ordinal> seen;
    const sync::MutexLock lock(head_.ooo_mutex);
    for (const Section& s : sections_) {
      for (const Section::Cut& cut : s.cuts) {
        if (!seen.insert(cut.ordinal).second) continue;
        for (const OooChunk& c : head_.ooo.find(cut.ordinal)->chunks) {
          if (!c.is_mapped()) leaving.push_back({cut.ordinal, cut.ref, c.number, c.samples});
        }
      }
    }
    return leaving;
  }

  void encode_markers(const Section& s, std::vector<std::vector<std::byte>>& records) {
    std::vector<MmapMarkerRecord> markers;
    const sync::MutexLock lock(head_.ooo_mutex);
    for (const Section::Cut& cut : s.cuts) {
      // As in Prometheus, whose replay then forgets what it has of the series: blocks have that.
      if (cut.last == 0) markers.push_back({cut.ref, 0});
      if (cut.last == 0) continue;
      for (const std::uint64_t chunk : marks_up_to(*head_.ooo.find(cut.ordinal), cut.last))
        markers.push_back({cut.ref, chunk});
    }
    if (!markers.empty()) encode_mmap_markers(markers, records.emplace_back());
  }

  void encode_late(const Section& s, std::vector<std::vector<std::byte>>& records) {
    std::vector<SampleRecord> floats;
    std::vector<Timestamp> starts;
    std::vector<HistogramRecord> histograms;
    for (const std::size_t i : s.samples) {
      const OooSample& sample = late_[i].sample;
      const WalRef ref = late_[i].ref;
      if (sample.histogram) {
        histograms.push_back({.ref = ref, .t = sample.t, .st = sample.st, .value = *sample.histogram});
      } else {
        floats.push_back({ref, sample.t, sample.v});
        starts.push_back(sample.st);
      }
    }
    const bool with_start = head_.options.st_storage;
    if (!floats.empty() && with_start) encode_samples_v2(floats, starts, records.emplace_back());
    if (!floats.empty() && !with_start) encode_samples(floats, records.emplace_back());
    if (!histograms.empty()) encode_histograms(histograms, with_start, records);
  }

  void set_marked() {
    const sync::MutexLock lock(head_.ooo_mutex);
    for (const Section& s : sections_) {
      for (const Section::Cut& cut : s.cuts) {
        OooSeries& series = *head_.ooo.find(cut.ordinal);
        if (cut.last == 0 || marks_up_to(series, cut.last).empty()) continue;
        for (OooChunk& c : series.chunks) c.marked = c.marked || c.number <= cut.last;
      }
    }
  }

  HeadState& head_;
  std::span<const LateSample> late_;
  std::vector<Section> sections_;
  Timestamp mint_ = kMaxTime;
  Timestamp maxt_ = kMinTime;
  std::uint64_t floats_ = 0;
  std::uint64_t histograms_ = 0;
  std::uint64_t chunks_ = 0;
};

Result<void> HeadAppender::append_out_of_order(Sweep& sweep) {
  LateBatch late(head_, sweep.late);
  late.insert();
  late.map_closed();
  return late.log();
}

}  // namespace narthex::tsdb
