// XOR chunks: nanoseconds a sample for the mix that a head of a million series sees: half the
// series constant, 35 % counters with integer steps, 15 % gauges that walk with three decimals.
#include <benchmark/benchmark.h>

#include <cmath>
#include <random>
#include <vector>

#include "tsdb/chunk/xor_chunk.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kSamples = 120;

enum Kind : std::int64_t { constant, counter, gauge, mix };

struct Chunk {
  std::vector<Timestamp> t;
  std::vector<double> v;
  std::vector<std::byte> bytes;
};

Chunk make_chunk(std::int64_t kind, std::mt19937_64& random) {
  Chunk chunk;
  Timestamp t = 1'700'000'000'000 + static_cast<Timestamp>(random() % 15'000);
  double v = static_cast<double>(random() % 100'000);
  for (std::size_t i = 0; i < kSamples; ++i) {
    chunk.t.push_back(t);
    chunk.v.push_back(v);
    t += 15'000;
    if (kind == counter) v += static_cast<double>(random() % 50);
    if (kind == gauge) v = std::round((v + static_cast<double>(random() % 2001) / 1000 - 1) * 1000) / 1000;
  }
  XorState state;
  chunk.bytes.resize(kSamples * kXorMaxSampleBytes);
  for (std::size_t i = 0; i < kSamples; ++i) xor_append(state, chunk.bytes.data(), chunk.t[i], chunk.v[i]);
  chunk.bytes.resize(state.size_bytes());
  chunk.bytes.shrink_to_fit();
  return chunk;
}

std::vector<Chunk> make_chunks(std::int64_t kind) {
  std::mt19937_64 random(42);
  std::vector<Chunk> chunks;
  for (int i = 0; i < 200; ++i) {
    const int share = i % 20;
    const std::int64_t mixed = share < 10 ? constant : share < 17 ? counter : gauge;
    chunks.push_back(make_chunk(kind == mix ? mixed : kind, random));
  }
  return chunks;
}

void label(benchmark::State& state, const std::vector<Chunk>& chunks) {
  std::size_t bytes = 0;
  for (const Chunk& c : chunks) bytes += c.bytes.size();
  state.counters["bytes_per_chunk"] = static_cast<double>(bytes) / static_cast<double>(chunks.size());
  const auto samples =
      static_cast<double>(state.iterations()) * static_cast<double>(chunks.size() * kSamples);
  state.counters["ns_per_sample"] =
      benchmark::Counter(samples / 1e9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void encode(benchmark::State& state) {
  const auto chunks = make_chunks(state.range(0));
  std::vector<std::byte> bytes(kSamples * kXorMaxSampleBytes);
  for (auto _ : state) {
    for (const Chunk& c : chunks) {
      XorState encoder;
      for (std::size_t i = 0; i < kSamples; ++i) xor_append(encoder, bytes.data(), c.t[i], c.v[i]);
      benchmark::DoNotOptimize(encoder);
    }
  }
  label(state, chunks);
}
BENCHMARK(encode)->ArgName("kind")->Arg(constant)->Arg(counter)->Arg(gauge)->Arg(mix);

void decode(benchmark::State& state) {
  const auto chunks = make_chunks(state.range(0));
  std::vector<Timestamp> t;
  std::vector<double> v;
  for (auto _ : state) {
    for (const Chunk& c : chunks) {
      t.clear();
      v.clear();
      benchmark::DoNotOptimize(xor_decode(c.bytes, {}, t, v));
      benchmark::DoNotOptimize(v.data());
    }
  }
  label(state, chunks);
}
BENCHMARK(decode)->ArgName("kind")->Arg(constant)->Arg(counter)->Arg(gauge)->Arg(mix);

}  // namespace
}  // namespace narthex::tsdb
