// The layout of a histogram chunk: what all its samples have in common, once at its beginning.
//
// Bits: zero threshold | varbit schema | positive spans | negative spans | custom bounds.
//   zero threshold  one byte: 0 for 0; 1..254 for 2^(n-244); 255 for any other, in 64 bits behind it
//   spans           varbit count, then varbit length and varbit offset of each
//   custom bounds   schema -53 only: varbit count, then each bound: varbit 1000 times it plus one, if
//                   that is a whole number up to 33,554,431, else a zero bit and 64 bits
// Full format: Prometheus tsdb/docs/format/chunks.md.
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/histogram.h"
#include "tsdb/chunk/bit_reader.h"
#include "tsdb/chunk/bit_writer.h"

namespace narthex::tsdb {

struct HistogramLayout {
  std::int32_t schema = 0;
  double zero_threshold = 0;
  std::vector<HistogramSpan> positive_spans;
  std::vector<HistogramSpan> negative_spans;
  std::vector<double> custom_values;
};

/// Buckets that the spans stand for.
[[nodiscard]] std::size_t count_buckets(const std::vector<HistogramSpan>& spans);
/// Schemas that may stand in a chunk: -9 to 52, of which those above 8 are coarsened for queries.
[[nodiscard]] inline bool is_known_schema(std::int32_t schema) {
  return uses_custom_buckets(schema) || (-9 <= schema && schema <= 52);
}

void put_layout(BitBuffer& out, const HistogramLayout& layout);
/// Reads at most as many spans, bounds and buckets as there are bits left.
/// @return false if it is damaged or the schema is unknown
bool take_layout(BitReader& in, HistogramLayout& layout);

}  // namespace narthex::tsdb
