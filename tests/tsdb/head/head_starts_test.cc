// Start timestamps in the head: kept where they are asked for, through the log, files and the
// source of blocks; zeros where counters began; chunks of floats as XOR2.
#include <doctest/doctest.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <map>
#include <random>

#include "io/fault_file_system.h"
#include "model/value.h"
#include "telemetry/metrics_text.h"
#include "tests/tsdb/head/head_fixture.h"
#include "tests/tsdb/head/kinds_fixture.h"
#include "tests/tsdb/why.h"
#include "tsdb/chunk/chunk_samples.h"
#include "tsdb/chunk/encoding.h"
#include "tsdb/head/head.h"
#include "tsdb/wal/segments.h"
#include "tsdb/wal/wal.h"
#include "tsdb/wal_replay.h"

namespace narthex::tsdb {
namespace {

using storage::AppendFault;

constexpr DurationMs kRange = 2 * 3600 * 1000;
constexpr Timestamp kStart = 1'700'000'000'000 / kRange * kRange;
constexpr DurationMs kStep = 15'000;
constexpr HeadOptions kWithStarts = {.st_storage = true,
                                     .encodings = {.xor2_floats = true, .histograms_with_start = true}};

/// Labels -> `start>t=value` of each sample.
using StartContents = std::map<std::string, std::vector<std::string>>;

std::string as_text(Timestamp st, Timestamp t, const std::string& value) {
  return fmt::format("{}>{}={}", st == 0 ? 0 : st - kStart, t - kStart, value);
}

std::vector<std::string> as_texts(const storage::SampleColumns& columns) {
  CHECK((columns.st.empty() || columns.st.size() == columns.t.size()));
  std::vector<std::string> out;
  for (const auto& [t, value] : as_points(columns)) {
    const std::size_t i = out.size();
    out.push_back(as_text(columns.st.empty() ? 0 : columns.st[i], t, value));
  }
  return out;
}

StartContents contents(Head& head, TimeRange range = {}) {
  StartContents out;
  LabelPool pool;
  const std::vector<Matcher> matchers = {everything()};
  const auto querier = head.querier(range);
  const auto set = querier->select(range, matchers, pool, {});
  REQUIRE(set);
  for (std::size_t i = 0; i < (*set)->size(); ++i) {
    storage::SampleColumns columns;
    REQUIRE((*set)->samples(i, range, columns));
    if (!columns.t.empty()) out[pool.labels((*set)->labels(i)).to_string()] = as_texts(columns);
  }
  return out;
}

/// What blocks are made from; `encodings` counts its chunks.
StartContents drain(Head& head, std::map<int, int>& encodings) {
  StartContents out;
  const auto source = head.chunk_source({});
  SourceSeries series;
  for (;;) {
    const auto more = source->next(series);
    REQUIRE_MESSAGE(more, why(more));
    if (!*more) return out;
    storage::SampleColumns columns;
    for (const ChunkToWrite& c : series.chunks) {
      ++encodings[c.encoding];
      REQUIRE(decode_chunk(c.encoding, c.bytes, {}, columns));
    }
    out[series.labels.to_string()] = as_texts(columns);
  }
}

struct Disk {
  io::FaultFileSystem fs;
  std::unique_ptr<HeadChunkFiles> files;
  std::unique_ptr<Wal> wal;

  std::unique_ptr<Head> start(const HeadOptions& options, std::size_t threads = 1) {
    wal.reset();
    files.reset();
    auto head = std::make_unique<Head>(options, nullptr);
    auto opened = HeadChunkFiles::open(fs, "/data/chunks_head", nullptr);
    REQUIRE(opened);
    files = std::move(*opened);
    head->use_chunk_files(*files);
    REQUIRE(fs.make_directories("/data/wal"));
    REQUIRE(head->replay_chunk_files());
    const auto replayed = replay_wal(fs, "/data/wal", *head, threads);
    REQUIRE_MESSAGE(replayed, why(replayed));
    CHECK(replayed->damaged == 0);
    CHECK(replayed->skipped_records == 0);
    auto log = Wal::open(fs, "/data/wal", {}, nullptr);
    REQUIRE(log);
    wal = std::move(*log);
    head->start_logging(*wal);
    return head;
  }

  /// Records of the log by type.
  std::map<int, int> record_types() {
    std::map<int, int> types;
    const auto segments = list_segments(fs, "/data/wal");
    REQUIRE(segments);
    for (const std::uint32_t segment : *segments) {
      auto reader = WalReader::open(fs, segment_path("/data/wal", segment), segment,
                                    [](WalPosition, std::uint64_t, const std::string& why) { FAIL(why); });
      REQUIRE(reader);
      while (const auto record = reader->next()) ++types[static_cast<int>(record_type(*record))];
    }
    return types;
  }
};

void append(Head& head, std::size_t series, Timestamp t, Timestamp st, double v) {
  auto appender = head.appender();
  const storage::RefSample sample{*appender->series(series_labels(series)), t, v};
  appender->append({&sample, 1}, {&st, 1});
  const auto stats = appender->commit();
  REQUIRE(stats);
  CHECK(stats->refused.empty());
}

/// A counter that has start timestamps always, never, sometimes; or histograms in between.
struct Walk {
  int kind;
  double value = 0;
  Timestamp began = 0;

  /// @return  the start timestamp
  Timestamp step(std::mt19937_64& random, Timestamp t) {
    value += static_cast<double>(random() % 5);
    if (random() % 40 == 0 || began == 0) {
      began = t - 1 - static_cast<Timestamp>(random() % 5000);
      value = static_cast<double>(random() % 3);
    }
    if (kind == 0) return 0;
    if (kind == 2 && random() % 10 == 0) kind = 3;
    if (kind == 3 && random() % 10 == 0) kind = 2;
    return kind == 2 ? 0 : began;
  }
};

TEST_CASE("start timestamps are there after appending, mapping, restarts, and in what blocks are made from") {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    Disk disk;
    auto head = disk.start(kWithStarts);
    StartContents model;
    std::vector<Walk> walks;
    for (int s = 0; s < 12; ++s) walks.push_back({s % 3});
    for (int scrape = 0; scrape < 700; ++scrape) {
      const Timestamp t = kStart + scrape * kStep;
      auto appender = head->appender();
      std::vector<storage::RefSample> samples;
      std::vector<Timestamp> starts;
      const auto flush = [&] {
        appender->append(samples, starts);
        samples.clear();
        starts.clear();
      };
      for (std::size_t s = 0; s < walks.size(); ++s) {
        const auto ref = *appender->series(series_labels(s));
        auto& texts = model[series_labels(s).to_string()];
        const Timestamp st = walks[s].step(random, t);
        if (s >= 9 && random() % 8 == 0) {
          Histogram h = int_histogram(0, 3, static_cast<int>(walks[s].value) + 1);
          flush();
          REQUIRE(appender->append_histogram(ref, t, h, st));
          texts.push_back(as_text(st, t, narthex::tsdb::as_text(AnyValue(h))));
          continue;
        }
        samples.push_back({ref, t, walks[s].value});
        starts.push_back(st);
        texts.push_back(as_text(st, t, narthex::tsdb::as_text(AnyValue(walks[s].value))));
      }
      flush();
      const auto stats = appender->commit();
      REQUIRE(stats);
      CHECK(stats->appended == walks.size());
      if (scrape % 100 == 50) REQUIRE(head->map_chunks());
      if (scrape % 100 == 75) REQUIRE(head->map_all_chunks());
      if (scrape % 150 != 149) continue;
      REQUIRE(contents(*head) == model);
      std::map<int, int> encodings;
      REQUIRE(drain(*head, encodings) == model);
      CHECK(encodings.count(1) + encodings.count(2) == 0);
      head = disk.start(kWithStarts, scrape % 300 == 149 ? 3 : 1);
      REQUIRE(contents(*head) == model);
    }
    const auto types = disk.record_types();
    CHECK(types.contains(11));
    CHECK(types.contains(12));
    for (const int old : {2, 7, 8, 9, 10}) CHECK_FALSE(types.contains(old));
  }
}

TEST_CASE("without st_storage start timestamps are dropped, and the log is what it was") {
  Disk with;
  Disk without;
  for (Disk* disk : {&with, &without}) {
    auto head = disk->start({});
    for (int i = 0; i < 200; ++i) {
      const Timestamp st = disk == &with ? kStart - 5 : 0;
      append(*head, 0, kStart + i * kStep, st, i);
      auto appender = head->appender();
      REQUIRE(appender->append_histogram(*appender->series(series_labels(1)), kStart + i * kStep,
                                         int_histogram(0, 2, i + 1), st));
      REQUIRE(appender->commit());
    }
    REQUIRE(head->map_chunks());
    for (const auto& [labels, texts] : contents(*head)) {
      CHECK(std::ranges::all_of(texts, [](const std::string& s) { return s.starts_with("0>"); }));
    }
    std::map<int, int> encodings;
    drain(*head, encodings);
    CHECK(encodings.size() == 2);
    CHECK(encodings.contains(1));
    CHECK(encodings.contains(2));
    CHECK(disk->record_types() == std::map<int, int>{{1, 2}, {2, 200}, {7, 200}});
  }
  for (const char* path : {"/data/wal/00000000", "/data/chunks_head/000001"}) {
    CAPTURE(path);
    const auto one = with.fs.read_file(path);
    const auto other = without.fs.read_file(path);
    REQUIRE(one);
    REQUIRE(other);
    CHECK(*one == *other);
  }
}

TEST_CASE("floats without start timestamps become XOR2 chunks when they are full, where that is chosen") {
  Head head({.encodings = {.xor2_floats = true}}, nullptr);
  StartContents model;
  // A run, a counter and what needs all its bits: each has its form while it grows.
  const auto value = [](std::size_t s, int i) {
    return s == 0 ? 42 : s == 1 ? static_cast<double>(i) * 7 : static_cast<double>((i * 7919) % 1000) / 8;
  };
  const auto run = [&](int begin, int end) {
    for (int i = begin; i < end; ++i) {
      for (std::size_t s = 0; s < 3; ++s) {
        const Timestamp t = kStart + i * kStep;
        append(head, s, t, 0, i % 97 == 96 ? kStaleNan : value(s, i));
        model[series_labels(s).to_string()].push_back(
            as_text(0, t, narthex::tsdb::as_text(AnyValue(i % 97 == 96 ? kStaleNan : value(s, i)))));
      }
    }
  };
  const auto check_encodings = [&](const std::map<int, bool>& want) {
    std::map<int, int> encodings;
    CHECK(drain(head, encodings) == model);
    CHECK(contents(head) == model);
    for (const auto& [encoding, expected] : want) CHECK(encodings.contains(encoding) == expected);
  };
  run(0, 50);
  check_encodings({{1, false}, {4, true}});
  run(50, 300);
  check_encodings({{1, false}, {4, true}});
  head.use_xor2_floats(false);
  run(300, 600);
  check_encodings({{1, true}, {4, true}});
  head.use_xor2_floats(true);
  run(600, 650);
  check_encodings({{1, true}, {4, true}});
}

TEST_CASE("a log with start timestamps is read where they are not stored any more") {
  Disk disk;
  {
    auto head = disk.start(kWithStarts);
    for (int i = 0; i < 10; ++i) append(*head, 0, kStart + i * kStep, kStart - 7, i);
  }
  // XOR2 alone keeps what there is.
  auto head = disk.start({.encodings = {.xor2_floats = true}});
  append(*head, 0, kStart + 10 * kStep, kStart - 7, 10);
  auto got = contents(*head).begin()->second;
  REQUIRE(got.size() == 11);
  CHECK(got[9] == "-7>135000=9");
  CHECK(got[10] == "0>150000=10");
  head = disk.start({});
  got = contents(*head).begin()->second;
  REQUIRE(got.size() == 11);
  CHECK(got[9] == "0>135000=9");
}

TEST_CASE("samples are compared by their values, whenever they began") {
  Head head(kWithStarts, nullptr);
  const Timestamp t = kStart;
  append(head, 0, t, t - 10, 5);
  append(head, 0, t, t - 20, 5);  // counts as appended
  CHECK(contents(head).begin()->second == std::vector<std::string>{"-10>0=5"});

  auto appender = head.appender();
  const auto ref = *appender->series(series_labels(0));
  const std::vector<storage::RefSample> samples = {{ref, t, 6}, {ref, t - 1, 5}, {ref, t + 1, 7}};
  const std::vector<Timestamp> starts = {t - 10, t - 10, 0};
  appender->append(samples, starts);
  const auto stats = appender->commit();
  REQUIRE(stats);
  CHECK(stats->appended == 1);
  REQUIRE(stats->refused.size() == 2);
  CHECK(stats->refused[0].fault == AppendFault::duplicate_timestamp);
  CHECK(stats->refused[1].fault == AppendFault::out_of_order);
  CHECK(contents(head).begin()->second == std::vector<std::string>{"-10>0=5", "0>1=7"});
}

TEST_CASE("a staleness marker ends a counter with start timestamps as a float") {
  prometheus::Registry registry;
  Head head(kWithStarts, &registry);
  append(head, 0, kStart, kStart - 10, 5);
  auto appender = head.appender();
  appender->append(*appender->series(series_labels(0)), kStart + 1, kStaleNan);
  REQUIRE(appender->commit());
  CHECK(contents(head).begin()->second == std::vector<std::string>{"-10>0=5", "0>1=stale"});
  const std::string text = telemetry::metrics_text(registry);
  CHECK(text.find("prometheus_tsdb_head_samples_appended_total{type=\"float\"} 2\n") != std::string::npos);
  CHECK(text.find("prometheus_tsdb_head_samples_appended_total{type=\"histogram\"} 0\n") !=
        std::string::npos);
}

TEST_CASE("samples without start timestamps may stand beside others in a batch") {
  Head head(kWithStarts, nullptr);
  auto appender = head.appender();
  const auto a = *appender->series(series_labels(0));
  const auto b = *appender->series(series_labels(1));
  appender->append(a, kStart, 1);
  const storage::RefSample sample{b, kStart, 2};
  const Timestamp st = kStart - 3;
  appender->append({&sample, 1}, {&st, 1});
  appender->append(a, kStart + 1, 3);
  REQUIRE(appender->append_histogram(a, kStart + 2, int_histogram(0, 1, 1), kStart - 4));
  appender->append(a, kStart + 3, 5);
  const auto stats = appender->commit();
  REQUIRE(stats);
  CHECK(stats->appended == 5);
  const auto got = contents(head);
  CHECK(got.at(series_labels(1).to_string()) == std::vector<std::string>{"-3>0=2"});
  const auto& of_a = got.at(series_labels(0).to_string());
  REQUIRE(of_a.size() == 4);
  CHECK(of_a[1] == "0>1=3");
  CHECK(of_a[2].starts_with("-4>2="));
  CHECK(of_a[3] == "0>3=5");
}

TEST_CASE("zeros: where a counter began, unless the series is further") {
  Head head({}, nullptr);
  append(head, 1, kStart, 0, 7);
  append(head, 2, kStart, 0, 0);
  const DurationMs half = kRange / 2;
  const struct {
    const char* what;
    std::size_t series;
    Timestamp st;
    std::optional<AppendFault> fault;
    bool added;
  } rows[] = {
      {"a new series", 0, kStart - 5, {}, true},
      {"as old as may be", 3, kStart + 10 - half, {}, true},
      {"older", 4, kStart + 9 - half, AppendFault::out_of_bounds, false},
      {"behind the newest sample", 1, kStart + 5, {}, true},
      {"in front of it", 1, kStart - 5, AppendFault::start_out_of_order, false},
      {"at it, which is no zero", 1, kStart, AppendFault::duplicate_timestamp, false},
      {"at it, which is a zero", 2, kStart, {}, false},
      {"at the sample itself", 1, kStart + 10, AppendFault::start_not_before, false},
      {"behind it", 1, kStart + 11, AppendFault::start_not_before, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    auto appender = head.appender();
    const auto ref = *appender->series(series_labels(row.series));
    const auto added = appender->append_start_zero(ref, kStart + 10, row.st);
    CHECK(added.has_value() == !row.fault.has_value());
    if (added) CHECK(*added == row.added);
    if (!added) CHECK(added.error() == row.fault);
    appender->rollback();
  }
  auto appender = head.appender();
  const auto ref = *appender->series(series_labels(1));
  REQUIRE(appender->append_start_zero(ref, kStart + 10, kStart + 5));
  appender->append(ref, kStart + 10, 3);
  CHECK(appender->commit()->appended == 2);
  CHECK(contents(head).at(series_labels(1).to_string()) ==
        std::vector<std::string>{"0>0=7", "0>5=0", "0>10=3"});
  const auto gone = appender->append_start_zero(static_cast<storage::SeriesRef>(~0ULL), kStart + 10, kStart);
  CHECK(gone.error() == AppendFault::unknown_series);
}

TEST_CASE("zeros: an empty head accepts none that its first sample would make too old") {
  Head head({}, nullptr);
  auto appender = head.appender();
  const auto ref = *appender->series(series_labels(0));
  const auto added = appender->append_start_zero(ref, kStart, kStart - kRange);
  REQUIRE_FALSE(added);
  CHECK(added.error() == AppendFault::out_of_bounds);
}

TEST_CASE("zeros: of a histogram it is an empty one of its layout") {
  Head head({}, nullptr);
  const Timestamp t = kStart + 1000;
  for (const bool floats : {false, true}) {
    CAPTURE(floats);
    const std::size_t series = floats ? 1 : 0;
    Histogram ints = int_histogram(0, 3, 2);
    const AnyHistogram h = floats ? AnyHistogram(to_float(ints)) : AnyHistogram(ints);
    auto appender = head.appender();
    const auto ref = *appender->series(series_labels(series));
    const auto added = appender->append_start_zero(ref, t, t - 5, &h);
    REQUIRE(added);
    CHECK(*added);
    REQUIRE(appender->append_histogram(ref, t, h));
    REQUIRE(appender->commit());
    // The same zero again, while it is the newest sample only.
    CHECK_FALSE(appender->append_start_zero(ref, t + 1, t - 5, &h).has_value());
    const auto texts = contents(head).at(series_labels(series).to_string());
    REQUIRE(texts.size() == 2);
    CHECK(texts[0] == "0>995=schema 1 zero 0.001 0 count 0 sum 0 | | |");
  }
  std::map<int, int> encodings;
  drain(head, encodings);
  // Each began its chunk, and its histogram went on with it.
  CHECK(encodings[2] == 1);
  CHECK(encodings[3] == 1);
}

}  // namespace
}  // namespace narthex::tsdb
