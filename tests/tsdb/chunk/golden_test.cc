// Byte for byte what Prometheus 3.14 (commit d15adb9) writes; see golden/README.md.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "model/value.h"
#include "tests/tsdb/chunk/golden_samples.h"
#include "tests/tsdb/why.h"
#include "tsdb/chunk/chunk_builder.h"
#include "tsdb/chunk/chunk_samples.h"

namespace narthex::tsdb {
namespace {

std::vector<BuiltChunk> build(const GoldenSeries& series) {
  ChunkBuilder builder(series.options);
  for (const GoldenSample& sample : series.samples) append_golden(builder, sample);
  builder.finish();
  return builder.take_finished();
}

/// A longer recording than the one checked in, by hand: NARTHEX_GOLDEN_EXTRA=/path, made as
/// golden/README.md says.
std::vector<GoldenSeries> all_series() {
  const char* extra = std::getenv("NARTHEX_GOLDEN_EXTRA");
  return read_golden_series(extra != nullptr ? extra : "tests/tsdb/chunk/golden/chunks-3.14.txt");
}

TEST_CASE("golden chunks: the same samples make the same chunks as Prometheus 3.14") {
  for (const GoldenSeries& series : all_series()) {
    CAPTURE(series.name);
    CAPTURE(series.options.block_range);
    const std::vector<BuiltChunk> built = build(series);
    for (std::size_t i = 0; i < std::min(built.size(), series.chunks.size()); ++i) {
      CAPTURE(i);
      const BuiltChunk& want = series.chunks[i];
      REQUIRE(int{built[i].encoding} == int{want.encoding});
      REQUIRE(built[i].range.mint == want.range.mint);
      REQUIRE(built[i].range.maxt == want.range.maxt);
      REQUIRE(to_hex(built[i].bytes) == to_hex(want.bytes));
    }
    CHECK(built.size() == series.chunks.size());
  }
}

}  // namespace
}  // namespace narthex::tsdb
