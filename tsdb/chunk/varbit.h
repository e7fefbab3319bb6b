// Varbit: integers of chunks in 1 to 72 bits, short for those near zero.
//
//   0              0
//   10        3    -3..4                      11110     12   -2047..2048
//   110       6    -31..32                    111110    18   -131071..131072
//   1110      9    -255..256                  1111110   25   ... 11111110 56, 11111111 64
//
// Prefix, then so many bits of the value; unsigned ones use the same classes from 0 on.
// Full format: Prometheus tsdb/docs/format/chunks.md.
// Threads: any.
#pragma once

#include <cstdint>

#include "tsdb/chunk/bit_reader.h"
#include "tsdb/chunk/bit_writer.h"

namespace narthex::tsdb {

void put_varbit(BitBuffer& out, std::int64_t value);
void put_varbit_unsigned(BitBuffer& out, std::uint64_t value);
/// A read beyond the end shows in ok() of the reader.
std::int64_t take_varbit(BitReader& in);
std::uint64_t take_varbit_unsigned(BitReader& in);

}  // namespace narthex::tsdb
