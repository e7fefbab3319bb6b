#include "tsdb/head/head_chunk_files.h"

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <utility>

#include "io/crc32c.h"
#include "telemetry/log.h"
#include "tsdb/encoding.h"
#include "tsdb/wal/segments.h"

namespace narthex::tsdb {
namespace {

constexpr std::uint32_t kMagic = 0x0130BC91;
constexpr std::uint8_t kVersion = 1;
constexpr std::uint64_t kFileHeaderBytes = 8;
constexpr std::size_t kCrcBytes = 4;
constexpr std::size_t kMaxLengthBytes = 5;
/// A chunk without its data, with the longest length: Prometheus reads so much at once.
constexpr std::size_t kMaxMetaBytes = 8 + 8 + 8 + 1 + kMaxLengthBytes + kCrcBytes;
constexpr std::uint8_t kOutOfOrderBit = 0x80;
/// Scanned pages are let go after so many bytes.
constexpr std::uint64_t kReleaseAfter = std::uint64_t{16} << 20;

enum class Found : std::uint8_t { chunk, end, damage };

struct Parsed {
  Found found = Found::end;
  HeadChunk chunk;
  std::uint64_t end = 0;  ///< behind the chunk
  const char* why = "";
};

Parsed damage(const char* why) {
  return {Found::damage, {}, 0, why};
}

bool is_zero(io::Bytes bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

/// The chunk at `at`, checked. Source: Prometheus chunks/head_chunks.go, IterateAllChunks
Parsed parse_chunk(io::Bytes file, std::uint64_t at) {
  const io::Bytes rest = file.subspan(at);
  if (rest.size() < kMaxMetaBytes) {
    return is_zero(rest) ? Parsed{} : damage("it ends in the middle of a chunk");
  }
  ByteReader in(rest);
  Parsed p{Found::chunk, {}, 0, ""};
  p.chunk.series = in.be64();
  p.chunk.range.mint = static_cast<Timestamp>(in.be64());
  p.chunk.range.maxt = static_cast<Timestamp>(in.be64());
  if (p.chunk.series == 0 && p.chunk.range == TimeRange{0, 0}) {
    return is_zero(in.rest()) ? Parsed{} : damage("chunks follow a stretch of zeros");
  }
  const std::uint8_t encoding = in.u8();
  p.chunk.encoding = encoding & static_cast<std::uint8_t>(~kOutOfOrderBit);
  p.chunk.out_of_order = (encoding & kOutOfOrderBit) != 0;
  p.chunk.bytes = in.bytes(in.uvarint());
  const std::size_t checked = rest.size() - in.left();
  const std::uint32_t crc = in.be32();
  if (!in.ok()) return damage("a chunk reaches beyond its end");
  if (io::crc32c(rest.first(checked)) != crc) return damage("a chunk's checksum does not match");
  p.end = at + checked + kCrcBytes;
  return p;
}

void encode_chunk(const HeadChunk& chunk, std::vector<std::byte>& out) {
  const std::size_t begin = out.size();
  put_be<std::uint64_t>(out, chunk.series);
  put_be<std::uint64_t>(out, static_cast<std::uint64_t>(chunk.range.mint));
  put_be<std::uint64_t>(out, static_cast<std::uint64_t>(chunk.range.maxt));
  put_u8(out, static_cast<std::uint8_t>(chunk.encoding | (chunk.out_of_order ? kOutOfOrderBit : 0)));
  put_uvarint(out, chunk.bytes.size());
  put_bytes(out, chunk.bytes);
  put_be<std::uint32_t>(out, io::crc32c(io::Bytes(out).subspan(begin)));
}

const char* header_fault(io::Bytes file) {
  if (file.size() < kFileHeaderBytes) return "it is shorter than its header";
  if (load_be<std::uint32_t>(file.data()) != kMagic) return "its magic number is wrong";
  if (static_cast<std::uint8_t>(file[4]) != kVersion) return "its version is unknown";
  return nullptr;
}

}  // namespace

struct HeadChunkFiles::Counters {
  explicit Counters(prometheus::Registry* given)
      : own(given == nullptr ? std::make_unique<prometheus::Registry>() : nullptr),
        r(given == nullptr ? *own : *given) {}
  std::unique_ptr<prometheus::Registry> own;
  prometheus::Registry& r;
  prometheus::Counter& corruptions = prometheus::BuildCounter()
                                         .Name("prometheus_tsdb_mmap_chunk_corruptions_total")
                                         .Help("Total number of memory-mapped chunk corruptions.")
                                         .Register(r)
                                         .Add({});
  prometheus::Counter& written = prometheus::BuildCounter()
                                     .Name("prometheus_tsdb_mmap_chunks_total")
                                     .Help("Total number of chunks that were memory-mapped.")
                                     .Register(r)
                                     .Add({});
  prometheus::Counter& failed = prometheus::BuildCounter()
                                    .Name("narthex_head_chunk_writes_failed_total")
                                    .Help("Failed writes of full chunks to chunks_head; they stay in memory.")
                                    .Register(r)
                                    .Add({});
};

HeadChunkFiles::HeadChunkFiles(io::FileSystem& fs, std::string directory, prometheus::Registry* registry)
    : fs_(fs), directory_(std::move(directory)), counters_(std::make_unique<Counters>(registry)) {}

HeadChunkFiles::~HeadChunkFiles() = default;

Result<std::unique_ptr<HeadChunkFiles>> HeadChunkFiles::open(io::FileSystem& fs, std::string directory,
                                                             prometheus::Registry* registry) {
  if (auto made = fs.make_directories(directory); !made) return pass(made);
  return std::unique_ptr<HeadChunkFiles>(new HeadChunkFiles(fs, std::move(directory), registry));
}

// ---- Loading

Result<HeadChunkFiles::Loaded> HeadChunkFiles::load(const OnChunk& on_chunk, HeadChunkPlace from) {
  Loaded loaded;
  auto listed = list_files(loaded);
  if (!listed) return pass(listed, "loading head chunks");
  for (std::size_t i = 0; i < listed->size(); ++i) {
    Entry& file = (*listed)[i];
    auto mapping = fs_.map(file.path);
    if (!mapping) return pass(mapping, "loading head chunks");
    file.mapping = std::move(*mapping);
    const io::Bytes bytes = file.mapping->bytes();
    const bool is_last = i + 1 == listed->size();
    if (is_last && (bytes.size() < sizeof(kMagic) || load_be<std::uint32_t>(bytes.data()) == 0)) {
      // Killed while it was begun. Prometheus says nothing either.
      if (auto removed = remove_behind(*listed, i); !removed) return pass(removed);
      break;
    }
    const char* why = header_fault(bytes);
    std::uint64_t at = why != nullptr ? 0 : kFileHeaderBytes;
    if (file.number == from.file) at = std::max<std::uint64_t>(at, from.offset);
    if (file.number < from.file) {
      file.size = file.mapped = bytes.size();
      continue;
    }
    std::uint64_t released = at;
    while (why == nullptr && at < bytes.size()) {
      const Parsed p = parse_chunk(bytes, at);
      if (p.found == Found::end) break;
      if (p.found == Found::damage) {
        why = p.why;
        break;
      }
      if (p.chunk.out_of_order) has_out_of_order_ = true;
      on_chunk(p.chunk, {file.number, static_cast<std::uint32_t>(at)});
      ++loaded.chunks;
      at = p.end;
      if (at - released < kReleaseAfter) continue;
      file.mapping->release_pages();
      released = at;
    }
    file.mapping->release_pages();
    file.size = file.mapped = at;
    if (why == nullptr) continue;
    ++loaded.damaged;
    counters_->corruptions.Increment();
    telemetry::warn("A file of head chunks is damaged; what it held is read from the WAL",
                    {{"file", file.path}, {"offset", std::to_string(at)}, {"why", why}});
    file.mapping.reset();
    file.mapped = 0;
    if (auto removed = remove_behind(*listed, at == 0 ? i : i + 1); !removed) return pass(removed);
    if (at == 0) break;
    if (auto cut = cut_off(file, at); !cut) return pass(cut);
  }
  last_number_ = listed->empty() ? from.file : listed->back().number;
  const sync::MutexLock lock(mutex_);
  files_.assign(std::make_move_iterator(listed->begin()), std::make_move_iterator(listed->end()));
  return loaded;
}

Result<std::vector<HeadChunkFiles::Entry>> HeadChunkFiles::list_files(Loaded& loaded) {
  auto names = fs_.list(directory_);
  if (!names) return pass(names);
  std::vector<Entry> listed;
  for (const io::DirEntry& e : *names) {
    const auto number = parse_segment_name(e.name);
    if (!number || e.is_directory) continue;
    Entry entry;
    entry.number = *number;
    entry.path = directory_ + "/" + e.name;
    listed.push_back(std::move(entry));
  }
  std::ranges::sort(listed, {}, &Entry::number);
  for (std::size_t i = 1; i < listed.size(); ++i) {
    if (listed[i].number == listed[i - 1].number + 1) continue;
    ++loaded.damaged;
    counters_->corruptions.Increment();
    telemetry::warn("Files of head chunks are missing; what they held is read from the WAL",
                    {{"after", listed[i - 1].path}, {"next", listed[i].path}});
    if (auto removed = remove_behind(listed, i); !removed) return pass(removed);
  }
  return listed;
}

Result<void> HeadChunkFiles::remove_behind(std::vector<Entry>& listed, std::size_t count) {
  if (listed.size() == count) return {};
  // From the back: what is left after an interruption has no gap.
  while (listed.size() > count) {
    if (auto removed = fs_.remove_file(listed.back().path); !removed) return removed;
    listed.pop_back();
  }
  return fs_.sync_directory(directory_);
}

Result<void> HeadChunkFiles::cut_off(const Entry& file, std::uint64_t size) {
  auto opened = fs_.open_writable(file.path, io::OpenMode::append);
  if (!opened) return pass(opened);
  if (auto cut = (*opened)->truncate(size); !cut) return cut;
  return (*opened)->sync();
}

// ---- Writing

Result<std::vector<HeadChunkPlace>> HeadChunkFiles::append(std::span<const HeadChunk> chunks) {
  std::vector<HeadChunkPlace> places;
  if (chunks.empty()) return places;
  buffer_.clear();
  for (const HeadChunk& c : chunks) {
    places.push_back({0, static_cast<std::uint32_t>(buffer_.size())});
    if (c.out_of_order) has_out_of_order_ = true;
    encode_chunk(c, buffer_);
  }
  const auto write = [&]() -> Result<void> {
    if (torn_) {
      if (auto back = cut_back(); !back) return back;
    }
    const bool full = current_ && current_->size() + buffer_.size() > kMostFileBytes;
    if (current_ && (cut_ || full || lost_sync_)) {
      if (auto finished = finish_file(); !finished) return finished;
    }
    if (!current_) {
      if (auto begun = begin_file(); !begun) return begun;
    }
    auto written = current_->append(buffer_);
    if (written) return written;
    torn_ = true;
    if (auto back = cut_back(); !back) {
      telemetry::warn("A file of head chunks could not be cut back; it will be tried again",
                      {{"error", back.error().text}});
    }
    return written;
  };
  if (auto written = write(); !written) {
    counters_->failed.Increment();
    return pass(written, "writing head chunks");
  }
  unsynced_ = true;
  counters_->written.Increment(static_cast<double>(chunks.size()));
  const sync::MutexLock lock(mutex_);
  Entry& file = files_.back();
  for (HeadChunkPlace& p : places) p = {file.number, static_cast<std::uint32_t>(file.size) + p.offset};
  file.size += buffer_.size();
  return places;
}

Result<void> HeadChunkFiles::begin_file() {
  Entry entry;
  entry.number = last_number_ + 1;
  entry.path = fmt::format("{}/{:06}", directory_, entry.number);
  entry.size = kFileHeaderBytes;
  {
    const sync::MutexLock lock(mutex_);
    if (files_.size() >= kMostFiles - 1) return fail(Code::limit, "too many files in " + directory_);
  }
  // An earlier attempt may have left a part of it.
  auto file = fs_.open_writable(entry.path, io::OpenMode::create_truncate);
  if (!file) return pass(file);
  std::vector<std::byte> header;
  put_be<std::uint32_t>(header, kMagic);
  put_u8(header, kVersion);
  header.resize(kFileHeaderBytes);
  auto begun = (*file)->append(header);
  if (begun) begun = fs_.sync_directory(directory_);
  if (!begun) {
    file->reset();
    // What is left, if it cannot be removed either, is made empty by the next attempt.
    if (auto removed = fs_.remove_file(entry.path); !removed) return pass(removed);
    return begun;
  }
  current_ = std::move(*file);
  torn_ = unsynced_ = lost_sync_ = cut_ = false;
  last_number_ = entry.number;
  const sync::MutexLock lock(mutex_);
  files_.push_back(std::move(entry));
  return {};
}

Result<void> HeadChunkFiles::cut_back() {
  std::uint64_t size;
  {
    const sync::MutexLock lock(mutex_);
    size = files_.back().size;
  }
  if (auto cut = current_->truncate(size); !cut) return cut;
  torn_ = false;
  return {};
}

void HeadChunkFiles::cut() {
  cut_ = true;
}

Result<void> HeadChunkFiles::finish_file() {
  if (auto synced = sync(); !synced) return synced;
  current_.reset();
  return {};
}

Result<void> HeadChunkFiles::sync() {
  if (!current_ || !unsynced_) return {};
  if (torn_) {
    if (auto back = cut_back(); !back) return back;
  }
  if (!lost_sync_) {
    auto synced = current_->sync();
    if (synced) {
      unsynced_ = false;
      return {};
    }
    // The kernel may have dropped what it could not write: only a new file is known to be whole.
    lost_sync_ = true;
    telemetry::warn("A file of head chunks could not be synced and is written anew",
                    {{"error", synced.error().text}});
  }
  return write_anew();
}

Result<void> HeadChunkFiles::write_anew() {
  std::string path;
  std::uint64_t size;
  {
    const sync::MutexLock lock(mutex_);
    path = files_.back().path;
    size = files_.back().size;
  }
  auto content = fs_.map(path);
  if (!content) return pass(content);
  const io::Bytes bytes = (*content)->bytes();
  if (bytes.size() < size) return fail(Code::corruption, path + " is shorter than what was written to it");
  if (auto replaced = io::replace_file(fs_, path, bytes.first(size)); !replaced) return replaced;
  current_.reset();
  unsynced_ = lost_sync_ = false;
  const sync::MutexLock lock(mutex_);
  files_.back().mapping.reset();
  files_.back().mapped = 0;
  return {};
}

Result<void> HeadChunkFiles::remove_before(std::uint32_t file) {
  bool any = false;
  for (;;) {
    std::string path;
    {
      const sync::MutexLock lock(mutex_);
      if (files_.empty() || files_.front().number >= file) break;
      if (files_.size() == 1 && current_) break;
      path = files_.front().path;
    }
    if (auto removed = fs_.remove_file(path); !removed) return pass(removed, "removing head chunks");
    any = true;
    const sync::MutexLock lock(mutex_);
    files_.pop_front();
  }
  return any ? fs_.sync_directory(directory_) : Result<void>{};
}

// ---- Reading

std::uint32_t HeadChunkFiles::resolve(std::uint32_t number) const {
  const sync::MutexLock lock(mutex_);
  if (files_.empty()) return number;
  const std::uint32_t first = files_.front().number;
  return first + ((number - first) & (kMostFiles - 1));
}

Result<HeadChunkFiles::View> HeadChunkFiles::view(HeadChunkPlace place) const {
  const sync::MutexLock lock(mutex_);
  const std::size_t index = files_.empty() ? 0 : (place.file - files_.front().number) & (kMostFiles - 1);
  if (index >= files_.size() || place.offset >= files_[index].size) {
    return fail(Code::corruption,
                fmt::format("{}/{:06} has no chunk at offset {}", directory_, place.file, place.offset));
  }
  Entry& file = files_[index];
  if (place.offset >= file.mapped) {
    auto mapping = fs_.map(file.path);
    if (!mapping) return pass(mapping);
    file.mapping = std::move(*mapping);
    file.mapped = std::min<std::uint64_t>(file.size, file.mapping->bytes().size());
  }
  return View{file.mapping, file.mapping->bytes().first(file.mapped)};
}

Result<HeadChunkFiles::Borrowed> HeadChunkFiles::read(HeadChunkPlace place) const {
  auto seen = view(place);
  if (!seen) return pass(seen);
  Parsed p = place.offset < seen->bytes.size() ? parse_chunk(seen->bytes, place.offset)
                                               : damage("the file is shorter than it was");
  if (p.found != Found::chunk) {
    counters_->corruptions.Increment();
    return fail(Code::corruption,
                fmt::format("chunk in {}/{:06} at offset {}: {}", directory_, resolve(place.file),
                            place.offset, p.found == Found::end ? "there is none" : p.why));
  }
  return Borrowed{p.chunk, std::move(seen->keeper)};
}

std::vector<HeadChunkFiles::File> HeadChunkFiles::files() const {
  std::vector<File> files;
  const sync::MutexLock lock(mutex_);
  for (const Entry& e : files_) files.push_back({e.number, e.size});
  return files;
}

Result<std::vector<HeadChunkFiles::File>> HeadChunkFiles::list() const {
  auto names = fs_.list(directory_);
  if (!names) return pass(names);
  std::vector<File> files;
  for (const io::DirEntry& e : *names) {
    const auto number = parse_segment_name(e.name);
    if (number && !e.is_directory) files.push_back({*number, e.size_bytes});
  }
  std::ranges::sort(files, {}, &File::number);
  return files;
}

std::uint64_t HeadChunkFiles::size_bytes() const {
  std::uint64_t bytes = 0;
  for (const File& f : files()) bytes += f.size_bytes;
  return bytes;
}

void HeadChunkFiles::release_pages() const {
  std::vector<std::shared_ptr<const io::Mapping>> mappings;
  {
    const sync::MutexLock lock(mutex_);
    for (const Entry& e : files_) {
      if (e.mapping) mappings.push_back(e.mapping);
    }
  }
  for (const auto& m : mappings) m->release_pages();
}

}  // namespace narthex::tsdb
