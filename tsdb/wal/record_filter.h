// RecordFilter: what of a WAL record a checkpoint keeps, without building its content anew.
//
// Entries of samples, exemplars and histograms stand relative to a base at the front of their
// record, so those that stay are copied as they are behind the same base. In the newer types
// (11 to 13) each entry leans on the one before: those that stay get new heads in front of the same
// values. Types that we do not know and what contradicts its format stay as they are.
// Threads: one at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "io/file_system.h"
#include "model/time.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {

class RecordFilter {
 public:
  using Keep = std::function<bool(WalRef)>;
  /// @param keep  whether a series stays. @param mint  samples before it go
  /// @param deletions_from  deletions that end before both go
  RecordFilter(const Keep& keep, Timestamp mint, Timestamp deletions_from = kMaxTime)
      : keep_(keep), mint_(mint), deletions_from_(std::min(mint, deletions_from)) {}

  /// Appends what stays of `record` to `out`: nothing, or one record. Metadata is held back.
  void apply(io::Bytes record, std::vector<std::byte>& out);
  /// Appends a record with the newest metadata of each series that stays, if there is any.
  void put_metadata(std::vector<std::byte>& out) const;

 private:
  bool keep_series(io::Bytes record, std::vector<std::byte>& out) const;
  bool keep_tombstones(io::Bytes record, std::vector<std::byte>& out) const;
  bool keep_based(io::Bytes record, std::vector<std::byte>& out) const;
  bool keep_chained(io::Bytes record, std::vector<std::byte>& out) const;
  bool hold_metadata(io::Bytes record);
  [[nodiscard]] bool wanted(WalRef ref, Timestamp t) const { return t >= mint_ && keep_(ref); }

  const Keep& keep_;
  Timestamp mint_;
  Timestamp deletions_from_;
  std::map<WalRef, std::vector<std::byte>> metadata_;  ///< body behind the reference
};

}  // namespace narthex::tsdb
