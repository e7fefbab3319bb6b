// BlockImport: samples that were not scraped, on their way into one block.
//
//   series() and add() -> a head without a log -> write(): <directory>/<ULID>
//
// Samples of one series come in the order of their times, as promtool wants them. It looks at them
// batch by batch: a sample that is not newer than what earlier batches brought is an error, one that
// is not newer than its own batch is left out. promtool does the latter in silence; here it is
// counted (docs/decisions/041-imports-refuse-what-promtool-refuses.md).
//
// Memory: the compressed samples of one block.
// Threads: one at a time.
// Source: Prometheus tsdb/blockwriter.go, tsdb/head_append.go (appendable)
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "model/clock.h"
#include "model/labels.h"
#include "model/result.h"
#include "model/time.h"
#include "storage/appender.h"
#include "tsdb/block/block.h"
#include "tsdb/head/head.h"

namespace narthex::apps {

/// How long blocks are if they may be so long: two hours times the largest power of three, up to 4.5 years.
DurationMs import_block_duration(DurationMs longest);
/// Where the block that `t` belongs to begins.
Timestamp start_of_block(Timestamp t, DurationMs block_duration);

class BlockImport {
 public:
  /// Samples that promtool hands to its store at once.
  static constexpr std::size_t kBatch = 5000;
  using SeriesNumber = std::uint32_t;

  /// @param batch  for tests
  explicit BlockImport(DurationMs block_duration, std::size_t batch = kBatch);

  /// Finds the series or makes it. Errors: invalid (labels that no series may have).
  Result<SeriesNumber> series(const Labels& labels);
  /// All samples lie in one block's range. Errors: invalid (older than an earlier batch, or another
  /// value for a time), with Prometheus' text.
  Result<void> add(SeriesNumber number, Timestamp t, double v);
  /// Samples of either kind that were not newer than their own batch.
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }

  /// After the last sample. @return  the block, open; null if there was no sample
  /// Errors: io.
  Result<std::shared_ptr<tsdb::Block>> write(io::FileSystem& fs, const std::string& directory,
                                             const Clock& clock);

 private:
  struct Newest {
    Timestamp t = kMinTime;
    double v = 0;
  };
  struct Series {
    storage::SeriesRef ref;
    std::uint64_t batch = 0;  ///< that `newest` is of; 0: none yet
    Newest newest;
    Newest before;  ///< of earlier batches
  };

  Result<void> commit();

  tsdb::Head head_;
  std::unique_ptr<storage::Appender> appender_;
  std::size_t batch_size_;
  std::uint64_t batch_ = 1;
  std::size_t in_batch_ = 0;
  std::uint64_t left_out_ = 0;
  std::vector<Series> series_;
  boost::unordered_flat_map<std::uint64_t, SeriesNumber> numbers_;  ///< by reference
};

}  // namespace narthex::apps
