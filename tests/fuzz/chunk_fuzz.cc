// Chunks of every encoding from arbitrary bytes: both readers agree, and what decodes comes back
// the same through the builder and through a builder that resumes it.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "model/value.h"
#include "tests/fuzz/fuzz_input.h"
#include "tsdb/chunk/chunk_builder.h"
#include "tsdb/chunk/chunk_samples.h"
#include "tsdb/chunk/encoding.h"
#include "tsdb/chunk/histogram_resolution.h"

namespace {

using namespace narthex;
using namespace narthex::tsdb;

bool same(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

/// Counts by the bucket's index: empty buckets and how spans are cut say nothing.
std::map<std::int64_t, std::uint64_t> by_index(const std::vector<HistogramSpan>& spans,
                                               const std::vector<double>& counts) {
  std::map<std::int64_t, std::uint64_t> out;
  std::int64_t index = 0;
  std::size_t at = 0;
  for (const HistogramSpan& span : spans) {
    index += span.offset;
    for (std::uint32_t k = 0; k < span.length; ++k, ++index, ++at) {
      check(at < counts.size(), "spans fit the buckets");
      // Spans may overlap in what is not sound: the sum over both says as much.
      if (counts[at] != 0) out[index] += std::bit_cast<std::uint64_t>(counts[at]);
    }
  }
  check(at == counts.size(), "buckets fit the spans");
  return out;
}

bool same(const FloatHistogram& a, const FloatHistogram& b) {
  if (!same(a.sum, b.sum)) return false;
  if (is_stale_nan(a.sum)) return true;
  bool bounds = a.custom_values.size() == b.custom_values.size();
  for (std::size_t i = 0; bounds && i < a.custom_values.size(); ++i)
    bounds = same(a.custom_values[i], b.custom_values[i]);
  return bounds && a.schema == b.schema && same(a.zero_threshold, b.zero_threshold) &&
         same(a.zero_count, b.zero_count) && same(a.count, b.count) &&
         by_index(a.positive_spans, a.positive_buckets) == by_index(b.positive_spans, b.positive_buckets) &&
         by_index(a.negative_spans, a.negative_buckets) == by_index(b.negative_spans, b.negative_buckets);
}

FloatHistogram float_at(const ChunkSamples& samples, std::size_t i) {
  return samples.kind == SampleKind::histograms ? to_float(samples.histograms[i])
                                                : samples.float_histograms[i];
}

Timestamp start_at(const ChunkSamples& samples, std::size_t i) {
  return samples.st.empty() ? 0 : samples.st[i];
}

bool same_sample(const ChunkSamples& a, std::size_t i, const ChunkSamples& b, std::size_t k) {
  if (a.kind != b.kind || a.t[i] != b.t[k]) return false;
  if (a.kind == SampleKind::floats) return same(a.v[i], b.v[k]);
  return same(float_at(a, i), float_at(b, k));
}

void check_both_readers(std::uint8_t encoding, io::Bytes chunk, const ChunkSamples& samples, bool decoded) {
  storage::SampleColumns columns;
  const bool widened = decode_chunk(encoding, chunk, {}, columns).has_value();
  check(widened == decoded, "both readers take it or refuse it");
  if (!decoded) return;
  check(columns.t == samples.t, "both readers see the same times");
  for (std::size_t i = 0; i < samples.size(); ++i) {
    check((columns.st.empty() ? 0 : columns.st[i]) == start_at(samples, i), "and the same starts");
    if (samples.kind == SampleKind::floats) {
      check(same(columns.v[i], samples.v[i]), "and the same values");
      continue;
    }
    FloatHistogram h = float_at(samples, i);
    if (h.schema > kFinestSchema && !is_stale_nan(h.sum)) reduce_resolution(h, kFinestSchema);
    check(same(columns.histograms[i].value, h), "and the same histograms");
  }
}

/// Everything that `chunks` hold, one sample after the other, is in `want` at `kept`.
void check_rebuilt(const std::vector<BuiltChunk>& chunks, const ChunkSamples& want,
                   const std::vector<std::size_t>& kept) {
  std::size_t at = 0;
  for (const BuiltChunk& chunk : chunks) {
    ChunkSamples got;
    check(decode_samples(chunk.encoding, chunk.bytes, got).has_value(), "our own chunk decodes");
    check(got.size() == count_chunk_samples(chunk.encoding, chunk.bytes), "its header counts them");
    for (std::size_t i = 0; i < got.size(); ++i, ++at) {
      check(at < kept.size() && same_sample(got, i, want, kept[at]), "samples come back");
      if (keeps_start(chunk.encoding)) check(start_at(got, i) == start_at(want, kept[at]), "starts too");
    }
  }
  check(at == kept.size(), "none is lost");
}

void check_resumed(std::uint8_t encoding, io::Bytes chunk, const ChunkSamples& samples) {
  ChunkBuilder builder({.xor2_floats = encoding == 4, .histograms_with_start = encoding >= 5});
  if (!builder.resume(encoding, chunk) || !builder.has_open()) return;
  ChunkSamples got;
  check(decode_samples(builder.open_encoding(), builder.open_bytes(), got).has_value(),
        "a resumed chunk decodes");
  check(got.size() == samples.size(), "with all its samples");
  for (std::size_t i = 0; i < got.size(); ++i) check(same_sample(got, i, samples, i), "as they were");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  const std::uint8_t how = input.u8();
  const auto encoding = static_cast<std::uint8_t>(how % 8);
  const io::Bytes rest = input.rest();
  // On the heap and of the exact size, so that a read beyond the end is seen.
  const std::vector<std::byte> chunk(rest.begin(), rest.end());
  ChunkSamples samples;
  const bool decoded = decode_samples(encoding, chunk, samples).has_value();
  check_both_readers(encoding, chunk, samples, decoded);
  if (!decoded) return 0;

  ChunkBuilder builder({.xor2_floats = (how & 0x10) != 0, .histograms_with_start = (how & 0x20) != 0});
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    // The builder's callers see to the order.
    if (!kept.empty() && samples.t[i] <= samples.t[kept.back()]) continue;
    builder.append(samples, i);
    kept.push_back(i);
  }
  builder.finish();
  check_rebuilt(builder.take_finished(), samples, kept);
  check_resumed(encoding, chunk, samples);
  return 0;
}
