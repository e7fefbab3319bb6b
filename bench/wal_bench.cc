// WAL: nanoseconds a sample to encode, decode, and to log a scrape of 1,000 samples.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <random>
#include <vector>

#include "tsdb/wal/record.h"
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
