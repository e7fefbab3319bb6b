// pack_samples: records of samples as snappy blocks, at a fraction of the library's cost.
//
// A snappy block is literal bytes and copies of what came before; how its writer finds the copies
// is his own affair, and any reader of snappy reads the result. The library looks for them at every
// byte. In a record of samples two places pay: the end of a value beside the end of the value before
// it, which is a sample's length away, and the bytes around the begin of a value beside a sample not
// long before that had the same there.
//
//   sample:   .. r0 r1 | 00 | 41 2e 84 80 00 00 00 00      reference, time, value (big-endian)
//   next:     .. r0'r1 | 00 | 41 2e 10 68 00 00 00 00      whole numbers end in zeros
//                 `---------------'       `---------- copied: 4 bytes, 11 back, in 2
//                     copied: 4 bytes, 11 back, in 2
//
// and where the value is the same, all from r1 on is one copy. A quarter of the library's time; blocks
// are some percent larger (bench/repeated_scrape_bench).
// Threads: any.
#pragma once

#include <cstddef>

#include "io/file_system.h"

namespace narthex::tsdb {

/// Room that the block of a record may need.
constexpr std::size_t packed_samples_bound(std::size_t record_bytes) {
  return record_bytes + record_bytes / 32 + 64;
}

/// Writes the snappy block of a record of type samples, sound or not.
/// @param to  room for packed_samples_bound(record.size()) bytes
/// @return  bytes written
std::size_t pack_samples(io::Bytes record, std::byte* to);

}  // namespace narthex::tsdb
