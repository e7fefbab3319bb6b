// A log (wal, a checkpoint, wbl), record by record.
//
// Threads: one at a time.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "tsdb/verify/verification.h"
#include "tsdb/wal/framing.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {

class LogVerifier {
 public:
  explicit LogVerifier(Verification& v) : v_(v) {}

  /// The checkpoints in `path`, then its segments. Series that one call met are known to the next.
  void verify(const std::string& path);
  [[nodiscard]] bool knows(WalRef ref) const { return named_.contains(ref); }

 private:
  struct Directory {
    std::vector<io::DirEntry> segments;  ///< ascending by number
    std::vector<std::uint32_t> checkpoints;
  };
  [[nodiscard]] Directory sort_names(const std::string& path, const std::vector<io::DirEntry>& entries);
  void verify_order(const std::string& path, const Directory& directory);
  void verify_segments(const std::string& path, const std::vector<io::DirEntry>& segments);
  void verify_segment(const std::string& path, bool is_last);
  void verify_types(const std::string& path, io::Bytes segment, const RawRecord& record);
  Result<void> verify_record(io::Bytes record);
  void count_unknown(WalRef ref);

  Verification& v_;
  boost::unordered_flat_set<WalRef> named_;
  boost::unordered_flat_set<WalRef> unnamed_;
  std::uint64_t unnamed_samples_ = 0;

  // Kept for their memory.
  std::vector<SeriesRecord> series_;
  std::vector<SampleRecord> samples_;
  std::vector<HistogramRecord> histograms_;
  std::vector<ExemplarRecord> exemplars_;
  std::vector<MetadataRecord> metadata_;
  std::vector<TombstoneRecord> tombstones_;
  std::vector<MmapMarkerRecord> markers_;
};

/// The files in `path`, whose chunks belong to series that `log` knows.
void verify_head_chunks(Verification& v, const std::string& path);

}  // namespace narthex::tsdb
