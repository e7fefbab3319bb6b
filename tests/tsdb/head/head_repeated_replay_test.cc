// A log of records that mostly repeat: what is known without decoding, and gathered by series, says the same
// as the log read sample by sample.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "io/fault_file_system.h"
#include "tests/tsdb/head/replay_fixture.h"
#include "tsdb/head/head_shard.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {
namespace {

/// Targets whose scrapes are written as records, and what a head has to make of them.
class Log {
 public:
  static constexpr std::size_t kTargets = 5;
  static constexpr std::size_t kSeries = 40;  ///< of a target

  Log(Wal& wal, unsigned seed) : wal_(wal), random_(seed) {
    for (std::size_t s = 0; s < kTargets * kSeries; ++s) name(s);
  }

  void scrape(std::size_t target, Timestamp t) {
    std::vector<SampleRecord> samples;
    for (std::size_t s = target * kSeries; s < (target + 1) * kSeries; ++s)
      samples.push_back({refs_[s], s % 7 == 3 ? t - 30 : t, value(s)});
    log(samples);
  }

  /// Anything that makes a record other than those before.
  void disturb(Timestamp t) {
    const std::size_t target = draw(kTargets);
    const std::size_t series = target * kSeries + draw(kSeries);
    std::vector<SampleRecord> samples;
    for (std::size_t s = target * kSeries; s < (target + 1) * kSeries; ++s)
      samples.push_back({refs_[s], t, value(s)});
    const auto at = samples.begin() + static_cast<std::ptrdiff_t>(series % kSeries);
    switch (draw(8)) {
      case 0:
        samples.erase(at);
        return log(samples);
      case 1:
        std::rotate(samples.begin(), at, samples.end());
        return log(samples);
      case 2:
        samples.insert(at, {refs_[series], t - 1, 5});
        return log(samples);
      case 3:
        return log({{refs_[series], t, 7}});
      case 4:
        for (SampleRecord& sample : samples) sample.t -= 3 * kStep;
        return log(samples);
      case 5: {
        const std::size_t other = (series + kSeries) % (kTargets * kSeries);
        samples.push_back({refs_[other], t, 9});
        return log(samples);
      }
      case 6:
        forget(series);
        return name(series);
      default:
        return name(series);
    }
  }

  /// A reference that had named one series names another.
  void rename(std::size_t series, std::size_t other) { name_as(refs_[series], other); }

  [[nodiscard]] const Contents& contents() const { return contents_; }
  [[nodiscard]] std::size_t draw(std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_);
  }

 private:
  double value(std::size_t series) { return series % 3 == 0 ? 1.0 : static_cast<double>(draw(1000)) / 8; }

  /// From here on the series goes by a new reference, an old one names it as well.
  void name(std::size_t series) {
    refs_.resize(std::max(refs_.size(), series + 1));
    refs_[series] = next_ref_++;
    names_.resize(next_ref_);
    name_as(refs_[series], series);
  }

  void name_as(WalRef ref, std::size_t series) {
    const SeriesRecord record{ref, series_labels(series)};
    names_[ref] = series_labels(series).to_string();
    std::vector<std::byte> bytes;
    encode_series({&record, 1}, bytes);
    REQUIRE(wal_.log(bytes));
  }

  void forget(std::size_t series) {
    const TombstoneRecord tombstone{refs_[series], {}};
    std::vector<std::byte> bytes;
    encode_tombstones({&tombstone, 1}, bytes);
    REQUIRE(wal_.log(bytes));
    contents_.erase(series_labels(series).to_string());
  }

  void log(const std::vector<SampleRecord>& samples) {
    std::vector<std::byte> bytes;
    encode_samples(samples, bytes);
    REQUIRE(wal_.log(bytes));
    for (const SampleRecord& s : samples) {
      Points& points = contents_[names_[s.ref]];
      if (points.empty() || s.t > points.back().first) points.emplace_back(s.t, s.v);
    }
  }

  Wal& wal_;
  std::mt19937 random_;
  WalRef next_ref_ = 1;
  std::vector<WalRef> refs_;
  std::vector<std::string> names_;  ///< by reference
  Contents contents_;
};

void check_contents(Run& r, const Contents& expected) {
  const Contents found = r.contents();
  CHECK(found.size() == expected.size());
  for (const auto& [labels, points] : expected) {
    CAPTURE(labels);
    const auto at = found.find(labels);
    REQUIRE(at != found.end());
    CHECK(at->second == points);
  }
}

TEST_CASE("repeated records: a log is what it was sample by sample, whatever comes between them") {
  for (unsigned seed = 0; seed < 12; ++seed) {
    CAPTURE(seed);
    io::FaultFileSystem fs;
    Contents expected;
    {
      Run r(fs, "/data", 1);
      Log log(*r.wal, seed);
      // From no disturbance at all to one in every second round.
      const std::size_t calm = seed == 0 ? 1'000'000 : 4 + 40 / seed;
      for (int step = 0; step < 400; ++step) {
        for (std::size_t target = 0; target < Log::kTargets; ++target) {
          log.scrape(target, kStart + step * kStep + static_cast<Timestamp>(target) * 100);
          if (log.draw(2 * calm) == 0) log.disturb(kStart + step * kStep + 5000);
        }
      }
      expected = log.contents();
    }
    // From the log alone, and then with what each start leaves in chunk files.
    for (const std::size_t threads : {1U, 3U, 2U, 1U}) {
      CAPTURE(threads);
      Run r(fs, "/data", threads);
      check_contents(r, expected);
      REQUIRE(r.head.map_chunks());
    }
  }
}

TEST_CASE("repeated records: more forms than can be remembered are forgotten, and nothing is lost") {
  constexpr std::size_t kSeries = 2000;
  constexpr std::size_t kForms = 600;
  io::FaultFileSystem fs;
  {
    Run r(fs, "/data", 1);
    std::vector<SampleRecord> samples;
    std::vector<std::byte> bytes;
    for (std::size_t s = 0; s < kSeries; ++s) {
      const SeriesRecord record{s + 1, series_labels(s)};
      bytes.clear();
      encode_series({&record, 1}, bytes);
      REQUIRE(r.wal->log(bytes));
      samples.push_back({s + 1, 0, 1});
    }
    Timestamp t = kStart;
    // Each begins with another series, and three of one form follow each other.
    for (std::size_t form = 0; form < kForms; ++form) {
      std::ranges::rotate(samples, samples.begin() + 1);
      for (int i = 0; i < 3; ++i) {
        t += 1000;
        for (SampleRecord& sample : samples) sample.t = t;
        bytes.clear();
        encode_samples(samples, bytes);
        REQUIRE(r.wal->log(bytes));
      }
    }
  }
  Run r(fs, "/data", 3);
  CHECK(r.report.samples == 3 * kForms * kSeries);
  const Contents contents = r.contents();
  CHECK(contents.size() == kSeries);
  for (const auto& [labels, points] : contents) CHECK(points.size() == 3 * kForms);
}

TEST_CASE("repeated records: a reference may go over to another series") {
  io::FaultFileSystem fs;
  Contents expected;
  {
    Run r(fs, "/data", 1);
    Log log(*r.wal, 1);
    for (int step = 0; step < 20; ++step) {
      log.scrape(0, kStart + step * kStep);
      if (step == 10) log.rename(7, 1000);
    }
    expected = log.contents();
  }
  for (const std::size_t threads : {1U, 3U}) {
    CAPTURE(threads);
    Run r(fs, "/data", threads);
    check_contents(r, expected);
  }
}

TEST_CASE("repeated records: a histogram between them stays there") {
  io::FaultFileSystem fs;
  {
    Run r(fs, "/data", 1);
    Log log(*r.wal, 1);
    for (int step = 0; step < 20; ++step) {
      log.scrape(0, kStart + step * kStep);
      if (step != 10) continue;
      HistogramRecord histogram;
      histogram.ref = 5;
      histogram.t = kStart + step * kStep + 1;
      histogram.value = Histogram{};
      std::vector<std::vector<std::byte>> records;
      encode_histograms({&histogram, 1}, false, records);
      for (const auto& record : records) REQUIRE(r.wal->log(record));
    }
  }
  for (const std::size_t threads : {1U, 3U}) {
    CAPTURE(threads);
    Run r(fs, "/data", threads);
    CHECK(r.report.samples == 20 * Log::kSeries + 1);
    const auto querier = r.head.querier({});
    LabelPool pool;
    const std::vector<Matcher> matchers{match(MatchOp::equal, "__name__", "metric_4"),
                                        match(MatchOp::equal, "instance", "host-0")};
    auto set = querier->select({}, matchers, pool, {});
    REQUIRE(set);
    REQUIRE((*set)->size() == 1);
    storage::SampleColumns columns;
    REQUIRE((*set)->samples(0, {}, columns));
    REQUIRE(columns.t.size() == 21);
    CHECK(columns.t[11] == kStart + 10 * kStep + 1);
    CHECK(std::ranges::is_sorted(columns.t));
  }
}

}  // namespace
}  // namespace narthex::tsdb
