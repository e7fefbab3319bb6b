#include "tsdb/log_batches.h"

#include <algorithm>
#include <utility>

#include "telemetry/log.h"
#include "tsdb/wal/segments.h"

namespace narthex::tsdb {

void warn_of_gap(const std::string& directory, WalPosition begin, std::uint64_t bytes,
                 const std::string& why) {
  telemetry::warn("Part of a WAL segment cannot be read and is skipped",
                  {{"segment", segment_path(directory, begin.segment)},
                   {"offset", std::to_string(begin.offset)},
                   {"bytes", std::to_string(bytes)},
                   {"why", why}});
}

std::vector<std::uint32_t>& DamagedSegments::of(LogKind kind) {
  switch (kind) {
    case LogKind::checkpoint:
      return checkpoint;
    case LogKind::log:
      return log;
    case LogKind::out_of_order:
      break;
  }
  return out_of_order;
}

void DamagedSegments::add(LogKind kind, std::uint32_t segment) {
  std::vector<std::uint32_t>& segments = of(kind);
  const auto at = std::ranges::lower_bound(segments, segment);
  if (at == segments.end() || *at != segment) segments.insert(at, segment);
}

// ---- LogBatch

void LogBatch::clear() {
  // The room of a very long record is not kept for all the short ones.
  static constexpr std::size_t kMostKept = 1024 * 1024;
  if (content.size() > kMostKept) content = {};
  if (assembled.size() > kMostKept) assembled = {};
  records.clear();
  faults.clear();
  assembled.clear();
  file.reset();
  packed_bytes = 0;
}

void LogBatch::add(const RawRecord& record) {
  Record& r = records.emplace_back();
  r.flag = record.flag;
  r.packed = record.data;
  r.offset = record.offset;
  r.end = record.end;
  packed_bytes += record.data.size();
  if (!record.is_assembled) return;
  r.assembled_at = assembled.size();
  assembled.insert(assembled.end(), record.data.begin(), record.data.end());
}

bool LogBatch::is_full() const {
  // What they hold should stay in a core's cache until it was looked at.
  static constexpr std::size_t kEnoughBytes = std::size_t{48} * 1024;
  return packed_bytes >= kEnoughBytes;
}

void LogBatch::unpack(RecordDecompressor& decompressor) {
  std::size_t used = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    Record& r = records[i];
    if (r.assembled_at) r.packed = io::Bytes(assembled).subspan(*r.assembled_at, r.packed.size());
    r.begin = used;
    // `content` keeps its length: clearing it costs as much as reading.
    const auto size = decompressor.decompress(r.flag, r.packed, content, used);
    if (!size) {
      faults.push_back({i, size.error().text});
      continue;
    }
    r.size = *size;
    used += *size;
  }
}

// ---- LogSource

Result<LogSource> LogSource::open(io::FileSystem& fs, std::vector<LogDirectory> directories) {
  LogSource source(fs, std::move(directories));
  for (std::size_t i = 0; i < source.directories_->size(); ++i) {
    const LogDirectory& directory = (*source.directories_)[i];
    auto numbers = list_segments(fs, directory.path);
    if (!numbers) return pass(numbers, "replaying " + directory.path);
    for (const std::uint32_t number : *numbers)
      if (number >= directory.first) source.segments_.push_back({i, number});
  }
  return source;
}

bool LogSource::fill(LogBatch& batch) {
  while (outcome_) {
    if (!reader_) {
      if (next_ == segments_.size()) return false;
      outcome_ = open_segment();
      continue;
    }
    const Segment& segment = segments_[next_ - 1];
    batch.directory = &(*directories_)[segment.directory];
    batch.segment = segment.number;
    batch.file = reader_->file();
    while (!batch.is_full()) {
      const auto record = reader_->next_packed();
      if (!record) {
        reader_.reset();
        break;
      }
      batch.add(*record);
    }
    if (!batch.records.empty()) return true;
  }
  return false;
}

Result<void> LogSource::open_segment() {
  const Segment segment = segments_[next_++];
  const LogDirectory& directory = (*directories_)[segment.directory];
  const bool is_last = directory.kind == LogKind::log &&
                       (next_ == segments_.size() || segments_[next_].directory != segment.directory);
  const auto on_damage = [&directory, is_last, progress = progress_.get()](
                             WalPosition at, std::uint64_t bytes, const std::string& why) {
    ++progress->gaps;
    if (is_last && why == kEndsInsideRecord) progress->is_cut_off = true;
    progress->damaged.add(directory.kind, at.segment);
    warn_of_gap(directory.path, at, bytes, why);
  };
  auto reader =
      WalReader::open(*fs_, segment_path(directory.path, segment.number), segment.number, on_damage);
  if (!reader) return pass(reader, "replaying the WAL");
  reader_.emplace(std::move(*reader));
  return {};
}

std::uint64_t LogSource::count_segments(LogKind kind) const {
  return static_cast<std::uint64_t>(
      std::count_if(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(next_),
                    [&](const Segment& segment) { return (*directories_)[segment.directory].kind == kind; }));
}

// ---- LogBatches

LogBatches::LogBatches(LogSource& source, std::size_t helpers) : source_(source) {
  for (std::size_t i = 0; i < helpers; ++i) helpers_.emplace_back([this] { help(); });
}

LogBatches::~LogBatches() {
  {
    const sync::MutexLock lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

const LogBatch* LogBatches::next() {
  if (std::exchange(holds_one_, false)) {
    bool has_room;
    {
      const sync::MutexLock lock(mutex_);
      slot_of(taken_).is_ready = false;
      ++taken_;
      has_room = read_ - taken_ == kEnoughAhead;
    }
    if (has_room) changed_.notify_all();
  }
  for (bool may_unpack = true;;) {
    {
      const sync::MutexLock lock(mutex_);
      const auto is_ready = [this]() NARTHEX_REQUIRES(mutex_) {
        return taken_ < read_ && slot_of(taken_).is_ready;
      };
      const auto is_over = [this]() NARTHEX_REQUIRES(mutex_) { return ended_ && taken_ == read_; };
      while (!may_unpack && !is_ready() && !is_over()) changed_.wait(mutex_);
      if (is_ready()) {
        holds_one_ = true;
        return &slot_of(taken_).batch;
      }
      if (is_over()) return nullptr;
    }
    may_unpack = unpack_one(own_) == Step::unpacked;
  }
}

LogBatches::Step LogBatches::unpack_one(RecordDecompressor& decompressor) {
  LogBatch* batch = nullptr;
  std::uint64_t number = 0;
  {
    const sync::MutexLock source_lock(source_mutex_);
    {
      const sync::MutexLock lock(mutex_);
      if (ended_) return Step::no_more;
      if (read_ - taken_ >= kMostAhead) return Step::no_room;
      number = read_;
      batch = &slot_of(number).batch;
    }
    batch->clear();
    const bool is_filled = source_.fill(*batch);
    const sync::MutexLock lock(mutex_);
    if (is_filled) {
      ++read_;
    } else {
      ended_ = true;
      batch = nullptr;
    }
  }
  bool is_next = true;
  if (batch != nullptr) {
    batch->unpack(decompressor);
    const sync::MutexLock lock(mutex_);
    slot_of(number).is_ready = true;
    is_next = number == taken_;
  }
  if (is_next) changed_.notify_all();
  return batch != nullptr ? Step::unpacked : Step::no_more;
}

void LogBatches::help() {
  RecordDecompressor decompressor;
  for (;;) {
    const Step step = unpack_one(decompressor);
    if (step == Step::no_more) return;
    if (step == Step::unpacked) continue;
    // Until there is room for several: waking up for each would cost as much as unpacking it.
    const sync::MutexLock lock(mutex_);
    while (!ended_ && read_ - taken_ > kEnoughAhead) changed_.wait(mutex_);
  }
}

}  // namespace narthex::tsdb
