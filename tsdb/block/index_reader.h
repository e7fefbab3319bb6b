// IndexReader: the index of one block, read in place from its mapping.
//
// Symbols and the postings table are checked and sampled when first used.
// Threads: any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"
#include "sync/mutex.h"
#include "tsdb/block/index_format.h"
#include "tsdb/block/postings_table.h"
#include "tsdb/block/symbol_table.h"
#include "tsdb/encoding.h"

namespace narthex::tsdb {

/// Series references of one (name, value), ascending, big-endian where they lie.
class PostingsList {
 public:
  PostingsList() = default;
  explicit PostingsList(io::Bytes refs) : refs_(refs) {}

  [[nodiscard]] std::size_t size() const { return refs_.size() / 4; }
  [[nodiscard]] std::uint32_t operator[](std::size_t i) const {
    return load_be<std::uint32_t>(refs_.data() + 4 * i);
  }

 private:
  io::Bytes refs_;
};

/// Label pairs as symbol numbers, and chunks, of one series.
class SeriesEntry {
 public:
  SeriesEntry() = default;
  explicit SeriesEntry(io::Bytes body) : body_(body) {}

  /// Calls visit(name symbol, value symbol) for each label. Errors: corruption.
  template <class Visit>
  [[nodiscard]] Result<void> each_label(Visit visit) const;
  /// Appends the chunks to `out`. Errors: corruption.
  [[nodiscard]] Result<void> chunks(std::vector<ChunkMeta>& out) const;

 private:
  io::Bytes body_;
};

class IndexReader {
 public:
  /// Checks magic, version, and table of contents. Errors: corruption, io.
  static Result<std::unique_ptr<IndexReader>> open(io::FileSystem& fs, const std::string& path);

  [[nodiscard]] std::uint8_t version() const { return version_; }
  [[nodiscard]] std::uint64_t size_bytes() const { return bytes_.size(); }
  /// 0 as long as no symbol was asked for.
  [[nodiscard]] std::uint64_t symbol_table_bytes() const;

  // Errors of all below: corruption. What they return is valid while this lives.
  [[nodiscard]] Result<const SymbolTable*> symbols() const;
  [[nodiscard]] Result<const PostingsTable*> postings_table() const;
  [[nodiscard]] Result<PostingsList> postings_at(std::uint64_t offset) const;
  /// Empty if no series has the pair; of ("", "") all series.
  [[nodiscard]] Result<PostingsList> postings(std::string_view name, std::string_view value) const;
  [[nodiscard]] Result<SeriesEntry> series(std::uint32_t ref) const;

 private:
  IndexReader() = default;

  std::unique_ptr<io::Mapping> mapping_;
  io::Bytes bytes_;
  std::uint8_t version_ = 0;
  IndexToc toc_;

  /// Offsets, one more than they are, of postings that were found sound: hot lists are not summed up again
  /// for each query. Each has one place, and a newer one takes it.
  mutable std::array<std::atomic<std::uint64_t>, 512> sound_postings_{};

  mutable sync::Mutex mutex_;
  // Never changed once made.
  mutable std::unique_ptr<const SymbolTable> symbols_ NARTHEX_GUARDED_BY(mutex_);
  mutable std::unique_ptr<const PostingsTable> postings_table_ NARTHEX_GUARDED_BY(mutex_);
};

template <class Visit>
Result<void> SeriesEntry::each_label(Visit visit) const {
  ByteReader in(body_);
  const std::uint64_t count = in.uvarint();
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t name = in.uvarint();
    const std::uint64_t value = in.uvarint();
    if (!in.ok()) return fail(Code::corruption, "index: the labels of a series end early");
    visit(name, value);
  }
  return {};
}

}  // namespace narthex::tsdb
