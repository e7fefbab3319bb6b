// Full chunks on their way from memory to files.
//
//   under the shard's mutex: bytes are copied -> written, nothing held -> under it again: the
//   series' list gets the place, the memory is freed when no reader may have borrowed it
//
// The samples are in the log already: commits log first.
#include <algorithm>

#include "tsdb/head/head.h"

namespace narthex::tsdb {
namespace {

/// Written at once.
constexpr std::size_t kBatchBytes = 256 * 1024;

struct Leaving {
  Ordinal ordinal;
  WalRef ref;
  SlotRef chunk;
  TimeRange range;
  std::uint8_t encoding;
  std::size_t begin;  ///< in the batch's bytes
  std::size_t bytes;
};

struct Batch {
  std::vector<Leaving> chunks;
  std::vector<std::byte> bytes;
};

/// Copies full chunks of the page's series.
void copy_unmapped(const HeadShard& shard, std::size_t page, Batch& batch) NARTHEX_REQUIRES(shard.mutex) {
  std::vector<SeriesChunks::Unmapped> unmapped;
  shard.for_each_of_page(page, [&](Ordinal o) NARTHEX_REQUIRES(shard.mutex) {
    if (shard.full[o].memory == kNoSlot) return;
    unmapped.clear();
    shard.chunks.list_unmapped(shard.full[o], unmapped);
    for (const SeriesChunks::Unmapped& c : unmapped) {
      batch.chunks.push_back(
          {o, shard.refs[o], c.chunk, c.range, c.encoding, batch.bytes.size(), c.bytes.size()});
      batch.bytes.insert(batch.bytes.end(), c.bytes.begin(), c.bytes.end());
    }
  });
}

Result<std::vector<HeadChunkPlace>> write(HeadChunkFiles& files, const Batch& batch) {
  std::vector<HeadChunk> chunks;
  chunks.reserve(batch.chunks.size());
  for (const Leaving& c : batch.chunks) {
    chunks.push_back({.series = c.ref,
                      .range = c.range,
                      .encoding = c.encoding,
                      .bytes = io::Bytes(batch.bytes).subspan(c.begin, c.bytes)});
  }
  return files.append(chunks);
}

}  // namespace

void Head::use_chunk_files(HeadChunkFiles& files) {
  state_.chunk_files = &files;
  for (HeadShard& shard : state_.shards) {
    const sync::MutexLock lock(shard.mutex);
    shard.chunks.use_files(&files);
  }
}

void Head::close_open_chunks() {
  for (HeadShard& shard : state_.shards) {
    const std::size_t pages = shard.count_pages();
    for (std::size_t page = 0; page < pages; ++page) {
      const sync::MutexLock lock(shard.mutex);
      shard.for_each_of_page(page, [&](Ordinal o) NARTHEX_REQUIRES(shard.mutex) {
        shard.chunks.close_open(shard.hot[o], shard.full[o]);
      });
    }
  }
}

Result<std::size_t> Head::map_chunks() {
  const sync::MutexLock turn(state_.collect_turn);
  return map_full_chunks();
}

Result<std::size_t> Head::map_all_chunks() {
  if (state_.chunk_files == nullptr) return 0;
  const sync::MutexLock turn(state_.collect_turn);
  close_open_chunks();
  auto mapped = map_full_chunks();
  if (!mapped) return mapped;
  auto synced = state_.chunk_files->sync();
  return synced ? std::move(mapped) : pass(synced);
}

Result<std::size_t> Head::map_full_chunks() {
  std::size_t mapped = 0;
  if (state_.chunk_files == nullptr) return mapped;
  for (HeadShard& shard : state_.shards) {
    auto of_shard = map_chunks_of(shard);
    if (!of_shard) return of_shard;
    mapped += *of_shard;
  }
  return mapped;
}

Result<std::size_t> Head::map_chunks_of(HeadShard& shard) {
  std::size_t mapped = 0;
  Batch batch;
  const std::size_t pages = shard.count_pages();
  for (std::size_t page = 0; page < pages;) {
    batch.chunks.clear();
    batch.bytes.clear();
    while (page < pages && batch.bytes.size() < kBatchBytes) {
      const sync::MutexLock lock(shard.mutex);
      copy_unmapped(shard, page++, batch);
    }
    if (batch.chunks.empty()) break;
    auto places = write(*state_.chunk_files, batch);
    if (!places) return pass(places);
    const sync::MutexLock lock(shard.mutex);
    // Readers that are open by now may have borrowed what leaves.
    const std::uint64_t serial = state_.isolation.next_serial();
    for (std::size_t i = 0; i < places->size(); ++i) {
      const Leaving& c = batch.chunks[i];
      if (shard.refs[c.ordinal] != c.ref) continue;
      mapped += shard.chunks.set_mapped(shard.full[c.ordinal], c.chunk, (*places)[i], serial);
    }
  }
  const std::uint64_t oldest_reader = state_.isolation.oldest_serial();
  const sync::MutexLock lock(shard.mutex);
  shard.chunks.free_mapped(oldest_reader);
  return mapped;
}

std::size_t Head::unmapped_bytes() const {
  std::size_t bytes = 0;
  for (const HeadShard& shard : state_.shards) {
    const sync::MutexLock lock(shard.mutex);
    bytes += shard.chunks.full_used_bytes();
  }
  return bytes;
}

Result<void> Head::truncate_chunk_files() {
  if (state_.chunk_files == nullptr) return {};
  HeadChunkFiles& files = *state_.chunk_files;
  const sync::MutexLock turn(state_.collect_turn);
  const auto present = files.files();
  if (present.empty()) return {};
  const std::uint32_t first = present.front().number;
  std::uint32_t needed = present.back().number - first + 1;
  for (const HeadShard& shard : state_.shards) {
    const std::size_t pages = shard.count_pages();
    for (std::size_t page = 0; page < pages; ++page) {
      const sync::MutexLock lock(shard.mutex);
      shard.for_each_of_page(page, [&](Ordinal o) NARTHEX_REQUIRES(shard.mutex) {
        if (shard.full[o].mapped == kNoSlot) return;
        // The series' oldest, and files ascend with time.
        const HeadChunkPlace place = shard.chunks.mapped().at(shard.full[o].mapped, 0).place;
        needed = std::min(needed, (place.file - first) & (HeadChunkFiles::kMostFiles - 1));
      });
    }
  }
  {
    const sync::MutexLock lock(state_.ooo_mutex);
    for (const auto& [ordinal, series] : state_.ooo) {
      for (const OooChunk& c : series.chunks) {
        if (c.is_mapped()) needed = std::min(needed, c.place.file - first);
      }
    }
  }
  // So that the next truncation can remove what is being written now.
  files.cut();
  return files.remove_before(first + needed);
}

}  // namespace narthex::tsdb
