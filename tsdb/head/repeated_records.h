// RepeatedRecords: records of samples whose series and times are known without decoding them.
//
// A target's scrapes are records that name the same series in the same order again and again. Of such a
// record only the values and the time of the first sample are new; everything else is bytes that repeat:
//
//   2 | first ref u64 | first t u64 | ref varint | t varint | value f64 | ref varint | t varint | value ...
//       `- the same                   `- the same --------'               `- the same --------'
//
// Who has decoded one, and knows what is to be done with those like it while their times are in some range,
// can have the next ones told by comparing four bytes a sample.
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
  /// What is to be done with records like one that was remembered.
  enum class Use : std::uint8_t {
    skip,
    gather,  ///< the values, by series
  };
  /// What a record seems to be.
  struct Likeness {
    std::uint32_t number = kNoNumber;  ///< of the one that was remembered
    Use use = Use::skip;
    std::size_t samples = 0;
    Timestamp first = 0;
  };

  /// What the times in `record`, which is sound, are distances to.
  [[nodiscard]] static Timestamp first_time(io::Bytes record);
  /// Whether `record` has the first reference and the length of one that was remembered, and all its times in
  /// the range that was given then. kNoNumber: no.
  [[nodiscard]] Likeness find(io::Bytes record) const;
  /// Whether it is like that one indeed: has its references, and its distances in time.
  /// @param number  as found
  [[nodiscard]] bool is_like(io::Bytes record, std::uint32_t number) const;
  /// The same, and copies the values. @param values  one for each sample
  [[nodiscard]] bool take_values(io::Bytes record, std::uint32_t number, double* values) const;
  /// That will be asked of the record soon: what it needs is on its way to the cache then.
  void prefetch(io::Bytes record) const;

  /// Whether the last record that was noted with the same first reference has the same length; notes it.
  bool note(io::Bytes record);
  /// @param record  of type samples (2), sound
  /// @param range  of times; replaces what was known of records with the same first reference
  /// @return  its number; kNoNumber: it is none to be remembered
  std::uint32_t remember(io::Bytes record, TimeRange range, Use use);
  void forget_all();
  /// Of all records that are remembered; each takes four bytes.
  [[nodiscard]] std::size_t count_samples() const { return samples_; }

 private:
  /// Entries with heads, which are reference and time, of the same length.
  struct Run {
    std::uint32_t entries;
    std::uint32_t head_bytes;
  };
  struct Shape {
    std::size_t record_bytes = 0;
    TimeRange first_time;  ///< in which the first sample's time has to be
    Use use = Use::skip;
    std::vector<Run> runs;             ///< of `heads`
    std::vector<std::uint32_t> heads;  ///< as they are in the record, and zeros behind
  };
  template <class OnValue>
  [[nodiscard]] static bool compare(io::Bytes record, const Shape& shape, OnValue on_value);

  RefTable numbers_;  ///< of shapes, by first reference
  std::vector<Shape> shapes_;
  std::size_t samples_ = 0;
  RefTable lengths_;  ///< of records that were noted, by first reference
};

}  // namespace narthex::tsdb
