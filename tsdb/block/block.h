// Block: an immutable block directory, memory-mapped and queried in place.
//
// Reads index versions 1, 2 and 3 and XOR chunks; nothing is copied to the heap per series.
// Shared: a query keeps the block it reads alive after the database has let it go.
//
// Threads: any.
#pragma once

#include <memory>
#include <string>

#include "io/file_system.h"
#include "model/result.h"
#include "storage/querier.h"
#include "tsdb/block/block_meta.h"

namespace narthex::tsdb {

struct BlockFiles;
class ChunkSource;

class Block : public std::enable_shared_from_this<Block> {
 public:
  /// Checks magic numbers, versions, table of contents and its checksum; sections are checked
  /// when first used. Errors: corruption (names file and section), io, not_found.
  static Result<std::shared_ptr<Block>> open(io::FileSystem& fs, const std::string& directory);
  ~Block();

  [[nodiscard]] const BlockMeta& meta() const;
  [[nodiscard]] const std::string& directory() const;
  [[nodiscard]] std::uint64_t size_bytes() const;
  /// Memory for the symbols of its index: for those of which the place is kept.
  [[nodiscard]] std::uint64_t symbol_table_bytes() const;
  /// For those who read it whole: compaction and tools. Never null.
  [[nodiscard]] std::shared_ptr<const BlockFiles> files() const;
  /// Sorted by labels. Samples outside `range` and deleted ones (tombstones) are left out.
  Result<std::unique_ptr<storage::Querier>> querier(TimeRange range) const;
  /// What compaction reads. It may be longer-lived than the block.
  [[nodiscard]] std::unique_ptr<ChunkSource> chunk_source(TimeRange range) const;

 private:
  struct Impl;
  explicit Block(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace narthex::tsdb
