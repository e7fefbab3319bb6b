// A repeated scrape's share of parsing: cutting each line into series, value and timestamp, and
// the value's number. Beside it what a first scrape costs, which also reads the labels.
// The page is a node_exporter's in kind, or the text-format page of the conformance data.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "bench/node_exporter_page.h"
#include "scrape/exposition/parser.h"

using namespace narthex;
using namespace narthex::scrape;
using narthex::bench::node_exporter_page;

namespace {

std::string page_of(int which) {
  if (which == 0) return node_exporter_page();
  const char* folder = std::getenv("NARTHEX_CONFORMANCE");
  std::ifstream file(std::string(folder ? folder : "") + "/exposition/alltypes.237mfs.prom.txt",
                     std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void count_bytes(benchmark::State& state, const ScrapeBody& body, std::size_t samples) {
  const auto rounds = static_cast<std::int64_t>(state.iterations());
  state.SetBytesProcessed(rounds * static_cast<std::int64_t>(body.size()));
  state.SetItemsProcessed(rounds * static_cast<std::int64_t>(samples));
}

/// @param scan  one of the two ways
void repeated_scrape(benchmark::State& state, ScanBlock scan) {
  const ScrapeBody body(page_of(static_cast<int>(state.range(0))));
  if (body.size() == 0) return state.SkipWithError("set NARTHEX_CONFORMANCE");
  std::size_t samples = 0;
  for (auto _ : state) {
    Parser parser(body, Format::text, scan);
    samples = 0;
    for (;;) {
      const auto kind = parser.next();
      if (!kind || *kind == EntryKind::end) break;
      if (*kind != EntryKind::series) continue;
      benchmark::DoNotOptimize(parser.entry().series_text.data());
      benchmark::DoNotOptimize(parse_value(parser.entry().value_text));
      ++samples;
    }
  }
  count_bytes(state, body, samples);
}

void first_scrape(benchmark::State& state) {
  const ScrapeBody body(page_of(static_cast<int>(state.range(0))));
  if (body.size() == 0) return state.SkipWithError("set NARTHEX_CONFORMANCE");
  std::size_t samples = 0;
  for (auto _ : state) {
    Parser parser(body, Format::text);
    samples = 0;
    for (;;) {
      const auto kind = parser.next();
      if (!kind || *kind == EntryKind::end) break;
      if (*kind != EntryKind::series) continue;
      benchmark::DoNotOptimize(
          parse_series(parser.entry().series_text, {Format::text, parser.type(), {}, false}));
      benchmark::DoNotOptimize(parse_value(parser.entry().value_text));
      ++samples;
    }
  }
  count_bytes(state, body, samples);
}

BENCHMARK_CAPTURE(repeated_scrape, best, best_scan_block())->Arg(0)->Arg(1);
BENCHMARK_CAPTURE(repeated_scrape, scalar, scan_block_scalar)->Arg(0)->Arg(1);
BENCHMARK(first_scrape)->Arg(0)->Arg(1);

}  // namespace
