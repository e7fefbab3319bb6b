#include "tsdb/wal/packing_trials.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/tsdb/wal/wal_fixture.h"
#include "tsdb/wal/record.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {
namespace {

/// A scrape of 100 series from `first` on; values that stand still, or such that nothing repeats.
std::vector<std::byte> record_of(WalRef first, bool still, std::mt19937_64& random) {
  std::vector<SampleRecord> samples;
  for (WalRef i = 0; i < 100; ++i) {
    samples.push_back({first + i, 1'700'000'000'000, still ? 0.0 : static_cast<double>(random()) / 7});
  }
  std::vector<std::byte> record;
  encode_samples(samples, record);
  return record;
}

/// Bytes that the log takes for the record, framing included.
std::uint64_t logged_bytes(Wal& wal, io::FaultFileSystem& fs, const std::vector<std::byte>& record) {
  const std::string path = "data/wal/00000000";
  const std::uint64_t before = *fs.file_size(path);
  REQUIRE(wal.log(record));
  return *fs.file_size(path) - before;
}

TEST_CASE("packing: records that do not shrink by an eighth are left as they are, and tried again") {
  std::mt19937_64 random(1);
  PackingTrials trials;
  const auto record = record_of(1000, false, random);
  for (int round = 0; round < 3; ++round) {
    REQUIRE(trials.is_due(record));
    trials.note(record, record.size() / 9);
    for (int i = 0; i < PackingTrials::kRest; ++i) CHECK_FALSE(trials.is_due(record));
  }
  // Now it pays.
  REQUIRE(trials.is_due(record));
  trials.note(record, record.size() / 2);
  for (int i = 0; i < 20; ++i) CHECK(trials.is_due(record));
}

TEST_CASE("packing: what is no record of samples is always packed") {
  PackingTrials trials;
  std::vector<std::byte> series;
  encode_series(std::vector<SeriesRecord>{{1, Labels{{"__name__", "up"}}}}, series);
  const std::vector<std::byte> short_one(3, static_cast<std::byte>(RecordType::samples));
  for (const std::vector<std::byte>& record : {series, short_one, std::vector<std::byte>()}) {
    for (int i = 0; i < 3; ++i) {
      CHECK(trials.is_due(record));
      trials.note(record, 0);
    }
  }
}

TEST_CASE("WAL: targets whose records pack are packed beside others whose records do not") {
  std::mt19937_64 random(2);
  io::FaultFileSystem fs;
  const auto wal = open_wal(fs, "data/wal");
  std::vector<std::string> logged;
  int packed_still = 0;
  int packed_moving = 0;
  constexpr int kScrapes = 3 * (PackingTrials::kRest + 1);
  for (int i = 0; i < kScrapes; ++i) {
    for (const bool still : {true, false}) {
      const auto record = record_of(still ? 1 : 5000, still, random);
      const std::uint64_t bytes = logged_bytes(*wal, fs, record);
      (still ? packed_still : packed_moving) += bytes < record.size() ? 1 : 0;
      logged.emplace_back(reinterpret_cast<const char*>(record.data()), record.size());
    }
  }
  CHECK(packed_still == kScrapes);
  CHECK(packed_moving <= 3);
  const ReadBack got = read_all(fs, "data/wal");
  CHECK(got.damage.empty());
  CHECK(got.records == logged);
}

}  // namespace
}  // namespace narthex::tsdb
