// HeadChunkFiles: full chunks of the head on disk, so that memory holds 14 bytes of each.
//
// Files <data>/chunks_head/000001, 000002, ... without gaps, of at most 128 MiB:
//   magic 0x0130BC91 | version 1 u8 | 3 zero bytes | chunk ...
//   chunk: series u64 | mint i64 | maxt i64 | encoding u8 | length uvarint | data | CRC-32C u32
// All integers are big-endian. The top bit of the encoding says "out of order"; a chunk that
// begins with 24 zero bytes is the end (Prometheus writes into files that it made longer before).
// Full format: Prometheus tsdb/docs/format/head_chunks.md; must stay readable by Prometheus.
//
// The files are copies: the log holds every sample of theirs. So they are synced only when they
// are finished or sync() is called, and what is damaged goes. Nothing may be removed but from
// the front.
//
// Threads: append(), cut(), sync(), load() and remove_before() one at a time; the rest any.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"
#include "model/time.h"
#include "sync/mutex.h"
#include "tsdb/wal/record.h"

namespace prometheus {
class Registry;
}

namespace narthex::tsdb {

/// Where a chunk begins. Prometheus' reference is file << 32 | offset.
struct HeadChunkPlace {
  std::uint32_t file = 0;
  std::uint32_t offset = 0;
  auto operator<=>(const HeadChunkPlace&) const = default;
};

struct HeadChunk {
  WalRef series = 0;
  TimeRange range;
  std::uint8_t encoding = 0;
  bool out_of_order = false;
  io::Bytes bytes;
};

class HeadChunkFiles {
 public:
  static constexpr std::uint64_t kMostFileBytes = std::uint64_t{128} << 20;
  /// Places are looked up by the file's number modulo this: packed references have no room for more.
  static constexpr std::uint32_t kMostFiles = 1 << 13;

  /// Makes the directory if it is missing; reads nothing yet. @param registry  may be null
  static Result<std::unique_ptr<HeadChunkFiles>> open(io::FileSystem& fs, std::string directory,
                                                      prometheus::Registry* registry);
  ~HeadChunkFiles();

  struct Loaded {
    std::uint64_t chunks = 0;
    std::uint64_t damaged = 0;  ///< places where files were cut off, or from where on they were removed
  };
  using OnChunk = std::function<void(const HeadChunk&, HeadChunkPlace)>;
  /// Shows all chunks from `from` on, in the order of their places, bytes valid during the call.
  /// Repairs: the file with the first damage is cut off there, those behind it are removed, as a
  /// chunk that is missing in the middle would make replay skip samples that nobody has.
  /// Call it before append(). Errors: io.
  Result<Loaded> load(const OnChunk& on_chunk, HeadChunkPlace from = {});

  /// Writes the chunks one behind the other, all or none. @return  their places
  /// Errors: io; nothing can be written then until the file could be cut back.
  Result<std::vector<HeadChunkPlace>> append(std::span<const HeadChunk> chunks);
  /// The next append() begins a file.
  void cut();
  /// From here on everything that was appended survives a power cut.
  Result<void> sync();

  /// A chunk and what keeps its bytes in place.
  struct Borrowed {
    HeadChunk chunk;
    std::shared_ptr<const io::Mapping> keeper;
  };
  /// Errors: corruption (names file and offset), io.
  [[nodiscard]] Result<Borrowed> read(HeadChunkPlace place) const;

  /// Removes all files below `file`, but for the one that is being written.
  Result<void> remove_before(std::uint32_t file);
  /// Of the files there are, the one that `number` stands for modulo kMostFiles.
  [[nodiscard]] std::uint32_t resolve(std::uint32_t number) const;

  struct File {
    std::uint32_t number;
    std::uint64_t size_bytes;
  };
  /// Ascending; sizes without what was made longer before.
  [[nodiscard]] std::vector<File> files() const;
  /// The same before load(), with the sizes that the files have. Errors: io.
  [[nodiscard]] Result<std::vector<File>> list() const;
  /// Whether load() or append() met a chunk of late samples.
  [[nodiscard]] bool has_out_of_order() const { return has_out_of_order_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t size_bytes() const;
  /// Pages that readers touched do not count as this process' memory any more.
  void release_pages() const;

 private:
  struct Entry {
    std::uint32_t number = 0;
    std::string path;
    std::uint64_t size = 0;    ///< up to here there are whole chunks
    std::uint64_t mapped = 0;  ///< the mapping is good up to here
    std::shared_ptr<const io::Mapping> mapping;
  };
  struct Counters;

  HeadChunkFiles(io::FileSystem& fs, std::string directory, prometheus::Registry* registry);

  /// A mapping, and the part of it that holds whole chunks.
  struct View {
    std::shared_ptr<const io::Mapping> keeper;
    io::Bytes bytes;
  };
  [[nodiscard]] Result<View> view(HeadChunkPlace place) const;

  // ---- Loading
  Result<std::vector<Entry>> list_files(Loaded& loaded);
  Result<void> remove_behind(std::vector<Entry>& listed, std::size_t count);
  Result<void> cut_off(const Entry& file, std::uint64_t size);
  // ---- Writing
  Result<void> begin_file();
  Result<void> finish_file();
  Result<void> cut_back();
  Result<void> write_anew();

  io::FileSystem& fs_;
  const std::string directory_;
  std::unique_ptr<Counters> counters_;

  /// The file being written, which is the last one; null before the first append() and after cut().
  std::unique_ptr<io::WritableFile> current_;
  bool torn_ = false;       ///< current_ has bytes behind the last whole chunk
  bool unsynced_ = false;   ///< current_ has chunks that were not synced
  bool lost_sync_ = false;  ///< a sync of current_ failed: what the disk has is unknown
  bool cut_ = false;        ///< current_ shall be finished
  std::uint32_t last_number_ = 0;
  std::vector<std::byte> buffer_;
  std::atomic<bool> has_out_of_order_ = false;

  mutable sync::Mutex mutex_;
  mutable std::deque<Entry> files_ NARTHEX_GUARDED_BY(mutex_);
};

}  // namespace narthex::tsdb
