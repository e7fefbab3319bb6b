// The chunk segments of a block, walked by the references of its index: every byte belongs to one
// chunk, every checksum is right, and every chunk can be decoded and has the times of the index.
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tsdb/block/index_format.h"
#include "tsdb/chunk/chunk_samples.h"
#include "tsdb/verify/verification.h"

namespace narthex::tsdb {

struct ChunkTally {
  std::uint64_t float_samples = 0;
  std::uint64_t histogram_samples = 0;
  bool complete = true;  ///< every chunk could be decoded
};

class ChunkVerifier {
 public:
  /// @param path  of the folder `chunks`
  ChunkVerifier(Verification& v, std::string path);

  /// A chunk of the series at `series_offset` of the index; inside of `range`, or it is reported.
  void verify(std::uint64_t series_offset, const ChunkMeta& meta, TimeRange range);
  /// Reports what no series refers to.
  void finish();
  [[nodiscard]] const ChunkTally& tally() const { return tally_; }

 private:
  struct Gap {
    std::uint64_t begin;
    std::uint64_t end;
  };
  struct Segment {
    std::string path;
    std::unique_ptr<io::Mapping> mapping;  ///< null if it cannot be read
    std::uint64_t next = 0;                ///< behind the chunks so far
    std::vector<Gap> gaps;                 ///< before `next`, that nobody has referred to yet
  };

  void open_segment(const io::DirEntry& entry);
  void take(Segment& segment, std::uint64_t begin, std::uint64_t end);
  void verify_samples(const Segment& segment, std::uint64_t offset, std::uint8_t encoding, io::Bytes data,
                      const ChunkMeta& meta, TimeRange range);

  Verification& v_;
  std::string path_;
  std::vector<Segment> segments_;
  ChunkTally tally_;
  ChunkSamples samples_;
};

/// What is wrong with the samples of a chunk that claims to span `range`; empty if nothing is.
/// `samples` receives them. Blocks and head chunk files share it.
[[nodiscard]] std::string fault_in_chunk(std::uint8_t encoding, io::Bytes data, TimeRange range,
                                         ChunkSamples& samples);

}  // namespace narthex::tsdb
