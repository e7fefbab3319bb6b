// Blocks: selecting from 100,000 series on disk and reading their samples.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <string>

#include "tsdb/block/block.h"
#include "tsdb/block/block_writer.h"
#include "tsdb/chunk/xor_chunk.h"

namespace narthex::tsdb {
namespace {

constexpr int kInstances = 1000;
constexpr int kMetrics = 100;
constexpr int kSamples = 480;
constexpr int kChunkSamples = 120;

std::vector<std::vector<std::byte>> encode_chunks(int series, std::vector<ChunkToWrite>& chunks) {
  std::vector<std::vector<std::byte>> bytes;
  for (int from = 0; from < kSamples; from += kChunkSamples) {
    XorState state;
    std::vector<std::byte>& chunk = bytes.emplace_back(kChunkSamples * kXorMaxSampleBytes);
    for (int k = from; k < from + kChunkSamples; ++k)
      xor_append(state, chunk.data(), 15'000LL * k, series % 2 == 0 ? 1.0 : series + k * 3.0);
    chunk.resize(state.size_bytes());
    chunks.push_back({15'000LL * from, state.t, kXorEncoding, {}});
  }
  for (std::size_t i = 0; i < chunks.size(); ++i) chunks[i].bytes = bytes[i];
  return bytes;
}

/// A block of kMetrics metrics on each of kInstances instances; written once.
const std::string& block_directory() {
  static const std::string path = [] {
    const auto parent = std::filesystem::temp_directory_path() / "narthex_block_bench";
    std::filesystem::remove_all(parent);
    std::vector<std::string> symbols = {"__name__", "instance", "job", "node"};
    for (int m = 0; m < kMetrics; ++m) symbols.push_back("metric_" + std::to_string(100 + m) + "_total");
    for (int i = 0; i < kInstances; ++i) symbols.push_back("host-" + std::to_string(1000 + i));
    BlockMeta meta;
    meta.ulid = make_ulid(0);
    meta.maxt = 15'000LL * kSamples;
    auto writer = BlockWriter::create(io::local_file_system(), parent.string(), meta, symbols);
    if (!writer) return std::string();
    for (int m = 0; m < kMetrics; ++m) {
      for (int i = 0; i < kInstances; ++i) {
        std::vector<ChunkToWrite> chunks;
        const auto bytes = encode_chunks(m, chunks);
        const Labels labels{{"__name__", symbols[4 + static_cast<std::size_t>(m)]},
                            {"instance", symbols[4 + kMetrics + static_cast<std::size_t>(i)]},
                            {"job", "node"}};
        if (!(*writer)->add_series(labels, chunks)) return std::string();
      }
    }
    return (*writer)->finish() ? (parent / meta.ulid).string() : std::string();
  }();
  return path;
}

Matcher make(MatchOp op, const char* name, const char* value) {
  return *Matcher::make(op, name, value);
}

std::vector<Matcher> matchers_of(std::int64_t kind) {
  const Matcher metric = make(MatchOp::equal, "__name__", "metric_150_total");
  switch (kind) {
    case 0:  // one series
      return {metric, make(MatchOp::equal, "instance", "host-1500")};
    case 1:  // 1,000 series
      return {metric, make(MatchOp::equal, "job", "node")};
    case 2:  // 100 of 1,000 by an expression
      return {metric, make(MatchOp::regex, "instance", "host-15.*")};
    default:  // 100 of all 100,000 by two expressions
      return {make(MatchOp::regex, "__name__", ".*_1[05]0_.*"),
              make(MatchOp::regex, "instance", ".*15[0-4].")};
  }
}

void select_series(benchmark::State& state) {
  auto block = Block::open(io::local_file_system(), block_directory());
  if (!block) return state.SkipWithError(block.error().text.c_str());
  const auto matchers = matchers_of(state.range(0));
  std::size_t found = 0;
  for (auto _ : state) {
    const auto querier = (*block)->querier({});
    LabelPool pool;
    const auto set = (*querier)->select({}, matchers, pool, {});
    if (!set) return state.SkipWithError(set.error().text.c_str());
    found = (*set)->size();
  }
  state.counters["series"] = static_cast<double>(found);
}
BENCHMARK(select_series)->ArgName("kind")->DenseRange(0, 3);

void read_samples(benchmark::State& state) {
  auto block = Block::open(io::local_file_system(), block_directory());
  if (!block) return state.SkipWithError(block.error().text.c_str());
  const auto querier = (*block)->querier({});
  LabelPool pool;
  const auto matchers = matchers_of(1);
  const auto set = (*querier)->select({}, matchers, pool, {});
  if (!set) return state.SkipWithError(set.error().text.c_str());
  storage::SampleColumns columns;
  std::size_t samples = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < (*set)->size(); ++i) {
      columns.clear();
      if (auto read = (*set)->samples(i, {}, columns); !read) return state.SkipWithError("corrupt");
      samples += columns.t.size();
    }
  }
  state.counters["ns_per_sample"] = benchmark::Counter(
      static_cast<double>(samples) / 1e9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(read_samples);

}  // namespace
}  // namespace narthex::tsdb
