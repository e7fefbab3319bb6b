// Start timestamps in chunks of encodings 4, 5 and 6: nothing is written while they are unknown
// or stay the same.
//
// Header byte: bit 7: the first sample has one, behind its other fields as varint t - start;
// bits 0-6: index of the first sample whose start differs, 0 if none does. From that sample on
// each has one behind its other fields: first the distance d of its start to the sample before it
// (its time less the start) as varbit, then how much d grew. Since seven bits cannot say more,
// sample 127 counts as a change in any case.
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model/time.h"
#include "tsdb/chunk/bit_reader.h"
#include "tsdb/chunk/bit_writer.h"
#include "tsdb/chunk/varbit.h"

namespace narthex::tsdb {

struct StartTimes {
  static constexpr std::uint8_t kFirstKnown = 0x80;
  static constexpr std::size_t kLastChange = 0x7f;

  std::uint8_t header = 0;
  Timestamp st = 0;
  std::uint64_t distance = 0;  ///< time of the sample before less the start

  [[nodiscard]] std::size_t change_on() const { return header & kLastChange; }

  /// Behind the fields of sample `index`; the caller writes the header byte.
  /// @param before  time of the sample before it
  void put(BitBuffer& out, std::size_t index, Timestamp t, Timestamp before, Timestamp start) {
    if (index == 0) {
      if (start != 0) {
        out.put_varint(difference(t, start));
        header |= kFirstKnown;
      }
    } else if (change_on() == 0) {
      if (start != st || index == kLastChange) {
        header |= static_cast<std::uint8_t>(index);
        distance = static_cast<std::uint64_t>(difference(before, start));
        put_varbit(out, static_cast<std::int64_t>(distance));
      }
    } else {
      const auto now = static_cast<std::uint64_t>(difference(before, start));
      put_varbit(out, static_cast<std::int64_t>(now - distance));
      distance = now;
    }
    st = start;
  }

  void take(BitReader& in, std::size_t index, Timestamp t, Timestamp before) {
    if (index == 0) {
      if (header & kFirstKnown) st = difference(t, in.varint());
      return;
    }
    if (change_on() == 0 || index < change_on()) return;
    const auto grown = static_cast<std::uint64_t>(take_varbit(in));
    distance = index == change_on() ? grown : distance + grown;
    st = difference(before, static_cast<std::int64_t>(distance));
  }

 private:
  /// Wraps like Go's.
  static std::int64_t difference(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
  }
};

}  // namespace narthex::tsdb
