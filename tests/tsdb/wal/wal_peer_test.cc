// WAL directories exchanged with the real Prometheus.
#include <doctest/doctest.h>

#include <map>

#include "tests/tsdb/peer.h"
#include "tests/tsdb/wal/wal_fixture.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {
namespace {

struct Content {
  std::map<WalRef, Labels> series;
  std::vector<std::string> lines;
};

/// All segments of a WAL as dump lines.
Content read_samples(const std::string& dir) {
  Content content;
  const ReadBack got = read_all(io::local_file_system(), dir);
  CHECK(got.damage.empty());
  for (const std::string& record : got.records) {
    const io::Bytes bytes = io::as_bytes(record);
    if (record_type(bytes) == RecordType::series) {
      std::vector<SeriesRecord> series;
      REQUIRE(decode_series(bytes, series));
      for (SeriesRecord& s : series) content.series[s.ref] = std::move(s.labels);
    } else if (record_type(bytes) == RecordType::samples || record_type(bytes) == RecordType::samples_v2) {
      std::vector<SampleRecord> samples;
      REQUIRE(decode_samples(bytes, samples));
      for (const SampleRecord& s : samples) {
        REQUIRE(content.series.contains(s.ref));
        content.lines.push_back(dump_line(content.series[s.ref], s.t, s.v));
      }
    }
  }
  std::sort(content.lines.begin(), content.lines.end());
  return content;
}

/// A few scrapes into `dir`. @return the dump lines of what was logged
std::vector<std::string> write_scrapes(const std::string& dir, WalOptions options) {
  std::vector<std::string> lines;
  const auto wal = open_wal(io::local_file_system(), dir, options);
  std::vector<SeriesRecord> series;
  for (WalRef ref = 1; ref <= 3000; ++ref)
    series.push_back({ref, Labels{{"__name__", "m"}, {"i", std::to_string(ref)}, {"text", "é\"\n"}}});
  std::vector<std::byte> record;
  encode_series(series, record);
  REQUIRE(wal->log(record));
  for (int scrape = 0; scrape < 20; ++scrape) {
    std::vector<SampleRecord> samples;
    for (const SeriesRecord& s : series) {
      const Timestamp t = 1'700'000'000'000 + scrape * 15'000;
      const double v = static_cast<double>(s.ref * 31 % 977) / 8 + scrape;
      samples.push_back({s.ref, t, v});
      lines.push_back(dump_line(s.labels, t, v));
    }
    record.clear();
    encode_samples(samples, record);
    REQUIRE(wal->log(record));
    if (scrape == 7) REQUIRE(wal->cut_segment());
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace

TEST_CASE("peers: a WAL of ours is replayed by promtool, sample by sample") {
  const std::string promtool = find_promtool();
  if (promtool.empty()) return;
  const bool old = run_peer("/tmp", promtool + " --version").find("version 2.") != std::string::npos;
  for (const auto compression : {WalCompression::none, WalCompression::snappy, WalCompression::zstd}) {
    // 2.42 does not know zstd.
    if (old && compression == WalCompression::zstd) continue;
    CAPTURE(static_cast<int>(compression));
    const TemporaryFolder folder;
    const WalOptions options{.segment_bytes = 8 * kWalPageBytes, .compression = compression};
    const auto lines = write_scrapes(folder.path() + "/wal", options);
    CHECK((dump(promtool, folder.path()) == lines));
  }
}

TEST_CASE("peers: a damaged WAL that we repaired is replayed by promtool to its end") {
  const std::string promtool = find_promtool();
  if (promtool.empty()) return;
  const TemporaryFolder folder;
  const std::string dir = folder.path() + "/wal";
  const WalOptions options{.segment_bytes = 8 * kWalPageBytes, .compression = WalCompression::none};
  const auto lines = write_scrapes(dir, options);
  // One byte in the middle of segment 1, which holds samples only; later segments follow it.
  const std::string victim = segment_path(dir, 1);
  std::string bytes = *io::local_file_system().read_file(victim);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x20);
  write_file(io::local_file_system(), victim, io::as_bytes(bytes));
  REQUIRE(repair_wal(io::local_file_system(), dir, folder.path() + "/narthex/quarantine"));
  const auto got = dump(promtool, folder.path());
  CHECK(got.size() == lines.size() - 3000);
  CHECK(std::ranges::includes(lines, got));
}

TEST_CASE("peers: a WAL of promtool's is read by us, record by record") {
  const std::string promtool = find_promtool();
  if (promtool.empty()) return;
  const TemporaryFolder folder;
  {
    std::ofstream series(folder.path() + "/series.json");
    for (int i = 0; i < 500; ++i)
      series << R"({"__name__":"bench","instance":"host-)" << i << R"(","job":"j"})" << '\n';
  }
  run_peer(folder.path(), promtool + " tsdb bench write --out=bench --metrics=500 --scrapes=10 series.json");
  const Content content = read_samples(folder.path() + "/bench/storage/wal");
  CHECK(content.series.size() == 500);
  CHECK(!content.lines.empty());
  CHECK((content.lines == dump(promtool, folder.path() + "/bench/storage")));
}

}  // namespace narthex::tsdb
