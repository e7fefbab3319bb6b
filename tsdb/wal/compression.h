// Compression of WAL records: snappy blocks or zstd frames, as Prometheus writes them.
//
// Threads: compress_record any; a RecordDecompressor is for one thread.
#pragma once

#include <memory>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"
#include "tsdb/wal/framing.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {

/// More is not unpacked: a record of ours is a scrape or a request, far below this.
inline constexpr std::size_t kMaxRecordBytes = std::size_t{512} << 20;

/// How a record was compressed, and to how many bytes; plain and none if they would not be fewer.
struct CompressedRecord {
  RecordFlag flag = RecordFlag::plain;
  std::size_t size = 0;
};
/// Compresses the record into `buffer` from `at` on, which grows if it has to: what stands behind is
/// anything. (A buffer that is emptied for each record would be filled with zeros for each.)
CompressedRecord compress_record(WalCompression how, io::Bytes record, std::vector<std::byte>& buffer,
                                 std::size_t at);

class RecordDecompressor {
 public:
  RecordDecompressor();
  ~RecordDecompressor();
  RecordDecompressor(RecordDecompressor&&) noexcept;
  RecordDecompressor& operator=(RecordDecompressor&&) noexcept;

  /// Valid until the next call and while `data` is. Errors: corruption, limit.
  Result<io::Bytes> decompress(RecordFlag flag, io::Bytes data);
  /// The same into `buffer` from `at` on, which grows if it has to: what stands behind is anything.
  /// @return  the record's size. Errors: corruption, limit.
  Result<std::size_t> decompress(RecordFlag flag, io::Bytes data, std::vector<std::byte>& buffer,
                                 std::size_t at);
  /// Whether decompress() would succeed; cheaper where the format allows.
  Result<void> verify(RecordFlag flag, io::Bytes data);

 private:
  static Result<std::size_t> decompress_snappy(io::Bytes data, std::vector<std::byte>& buffer,
                                               std::size_t at);
  Result<io::Bytes> decompress_zstd(io::Bytes data);

  struct Zstd;
  std::unique_ptr<Zstd> zstd_;  ///< made when the first zstd record comes
  std::vector<std::byte> buffer_;
};

}  // namespace narthex::tsdb
