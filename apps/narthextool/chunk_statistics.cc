#include "apps/narthextool/chunk_statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "tsdb/chunk/chunk_samples.h"
#include "tsdb/chunk/encoding.h"

namespace narthex::apps {
namespace {

struct Bars {
  std::int64_t start = 0;
  std::int64_t end = 0;
  std::int64_t step = 0;
};

Bars bars_for(std::int64_t least, std::int64_t most) {
  const std::int64_t tenth = (most - least) / 10;
  constexpr std::int64_t kWidest = 10'000;
  Bars bars;
  bars.step = 10;
  while (bars.step < tenth && bars.step <= kWidest) bars.step *= 10;
  bars.start = least - least % bars.step;
  bars.end = most - most % bars.step + bars.step;
  return bars;
}

std::string histogram_text(std::string_view what, std::vector<std::int64_t> values, std::size_t total) {
  if (values.empty()) return fmt::format("{}: N/A\n\n", what);
  std::ranges::sort(values);
  const Bars bars = bars_for(values.front(), values.back());
  std::vector<std::int64_t> counts(static_cast<std::size_t>((bars.end - bars.start) / bars.step + 1));
  for (const std::int64_t v : values) ++counts[static_cast<std::size_t>((v - bars.start) / bars.step)];
  const std::int64_t sum = std::accumulate(values.begin(), values.end(), std::int64_t{0});
  std::string out = fmt::format("{} (min/avg/max): {}/{}/{}\n", what, values.front(),
                                sum / static_cast<std::int64_t>(values.size()), values.back());
  const std::size_t left_width = std::to_string(bars.end).size();
  const std::size_t right_width = std::to_string(bars.end + bars.step).size();
  const std::size_t count_width = std::to_string(*std::ranges::max_element(counts)).size();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const std::int64_t low = static_cast<std::int64_t>(i) * bars.step + bars.start;
    const auto percent = static_cast<std::size_t>(100 * counts[i] / static_cast<std::int64_t>(total));
    out += fmt::format("[{:{}}, {:{}}]: {:{}} {}\n", low + 1, left_width, low + bars.step, right_width,
                       counts[i], count_width, std::string(percent, '#'));
  }
  return out + "\n";
}

std::size_t count_buckets(const tsdb::ChunkSamples& samples) {
  std::size_t buckets = 0;
  for (const Histogram& h : samples.histograms) {
    buckets += h.positive_deltas.size() + h.negative_deltas.size();
  }
  for (const FloatHistogram& h : samples.float_histograms) {
    buckets += h.positive_buckets.size() + h.negative_buckets.size();
  }
  return buckets;
}

}  // namespace

Result<void> ChunkStatistics::add(const tsdb::ChunkView& chunk) {
  ++chunks_;
  const auto samples = static_cast<std::int64_t>(tsdb::count_chunk_samples(chunk.encoding, chunk.data));
  const auto bytes = static_cast<std::int64_t>(chunk.data.size());
  if (!tsdb::is_histogram_encoding(chunk.encoding)) {
    float_samples_.push_back(samples);
    float_bytes_.push_back(bytes);
    return {};
  }
  tsdb::ChunkSamples decoded;
  if (auto done = tsdb::decode_samples(chunk.encoding, chunk.data, decoded); !done) return done;
  histogram_samples_.push_back(samples);
  histogram_bytes_.push_back(bytes);
  histogram_buckets_.push_back(static_cast<std::int64_t>(count_buckets(decoded)));
  return {};
}

std::string ChunkStatistics::text() const {
  return "\nCompaction analysis:\n\n" + histogram_text("samples per float chunk", float_samples_, chunks_) +
         histogram_text("bytes per float chunk", float_bytes_, chunks_) +
         histogram_text("samples per histogram chunk", histogram_samples_, chunks_) +
         histogram_text("bytes per histogram chunk", histogram_bytes_, chunks_) +
         histogram_text("buckets per histogram chunk", histogram_buckets_, chunks_);
}

}  // namespace narthex::apps
