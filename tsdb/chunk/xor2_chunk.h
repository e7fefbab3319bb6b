// XOR2 chunks: encoding 4, floats with start timestamps.
//
// Bytes: count u16 big-endian | start header | bit stream. First sample: varint t, 64 bits v;
// second: uvarint delta, value; then
//
//   0                     same distance, same value
//   10    | changed       same distance
//   110   | 13 bits of delta-of-delta (two's complement) | value
//   1110  | 20 bits | value
//   11110 | 64 bits | value
//   11111                 same distance, staleness marker
//
//   value    0: same | 10 bits: in the window used last | 110 window bits | 111: staleness marker
//   changed             0 bits                          | 1 window bits
//   window   leading zeros 5 | width 6, 0 for 64
//
// and behind each sample the fields of start_times.h. Values are XORed with the last one that was
// no staleness marker (0 if there was none yet).
// Full format: Prometheus tsdb/docs/format/chunks.md, tsdb/chunkenc/xor2.go.
// Threads: one at a time per chunk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"
#include "model/time.h"
#include "tsdb/chunk/bit_writer.h"
#include "tsdb/chunk/start_times.h"

namespace narthex::tsdb {

/// State common to writer and reader.
struct Xor2State {
  std::size_t count = 0;
  Timestamp t = 0;
  std::uint64_t delta = 0;
  std::uint64_t base = 0;       ///< bits of the last value that was no marker
  std::uint8_t leading = 0xff;  ///< 0xff: no window yet
  std::uint8_t trailing = 0;
  StartTimes start;
};

class Xor2Writer {
 public:
  Xor2Writer();
  /// Goes on with a chunk. Errors: corruption.
  static Result<Xor2Writer> resume(io::Bytes chunk);

  void append(Timestamp t, Timestamp st, double v);

  [[nodiscard]] io::Bytes bytes() const { return out_.bytes(); }
  [[nodiscard]] std::size_t count() const { return state_.count; }
  [[nodiscard]] Timestamp maxt() const { return state_.t; }
  [[nodiscard]] std::size_t heap_bytes() const { return out_.capacity(); }

 private:
  Xor2Writer(const Xor2State& state, BitBuffer out) : state_(state), out_(std::move(out)) {}

  Xor2State state_;
  BitBuffer out_;
};

/// The samples of an XOR chunk (encoding 1), which none of has a start timestamp. Errors: corruption.
Result<Xor2Writer> xor2_from_xor(io::Bytes chunk);

/// Appends the samples of `chunk` that lie in `range`. `st` follows `t` from the first start
/// timestamp on: empty, or as long as `t`. Errors: corruption; the vectors may then hold a part.
Result<void> xor2_decode(io::Bytes chunk, TimeRange range, std::vector<Timestamp>& t,
                         std::vector<Timestamp>& st, std::vector<double>& v);

}  // namespace narthex::tsdb
