// Native histograms in the head: series of all kinds that change, against a map; through the log,
// files and blocks' source and back.
#include <doctest/doctest.h>
#include <prometheus/registry.h>

#include <atomic>
#include <optional>
#include <thread>

#include "io/fault_file_system.h"
#include "telemetry/metrics_text.h"
#include "tests/tsdb/head/kinds_fixture.h"
#include "tests/tsdb/peer.h"
#include "tests/tsdb/why.h"
#include "tsdb/chunk/chunk_samples.h"
#include "tsdb/chunk/encoding.h"
#include "tsdb/head/head.h"
#include "tsdb/wal/wal.h"
#include "tsdb/wal_replay.h"

namespace narthex::tsdb {
namespace {

using storage::AppendFault;

constexpr DurationMs kRange = 2 * 3600 * 1000;
constexpr Timestamp kStart = 1'700'000'000'000 / kRange * kRange;
constexpr DurationMs kStep = 15'000;

/// Prometheus' rules on plain maps. What a query sees of the newest sample tells enough of it here:
/// generated histograms of two kinds never look alike.
struct Model {
  struct Series {
    std::map<Timestamp, AnyValue> samples;
  };
  std::map<std::string, Series> series;
  Timestamp maxt = kMinTime;

  static bool is_histogram(const AnyValue& v) { return !std::holds_alternative<double>(v); }

  std::optional<AppendFault> append(const std::string& name, Timestamp t, AnyValue v, Timestamp oldest) {
    auto& samples = series[name].samples;
    if (t < oldest) return AppendFault::out_of_bounds;
    if (!samples.empty()) {
      const auto& [newest, last] = *samples.rbegin();
      if (t < newest) return AppendFault::out_of_order;
      const auto* number = std::get_if<double>(&v);
      const bool is_marker = number != nullptr && is_stale_nan(*number);
      if (t == newest) {
        const bool both_end = is_marker && as_text(last) == "stale histogram";
        const bool same = both_end || (v.index() == last.index() && as_text(v) == as_text(last));
        return same ? std::nullopt : std::optional(AppendFault::duplicate_timestamp);
      }
      if (is_marker && is_histogram(last)) {
        if (std::holds_alternative<Histogram>(last)) {
          v = Histogram{};
          std::get<Histogram>(v).sum = kStaleNan;
        } else {
          v = FloatHistogram{};
          std::get<FloatHistogram>(v).sum = kStaleNan;
        }
      }
    }
    samples[t] = std::move(v);
    maxt = std::max(maxt, t);
    return std::nullopt;
  }
  [[nodiscard]] TextContents contents(TimeRange range = {}) const {
    TextContents out;
    for (const auto& [name, one] : series) {
      TextPoints points;
      for (const auto& [t, v] : one.samples) {
        if (range.contains(t)) points.emplace_back(t, as_text(v));
      }
      if (!points.empty()) out[name] = std::move(points);
    }
    return out;
  }
};

struct Disk {
  io::FaultFileSystem fs;
  std::unique_ptr<HeadChunkFiles> files;
  std::unique_ptr<Wal> wal;

  /// A head as the database starts it.
  std::unique_ptr<Head> start(std::size_t threads, prometheus::Registry* registry = nullptr) {
    wal.reset();
    files.reset();
    auto head = std::make_unique<Head>(HeadOptions{}, registry);
    auto opened = HeadChunkFiles::open(fs, "/data/chunks_head", nullptr);
    REQUIRE(opened);
    files = std::move(*opened);
    head->use_chunk_files(*files);
    REQUIRE(fs.make_directories("/data/wal"));
    REQUIRE(head->replay_chunk_files());
    const auto replayed = replay_wal(fs, "/data/wal", *head, threads);
    REQUIRE_MESSAGE(replayed, why(replayed));
    CHECK(replayed->damaged == 0);
    CHECK(replayed->unknown_refs == 0);
    CHECK(replayed->histograms_left_out == 0);
    REQUIRE(head->tidy_chunk_files());
    auto log = Wal::open(fs, "/data/wal", {}, nullptr);
    REQUIRE(log);
    wal = std::move(*log);
    head->start_logging(*wal);
    return head;
  }
};

TextContents contents(Head& head, TimeRange range = {}) {
  return read_kinds(*head.querier(range), range);
}

/// What the source gives, cut to `range`.
TextContents drain(ChunkSource& source, TimeRange range) {
  TextContents out;
  SourceSeries series;
  for (;;) {
    const auto more = source.next(series);
    REQUIRE_MESSAGE(more, why(more));
    if (!*more) return out;
    storage::SampleColumns columns;
    for (const ChunkToWrite& c : series.chunks) {
      ChunkSamples samples;
      REQUIRE(decode_samples(c.encoding, c.bytes, samples));
      CHECK(samples.t.front() == c.mint);
      CHECK(samples.t.back() == c.maxt);
      REQUIRE(decode_chunk(c.encoding, c.bytes, range, columns));
    }
    if (!columns.t.empty()) out[series.labels.to_string()] = as_points(columns);
  }
}

TEST_CASE("the head holds what a map holds, whatever kinds are appended, and over restarts") {
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U}) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    Disk disk;
    auto head = disk.start(1);
    Model model;
    constexpr std::size_t kSeries = 12;
    std::vector<KindWalk> walks(kSeries);
    Timestamp now = kStart;
    for (int scrape = 0; scrape < 400; ++scrape) {
      now += random() % 60 == 0 ? static_cast<Timestamp>(random() % 900'000) : kStep;
      const Timestamp oldest = model.maxt == kMinTime ? kMinTime : model.maxt - kRange / 2;
      std::vector<std::pair<std::size_t, AppendFault>> expected;
      std::size_t index = 0;
      auto appender = head->appender();
      for (std::size_t s = 0; s < kSeries; ++s) {
        const Labels labels = series_labels(s);
        const auto ref = appender->series(labels);
        REQUIRE(ref);
        Timestamp t = now;
        const int times = random() % 10 == 0 ? 4 : 1;
        if (random() % 30 == 0) t -= static_cast<Timestamp>(random() % 4'000'000);
        AnyValue value = walks[s].next(random);
        for (int k = 0; k < times; ++k, ++index) {
          append_any(*appender, *ref, t, value);
          const auto fault = model.append(labels.to_string(), t, value, oldest);
          if (fault) expected.emplace_back(index, *fault);
          if (random() % 3 == 0) continue;
          t += 1 + static_cast<Timestamp>(random() % 100);
          value = walks[s].next(random);
        }
      }
      const auto stats = appender->commit();
      REQUIRE(stats);
      CHECK(stats->appended == index - expected.size());
      REQUIRE(stats->refused.size() == expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        CAPTURE(i);
        CHECK(stats->refused[i].index == expected[i].first);
        CHECK(stats->refused[i].fault == expected[i].second);
      }
      if (scrape % 40 == 19) REQUIRE(head->map_chunks());
      if (scrape % 90 == 61) REQUIRE(head->map_all_chunks());
      if (scrape % 80 == 79) {
        const TimeRange asked{now - static_cast<Timestamp>(random() % 5'000'000), now - 20'000};
        REQUIRE(difference(contents(*head, asked), model.contents(asked)) == "");
        REQUIRE(difference(contents(*head), model.contents()) == "");
        REQUIRE(difference(drain(*head->chunk_source(asked), asked), model.contents(asked)) == "");
      }
      if (scrape % 130 == 129) {
        head = disk.start(scrape % 260 == 129 ? 3 : 1);
        REQUIRE(difference(contents(*head), model.contents()) == "");
      }
    }
  }
}

TEST_CASE("a histogram that contradicts itself is refused with the reason") {
  Head head({}, nullptr);
  auto appender = head.appender();
  const auto ref = *appender->series(series_labels(1));
  Histogram h = int_histogram(0, 2, 1);
  h.positive_deltas.pop_back();
  const auto done = appender->append_histogram(ref, kStart, h);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == Code::invalid);
  CHECK(appender->commit()->appended == 0);
}

TEST_CASE("the newest histogram may come twice, another one of its time may not") {
  Head head({}, nullptr);
  auto appender = head.appender();
  const auto ref = *appender->series(series_labels(1));
  const Histogram wide = int_histogram(0, 5, 1);
  Histogram narrow = int_histogram(0, 3, 2);
  REQUIRE(appender->append_histogram(ref, kStart, wide));
  // Written with the buckets of the chunk, two of them empty.
  narrow.hint = CounterResetHint::gauge;
  REQUIRE(appender->append_histogram(ref, kStart + 1, narrow));
  REQUIRE(appender->commit());
  Histogram other_sum = narrow;
  other_sum.sum += 1;
  Histogram other_count = narrow;
  other_count.zero_count += 1;
  other_count.count += 1;
  const struct {
    const char* what;
    AnyValue value;
    bool same;
  } rows[] = {{"the same", narrow, true},
              {"another sum", other_sum, false},
              {"another count", other_count, false},
              {"other buckets", wide, false},
              {"the same as floats", to_float(narrow), false},
              {"a number", 0.0, false},
              {"a staleness marker", kStaleNan, false}};
  for (const auto& row : rows) {
    CAPTURE(row.what);
    append_any(*appender, ref, kStart + 1, row.value);
    const auto stats = appender->commit();
    REQUIRE(stats);
    CHECK(stats->appended == (row.same ? 1 : 0));
    if (!row.same) CHECK(stats->refused.at(0).fault == AppendFault::duplicate_timestamp);
  }
}

TEST_CASE("samples of one series in one batch keep their order, in the log too") {
  Disk disk;
  auto head = disk.start(1);
  {
    auto appender = head->appender();
    const auto ref = *appender->series(series_labels(1));
    append_any(*appender, ref, kStart, 1.0);
    append_any(*appender, ref, kStart + 1, int_histogram(0, 2, 1));
    append_any(*appender, ref, kStart + 2, int_histogram(0, 2, 2));
    append_any(*appender, ref, kStart + 3, kStaleNan);
    append_any(*appender, ref, kStart + 4, to_float(int_histogram(0, 2, 3)));
    append_any(*appender, ref, kStart + 5, 2.0);
    append_any(*appender, ref, kStart + 6, kStaleNan);
    append_any(*appender, ref, kStart + 7, int_histogram(0, 2, 4));
    const auto stats = appender->commit();
    REQUIRE(stats);
    CHECK(stats->appended == 8);
  }
  const TextPoints want = {{kStart, "1"},
                           {kStart + 1, as_text(int_histogram(0, 2, 1))},
                           {kStart + 2, as_text(int_histogram(0, 2, 2))},
                           {kStart + 3, "stale histogram"},
                           {kStart + 4, as_text(int_histogram(0, 2, 3))},
                           {kStart + 5, "2"},
                           {kStart + 6, "stale"},
                           {kStart + 7, as_text(int_histogram(0, 2, 4))}};
  CHECK(contents(*head).begin()->second == want);
  CHECK(contents(*disk.start(1)).begin()->second == want);
}

TEST_CASE("a staleness marker ends a series of histograms as a histogram, after a restart as well") {
  for (const bool mapped : {false, true}) {
    CAPTURE(mapped);
    Disk disk;
    auto head = disk.start(1);
    for (const std::size_t s : {0U, 1U}) {
      auto appender = head->appender();
      const auto ref = *appender->series(series_labels(s));
      for (int i = 0; i < 600; ++i) {
        const Histogram h = int_histogram(0, 20, i + 1);
        append_any(*appender, ref, kStart + i * kStep, s == 0 ? AnyValue(h) : AnyValue(to_float(h)));
      }
      REQUIRE(appender->commit());
    }
    if (mapped) {
      // As if all chunks but the last had been mapped: what follows the restart meets none open.
      const auto written = head->map_chunks();
      REQUIRE(written);
      CHECK(*written > 2);
    }
    head = disk.start(1);
    {
      auto appender = head->appender();
      for (const std::size_t s : {0U, 1U}) {
        append_any(*appender, *appender->series(series_labels(s)), kStart + 600 * kStep, kStaleNan);
      }
      REQUIRE(appender->commit());
    }
    for (const auto& [labels, points] : contents(*head)) CHECK(points.back().second == "stale histogram");
    head->update_metrics();
    const TextContents before = contents(*head);
    CHECK(contents(*disk.start(1)) == before);
  }
}

TEST_CASE("isolation: a paused reader sees the same while histograms come and chunks are cut") {
  Head head({}, nullptr);
  std::mt19937_64 random(7);
  std::vector<KindWalk> walks(6);
  const auto commit = [&](int step) {
    auto appender = head.appender();
    for (std::size_t s = 0; s < walks.size(); ++s) {
      const auto ref = *appender->series(series_labels(s));
      // Several of one series in one batch: seen all or none.
      for (int k = 0; k < 3; ++k)
        append_any(*appender, ref, kStart + step * kStep + k, walks[s].next(random));
    }
    REQUIRE(appender->commit());
  };
  for (int step = 0; step < 50; ++step) commit(step);
  const auto paused = head.querier({});
  const TextContents before = read_kinds(*paused);
  std::vector<std::pair<std::unique_ptr<storage::Querier>, std::size_t>> readers;
  for (int step = 50; step < 350; ++step) {
    if (step % 60 == 0) readers.emplace_back(head.querier({}), static_cast<std::size_t>(step) * 3);
    commit(step);
  }
  CHECK(read_kinds(*paused) == before);
  CHECK(drain(*head.chunk_source({}), {}) == contents(head));
  for (const auto& [reader, count] : readers) {
    for (const auto& [labels, points] : read_kinds(*reader)) CHECK(points.size() == count);
  }
}

TEST_CASE("isolation: threads append all kinds while others read, map chunks and collect") {
  Disk disk;
  auto head = disk.start(1);
  head->state().exemplars.resize(50);
  constexpr int kSteps = 200;  // within half a block range, so that nobody is too late
  constexpr int kPerBatch = 3;
  std::atomic<int> writing{2};
  const auto write = [&](std::size_t first) {
    std::mt19937_64 random(first);
    std::vector<KindWalk> walks(5);
    for (int step = 0; step < kSteps; ++step) {
      auto appender = head->appender();
      for (std::size_t s = 0; s < walks.size(); ++s) {
        const auto ref = *appender->series(series_labels(first + s));
        for (int k = 0; k < kPerBatch; ++k) {
          append_any(*appender, ref, kStart + step * kStep + k, walks[s].next(random));
        }
        // Refused or not: what counts here is who touches what.
        (void)appender->append_exemplar(ref, {Labels{{"id", "x"}}, 1.0 * step, kStart + step, true});
        appender->set_metadata(ref, {"gauge", "", step % 2 == 0 ? "a" : "b"});
      }
      check(appender->commit().has_value(), "a commit failed");
    }
    --writing;
  };
  std::vector<std::thread> threads;
  for (const std::size_t first : {0U, 5U}) threads.emplace_back(write, first);
  threads.emplace_back([&] {
    for (int i = 1; writing > 0; ++i) {
      check((i % 50 == 0 ? head->map_all_chunks() : head->map_chunks()).has_value(), "mapping failed");
    }
  });
  std::size_t torn = 0;
  const std::vector<std::vector<Matcher>> all = {{everything()}};
  do {
    for (const auto& [labels, points] : contents(*head)) torn += points.size() % kPerBatch != 0 ? 1 : 0;
    (void)drain(*head->chunk_source({}), {});
    (void)head->state().exemplars.select({}, all);
    head->update_metrics();
  } while (writing > 0);
  for (std::thread& thread : threads) thread.join();
  CHECK(torn == 0);
  for (const auto& [labels, points] : contents(*head)) CHECK(points.size() == kSteps * kPerBatch);
  const TextContents before = contents(*head);
  CHECK(difference(contents(*disk.start(2)), before) == "");
}

TEST_CASE("a chunk source that began before a commit gives no part of it") {
  Head head({}, nullptr);
  std::mt19937_64 random(3);
  std::vector<KindWalk> walks(20);
  const auto commit = [&](int step) {
    auto appender = head.appender();
    for (std::size_t s = 0; s < walks.size(); ++s) {
      append_any(*appender, *appender->series(series_labels(s)), kStart + step * kStep,
                 walks[s].next(random));
    }
    REQUIRE(appender->commit());
  };
  for (int step = 0; step < 30; ++step) commit(step);
  const TextContents before = contents(head);
  const auto source = head.chunk_source({});
  for (int step = 30; step < 40; ++step) commit(step);
  CHECK(drain(*source, {}) == before);
}

TEST_CASE("histograms leave the head with their blocks, and leave nothing behind") {
  Head head({}, nullptr);
  {
    auto appender = head.appender();
    for (std::size_t s = 0; s < 50; ++s) {
      const auto ref = *appender->series(series_labels(s));
      for (int i = 0; i < 40; ++i)
        append_any(*appender, ref, kStart + i * kStep, int_histogram(0, 200, i + 1));
    }
    REQUIRE(appender->commit());
  }
  CHECK(head.stats().histogram_series == 50);
  CHECK(head.stats().histogram_buckets == 50 * 200);
  CHECK(head.stats().memory.open_chunks > 50 * 1000);
  head.refuse_before(kStart + kRange);
  head.hide_before(kStart + kRange);
  const auto collected = head.collect();
  REQUIRE(collected);
  CHECK(collected->series == 50);
  CHECK(head.stats().histogram_series == 0);
  CHECK(head.stats().histogram_buckets == 0);
  CHECK(head.stats().memory.open_chunks < 50 * 1000);
}

TEST_CASE("metrics tell histograms from floats, and how many series have them") {
  prometheus::Registry registry;
  Head head({}, &registry);
  auto appender = head.appender();
  const auto a = *appender->series(series_labels(0));
  const auto b = *appender->series(series_labels(1));
  const auto c = *appender->series(series_labels(2));
  append_any(*appender, a, kStart, int_histogram(0, 7, 1));
  append_any(*appender, b, kStart, to_float(int_histogram(0, 5, 1)));
  append_any(*appender, c, kStart, 1.0);
  REQUIRE(appender->commit());
  append_any(*appender, a, kStart - 1, int_histogram(0, 7, 1));
  append_any(*appender, c, kStart - 1, 1.0);
  append_any(*appender, b, kStart + 1, kStaleNan);
  append_any(*appender, a, kStart - kRange, int_histogram(0, 7, 1));
  REQUIRE(appender->commit());
  head.update_metrics();
  const std::string text = telemetry::metrics_text(registry);
  for (const char* line :
       {"prometheus_tsdb_head_samples_appended_total{type=\"float\"} 1\n",
        "prometheus_tsdb_head_samples_appended_total{type=\"histogram\"} 3\n",
        "prometheus_tsdb_out_of_order_samples_total{type=\"float\"} 1\n",
        "prometheus_tsdb_out_of_order_samples_total{type=\"histogram\"} 1\n",
        "prometheus_tsdb_out_of_bound_samples_total{type=\"histogram\"} 1\n",
        "prometheus_tsdb_head_native_histogram_series 2\n",
        "prometheus_tsdb_head_native_histogram_buckets 7\n", "prometheus_tsdb_head_stale_series 1\n"}) {
    CAPTURE(line);
    CHECK(text.find(line) != std::string::npos);
  }
}

/// Start of each line as promtool 3 dumps it: labels, and what of a value tells it from others.
std::string dump_start(const std::string& labels, const AnyValue& value) {
  if (const auto* v = std::get_if<double>(&value)) return labels + " " + format_general(*v);
  const FloatHistogram h = std::holds_alternative<Histogram>(value) ? to_float(std::get<Histogram>(value))
                                                                    : std::get<FloatHistogram>(value);
  if (is_stale_nan(h.sum)) return labels + " {count:0, sum:NaN";
  return labels + " {count:" + format_general(h.count) + ", sum:" + format_general(h.sum);
}

TEST_CASE("peers: promtool reads histograms of ours from the log and from head chunks") {
  const std::string promtool = find_promtool();
  if (promtool.empty()) return;
  const TemporaryFolder folder;
  if (run_peer(folder.path(), promtool + " --version").starts_with("promtool, version 2.")) {
    MESSAGE("skipped: promtool 2 dumps no histograms");
    return;
  }
  io::FileSystem& fs = io::local_file_system();
  Model model;
  {
    auto files = HeadChunkFiles::open(fs, folder.path() + "/chunks_head", nullptr);
    REQUIRE(files);
    REQUIRE(fs.make_directories(folder.path() + "/wal"));
    auto log = Wal::open(fs, folder.path() + "/wal", {}, nullptr);
    REQUIRE(log);
    Head head({}, nullptr);
    head.use_chunk_files(**files);
    head.start_logging(**log);
    std::mt19937_64 random(11);
    std::vector<KindWalk> walks(8);
    for (int step = 0; step < 200; ++step) {
      auto appender = head.appender();
      for (std::size_t s = 0; s < walks.size(); ++s) {
        const AnyValue value = walks[s].next(random);
        append_any(*appender, *appender->series(series_labels(s)), kStart + step * kStep, value);
        model.append(series_labels(s).to_string(), kStart + step * kStep, value, kMinTime);
      }
      REQUIRE(appender->commit());
      if (step == 120) REQUIRE(head.map_chunks());
    }
  }
  std::vector<std::string> want;
  for (const auto& [labels, one] : model.series) {
    for (const auto& [t, value] : one.samples)
      want.push_back(dump_start(labels, value) + " " + std::to_string(t));
  }
  std::ranges::sort(want);
  std::vector<std::string> got;
  for (const std::string& line : dump(promtool, folder.path())) {
    const std::size_t value = line.find("} ") + 2;
    const std::size_t comma = line.find(", ", line.find("sum:", value) + 1);
    const bool is_histogram = line.at(value) == '{';
    const std::size_t end = is_histogram ? std::min(comma, line.find("} ", value)) : line.find(' ', value);
    got.push_back(line.substr(0, end) + line.substr(line.rfind(' ')));
  }
  std::ranges::sort(got);
  CHECK(got == want);
  std::ifstream log(folder.path() + "/peer.log");
  const std::string said((std::istreambuf_iterator<char>(log)), {});
  CAPTURE(said);
  CHECK(said.find("level=ERROR") == std::string::npos);
  CHECK(said.find("level=WARN") == std::string::npos);
}

TEST_CASE("deleted ranges hide histograms") {
  Disk disk;
  WalRef ref = 0;
  {
    auto head = disk.start(1);
    auto appender = head->appender();
    const auto series = *appender->series(series_labels(0));
    for (int i = 0; i < 10; ++i) {
      append_any(*appender, series, kStart + i,
                 i % 3 == 0 ? AnyValue(1.0 * i) : AnyValue(int_histogram(0, 2, i)));
    }
    REQUIRE(appender->commit());
    ref = head->live_refs().front();
    std::vector<std::byte> record;
    const std::vector<TombstoneRecord> deleted = {{ref, {kStart + 1, kStart + 4}},
                                                  {ref, {kStart + 8, kStart + 8}}};
    encode_tombstones(deleted, record);
    REQUIRE(disk.wal->log(io::Bytes(record)));
  }
  auto head = disk.start(1);
  const TextPoints want = {{kStart, "0"},
                           {kStart + 5, as_text(int_histogram(0, 2, 5))},
                           {kStart + 6, "6"},
                           {kStart + 7, as_text(int_histogram(0, 2, 7))},
                           {kStart + 9, "9"}};
  CHECK(contents(*head).begin()->second == want);
}

}  // namespace
}  // namespace narthex::tsdb
