// Framing: WAL records cut into fragments of pages, and found again, also behind damage.
//
// Works on the bytes of one segment in memory; wal.h has the layout. A record's data may be
// compressed: the flag in its type byte says how, nothing here looks inside.
// Threads: values; a RecordScanner is for one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "io/file_system.h"

namespace narthex::tsdb {

inline constexpr std::size_t kFragmentHeaderBytes = 7;

/// How a record's data is compressed. The numbers are on disk, as bits of the type byte.
enum class RecordFlag : std::uint8_t { plain = 0, snappy = 1 << 3, zstd = 1 << 4 };

struct RawRecord {
  RecordFlag flag = RecordFlag::plain;
  io::Bytes data;  ///< in the segment; or, if it was put together of several fragments, valid until the
                   ///< scanner moves on
  bool is_assembled = false;
  std::uint64_t offset = 0;  ///< of its first fragment
  std::uint64_t end = 0;     ///< behind its last fragment
};

/// Appends the fragments of one record to `out`, and zeros where no further header fits into
/// the page. @param offset  where in the segment this will stand @return the offset behind it
std::uint64_t frame_record(std::uint64_t offset, RecordFlag flag, io::Bytes data,
                           std::vector<std::byte>& out);

/// The reason that a scanner gives for what a torn write leaves at the end of a segment.
inline constexpr const char* kEndsInsideRecord = "the segment ends inside a record";

/// Whole records of a segment in order. Damage is reported and skipped: scanning goes on at
/// the next fragment whose header, length and checksum hold.
class RecordScanner {
 public:
  using OnGap = std::function<void(std::uint64_t offset, std::uint64_t bytes, const std::string& why)>;
  /// @param segment  must outlive this
  RecordScanner(io::Bytes segment, OnGap on_gap) : segment_(segment), on_gap_(std::move(on_gap)) {}

  std::optional<RawRecord> next();

 private:
  enum class Part : std::uint8_t { end, padding, full, first, middle, last, bad };
  struct Fragment {
    Part part = Part::end;
    RecordFlag flag = RecordFlag::plain;
    io::Bytes data;
    std::uint64_t next = 0;     ///< where the next fragment begins
    const char* why = nullptr;  ///< of a bad one
  };
  [[nodiscard]] Fragment fragment_at(std::uint64_t at) const;
  [[nodiscard]] bool begins_fragment(std::uint64_t at, std::uint64_t& budget) const;
  [[nodiscard]] bool begins_record_of_next_page(std::uint64_t at) const;
  [[nodiscard]] std::uint64_t resynchronise(const Fragment& bad) const;
  void open_gap(std::uint64_t offset, const char* why);
  void close_gap(std::uint64_t end);

  struct Gap {
    std::uint64_t offset;
    std::string why;
  };

  io::Bytes segment_;
  OnGap on_gap_;
  std::uint64_t at_ = 0;
  std::optional<Gap> gap_;
  std::vector<std::byte> assembled_;
};

}  // namespace narthex::tsdb
