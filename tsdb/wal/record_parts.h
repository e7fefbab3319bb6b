// Parts that several kinds of WAL records share.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "model/labels.h"
#include "model/result.h"
#include "model/time.h"
#include "tsdb/encoding.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {

/// "samples record ends inside its entry 3".
std::unexpected<Error> ends_in_entry(const char* kind, std::size_t entry);
std::unexpected<Error> wrong_record_type(const char* want, io::Bytes record);

/// Count, then each name and value.
void put_labels(std::vector<std::byte>& out, const Labels& labels);
/// Errors: corruption, limit.
Result<Labels> take_labels(ByteReader& in);

/// Difference of times or references, wrapping.
inline std::int64_t difference(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::int64_t>(a - b);
}
inline std::int64_t time_difference(Timestamp a, Timestamp b) {
  return difference(static_cast<std::uint64_t>(a), static_cast<std::uint64_t>(b));
}

/// Reference and time in front of the entries of types 2, 4 and 7 to 10, and the entries' relative to them.
class BaseWriter {
 public:
  BaseWriter(std::vector<std::byte>& out, WalRef ref, Timestamp t) : ref_(ref), t_(t) {
    put_be<std::uint64_t>(out, ref);
    put_be<std::uint64_t>(out, static_cast<std::uint64_t>(t));
  }
  void put(std::vector<std::byte>& out, WalRef ref, Timestamp t) const {
    put_varint(out, difference(ref, ref_));
    put_varint(out, time_difference(t, t_));
  }

 private:
  WalRef ref_;
  Timestamp t_;
};

struct EntryHead {
  WalRef ref = 0;
  Timestamp t = 0;
  Timestamp st = 0;
};

class BaseReader {
 public:
  explicit BaseReader(ByteReader& in) : ref_(in.be64()), t_(in.be64()) {}
  EntryHead take(ByteReader& in) const {
    const WalRef ref = ref_ + static_cast<std::uint64_t>(in.varint());
    return {ref, static_cast<Timestamp>(t_ + static_cast<std::uint64_t>(in.varint())), 0};
  }

 private:
  std::uint64_t ref_;
  std::uint64_t t_;
};

/// The heads of entries of types 11 to 13: reference relative to the entry before, time to the
/// first; the start behind a byte: 0 none, 1 that of the entry before, 2 relative to the first.
class ChainWriter {
 public:
  void put(std::vector<std::byte>& out, const EntryHead& entry) {
    put_varint(out, difference(entry.ref, before_.ref));
    put_varint(out, time_difference(entry.t, first_.t));
    if (!begun_) {
      put_varint(out, entry.st);
      first_ = entry;
      begun_ = true;
    } else if (entry.st == 0) {
      put_u8(out, kNoStart);
    } else if (entry.st == before_.st) {
      put_u8(out, kSameStart);
    } else {
      put_u8(out, kOtherStart);
      put_varint(out, time_difference(entry.st, first_.st));
    }
    before_ = entry;
  }

 private:
  friend class ChainReader;
  static constexpr std::uint8_t kNoStart = 0;
  static constexpr std::uint8_t kSameStart = 1;
  static constexpr std::uint8_t kOtherStart = 2;

  bool begun_ = false;
  EntryHead first_;
  EntryHead before_;
};

class ChainReader {
 public:
  EntryHead take(ByteReader& in) {
    EntryHead entry;
    entry.ref = before_.ref + static_cast<std::uint64_t>(in.varint());
    entry.t = sum(first_.t, in.varint());
    if (!begun_) {
      entry.st = in.varint();
      first_ = entry;
      begun_ = true;
    } else {
      const std::uint8_t marker = in.u8();
      if (marker == ChainWriter::kSameStart)
        entry.st = before_.st;
      else if (marker != ChainWriter::kNoStart)
        entry.st = sum(first_.st, in.varint());
    }
    before_ = entry;
    return entry;
  }

 private:
  static Timestamp sum(Timestamp a, std::int64_t b) {
    return static_cast<Timestamp>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  }

  bool begun_ = false;
  EntryHead first_;
  EntryHead before_;
};

}  // namespace narthex::tsdb
