// WAL: nanoseconds a sample to encode, decode, unpack, and to log a scrape of 1,000 samples.
#include <benchmark/benchmark.h>
#include <snappy.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <vector>

#include "bench/head_load.h"
#include "tsdb/wal/compression.h"
#include "tsdb/wal/record.h"
#include "tsdb/wal/snappy_block.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {
namespace {

/// One scrape: neighbouring references, one time, values as exporters give them.
std::vector<SampleRecord> make_scrape(std::size_t count) {
  std::mt19937_64 random(42);
  std::vector<SampleRecord> samples;
  for (std::size_t i = 0; i < count; ++i) {
    const double v = i % 2 == 0 ? 0 : static_cast<double>(random() % 1'000'000) / (i % 3 == 0 ? 1000 : 1);
    samples.push_back({4'000'000 + i, 1'700'000'000'000, v});
  }
  return samples;
}

void per_sample(benchmark::State& state, std::size_t samples) {
  state.counters["ns_per_sample"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(samples) / 1e9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void encode_scrape(benchmark::State& state) {
  const auto samples = make_scrape(1000);
  std::vector<std::byte> out;
  for (auto _ : state) {
    out.clear();
    encode_samples(samples, out);
    benchmark::DoNotOptimize(out.data());
  }
  per_sample(state, samples.size());
  state.counters["bytes_per_sample"] = static_cast<double>(out.size()) / static_cast<double>(samples.size());
}
BENCHMARK(encode_scrape);

void decode_scrape(benchmark::State& state) {
  std::vector<std::byte> record;
  encode_samples(make_scrape(1000), record);
  std::vector<SampleRecord> out;
  for (auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(decode_samples(record, out));
  }
  per_sample(state, 1000);
}
BENCHMARK(decode_scrape);

void decode_thousand_series(benchmark::State& state) {
  std::vector<SeriesRecord> series;
  series.reserve(1000);
  for (WalRef ref = 0; ref < 1000; ++ref) {
    series.push_back({ref, Labels{{"__name__", "node_network_receive_bytes_total"},
                                  {"cluster", "production"},
                                  {"device", "eth" + std::to_string(ref)},
                                  {"instance", "host-17.example.org:9100"},
                                  {"job", "node"}}});
  }
  std::vector<std::byte> record;
  encode_series(series, record);
  std::vector<SeriesRecord> out;
  for (auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(decode_series(record, out));
  }
  per_sample(state, 1000);
}
BENCHMARK(decode_thousand_series);

/// Scrapes of as many targets as no branch predictor can learn by heart.
/// @param state  range(0): 0 packed as here, 1 as by the library, and so by Prometheus
void unpack_scrapes(benchmark::State& state) {
  constexpr std::size_t kTargets = 200;
  LoadValues values(kTargets * kSeriesPerTarget);
  std::vector<std::vector<std::byte>> blocks;
  std::size_t most = 0;
  for (int scrape = 0; scrape < 40; ++scrape) {
    blocks.clear();
    for (std::size_t first = 0; first < kTargets * kSeriesPerTarget; first += kSeriesPerTarget) {
      std::vector<SampleRecord> samples;
      for (std::size_t i = first; i < first + kSeriesPerTarget; ++i)
        samples.push_back({4'000'000 + i, kLoadStart + scrape * kLoadInterval, values.next(i)});
      std::vector<std::byte> record;
      encode_samples(samples, record);
      most = std::max(most, record.size());
      std::vector<std::byte>& block = blocks.emplace_back();
      if (state.range(0) == 0) {
        block.resize(compress_record(WalCompression::snappy, record, block, 0).size);
        continue;
      }
      block.resize(snappy::MaxCompressedLength(record.size()));
      std::size_t size = 0;
      snappy::RawCompress(reinterpret_cast<const char*>(record.data()), record.size(),
                          reinterpret_cast<char*>(block.data()), &size);
      block.resize(size);
    }
  }
  std::vector<std::byte> out(most + kUnpackSlack);
  for (auto _ : state) {
    for (const auto& block : blocks) benchmark::DoNotOptimize(unpack_snappy(block, out));
  }
  per_sample(state, kTargets * kSeriesPerTarget);
}
BENCHMARK(unpack_scrapes)->ArgName("library")->Arg(0)->Arg(1);

void log_scrape(benchmark::State& state) {
  const auto dir = std::filesystem::temp_directory_path() / "narthex_wal_bench";
  std::filesystem::remove_all(dir);
  const WalOptions options{.compression = static_cast<WalCompression>(state.range(0))};
  auto wal = Wal::open(io::local_file_system(), (dir / "wal").string(), options, nullptr);
  if (!wal) return state.SkipWithError(wal.error().text.c_str());
  std::vector<std::byte> record;
  encode_samples(make_scrape(1000), record);
  for (auto _ : state) {
    if (auto logged = (*wal)->log(record); !logged) return state.SkipWithError(logged.error().text.c_str());
  }
  per_sample(state, 1000);
  wal->reset();
  std::filesystem::remove_all(dir);
}
BENCHMARK(log_scrape)->ArgName("compression")->Arg(0)->Arg(1)->Arg(2)->Iterations(20'000);

}  // namespace
}  // namespace narthex::tsdb
