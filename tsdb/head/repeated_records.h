// RepeatedRecords: records of samples whose series and times are known without decoding them.
//
// A target's scrapes are records that name the same series in the same order again and again. Of such a
// record only the values and the time of the first sample are new; everything else is bytes that repeat:
//
//   2 | first ref u64 | first t u64 | ref varint | t varint | value f64 | ref varint | t varint | value ...
//       `- the same                   `- the same --------'               `- the same --------'
//
// Who has decoded one and knows that until some time nothing of it matters can have the next ones told by
// comparing four bytes a sample.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "io/file_system.h"
#include "model/time.h"
#include "tsdb/head/ref_table.h"

namespace narthex::tsdb {

class RepeatedRecords {
 public:
  /// Samples in `record`, if it is like one that was remembered and has all its times in the range that was
  /// given then; else 0.
  [[nodiscard]] std::size_t count_within(io::Bytes record) const;
  /// count_within() will be asked of that record soon: what it needs is on its way to the cache then.
  void prefetch(io::Bytes record) const;
  /// @param record  of type samples (2), sound
  /// @param range  of times; replaces what was known of records with the same first reference
  void remember(io::Bytes record, TimeRange range);
  void forget_all();

 private:
  /// Entries with heads, which are reference and time, of the same length.
  struct Run {
    std::uint32_t entries;
    std::uint32_t head_bytes;
  };
  struct Shape {
    std::size_t record_bytes = 0;
    TimeRange first_time;              ///< in which the first sample's time has to be
    std::vector<Run> runs;             ///< of `heads`
    std::vector<std::uint32_t> heads;  ///< as they are in the record, and zeros behind
  };

  RefTable numbers_;  ///< of shapes, by first reference
  std::vector<Shape> shapes_;
};

}  // namespace narthex::tsdb
