// A repeated scrape's share of parsing: cutting each line into series, value and timestamp, and
// the value's number. Beside it what a first scrape costs, which also reads the labels.
// The page is a node_exporter's in kind, or the text-format page of the conformance data.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "scrape/exposition/parser.h"

using namespace narthex;
using namespace narthex::scrape;

namespace {

std::string node_exporter_page() {
  std::string page;
  auto number = [state = std::uint64_t{1}]() mutable {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return state >> 33U;
  };
  page +=
      "# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.\n# TYPE node_cpu_seconds_total "
      "counter\n";
  for (int cpu = 0; cpu < 32; ++cpu)
    for (const char* mode : {"idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"})
      page += "node_cpu_seconds_total{cpu=\"" + std::to_string(cpu) + "\",mode=\"" + mode + "\"} " +
              std::to_string(number() % 10'000'000) + "." + std::to_string(number() % 100) + "\n";
  for (const char* name :
       {"reads_completed_total", "read_bytes_total", "io_time_seconds_total", "writes_merged_total"}) {
    page += "# HELP node_disk_" + std::string(name) + " A total.\n# TYPE node_disk_" + name + " counter\n";
    for (int disk = 0; disk < 12; ++disk)
      page += "node_disk_" + std::string(name) + "{device=\"nvme" + std::to_string(disk) + "n1\"} " +
              std::to_string(number() % 1'000'000) + "e+06\n";
  }
  page +=
      "# HELP node_filesystem_avail_bytes Filesystem space available.\n# TYPE node_filesystem_avail_bytes "
      "gauge\n";
  for (int fs = 0; fs < 40; ++fs)
    page += "node_filesystem_avail_bytes{device=\"/dev/mapper/vg-root" + std::to_string(fs) +
            "\",device_error=\"\",fstype=\"ext4\",mountpoint=\"/var/lib/data/" + std::to_string(fs) + "\"} " +
            std::to_string(number() * 4096) + "\n";
  for (int i = 0; i < 400; ++i) {
    const std::string name = "node_netstat_Ip_InDatagrams" + std::to_string(i);
    page += "# HELP " + name + " Statistic.\n# TYPE " + name + " untyped\n" + name + " " +
            std::to_string(number()) + "\n";
  }
  return page;
}

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
