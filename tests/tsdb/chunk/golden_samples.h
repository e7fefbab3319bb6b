// The fixtures under golden/: samples as text, and the chunks that Prometheus 3.14 makes of them.
//
//   series NAME range=MS xor2=BOOL start=BOOL
//   v T ST VALUE
//   i|f T ST HINT SCHEMA THRESHOLD ZEROS COUNT SUM [SPANS] [SPANS] [BUCKETS] [BUCKETS] [BOUNDS]
//   = ENCODING MINT MAXT HEX
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <istream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/histogram.h"
#include "model/time.h"
#include "tsdb/chunk/chunk_builder.h"

namespace narthex::tsdb {

struct GoldenSample {
  Timestamp t = 0;
  Timestamp st = 0;
  std::variant<double, Histogram, FloatHistogram> value;
};

struct GoldenSeries {
  std::string name;
  ChunkBuilderOptions options;
  std::vector<GoldenSample> samples;
  std::vector<BuiltChunk> chunks;
};

/// All series of a fixture; fails the test where it does not parse.
std::vector<GoldenSeries> read_golden_series(const std::string& path);
/// What stands behind `kind` (v, i or f) in a line.
GoldenSample parse_golden_sample(const std::string& kind, std::istream& in);
/// "0x7ff8..." or decimal.
double parse_golden_number(const std::string& text);
/// Opens a fixture: `path` is absolute or relative to the source's root.
std::ifstream open_golden(const std::string& path);
std::vector<std::byte> from_hex(std::string_view text);
/// Appends one sample. @return as ChunkBuilder::append
bool append_golden(ChunkBuilder& builder, const GoldenSample& sample);
std::string to_hex(io::Bytes bytes);

}  // namespace narthex::tsdb
