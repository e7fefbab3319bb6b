#include "tsdb/wal/checkpoint.h"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "tests/tsdb/peer.h"
#include "tests/tsdb/wal/wal_fixture.h"
#include "tests/tsdb/why.h"
#include "tsdb/encoding.h"

namespace narthex::tsdb {
namespace {

const std::string kDir = "wal";

bool keep_all(WalRef) {
  return true;
}
bool keep_even(WalRef ref) {
  return ref % 2 == 0;
}

std::string text_of(const std::vector<std::byte>& bytes) {
  return std::string(io::as_text(bytes));
}

std::string series_record(std::initializer_list<WalRef> refs) {
  std::vector<SeriesRecord> series;
  for (const WalRef ref : refs)
    series.push_back({ref, Labels{{"__name__", "m"}, {"i", std::to_string(ref)}}});
  std::vector<std::byte> out;
  encode_series(series, out);
  return text_of(out);
}

std::string samples_record(const std::vector<SampleRecord>& samples) {
  std::vector<std::byte> out;
  encode_samples(samples, out);
  return text_of(out);
}

/// A record of entries relative to a base of {100, 1000}; each body follows reference and time.
struct Entry {
  std::int64_t ref;
  std::int64_t t;
  std::string body;
};
std::string based_record(RecordType type, const std::vector<Entry>& entries) {
  std::vector<std::byte> out;
  put_u8(out, static_cast<std::uint8_t>(type));
  put_be<std::uint64_t>(out, 100);
  put_be<std::uint64_t>(out, 1000);
  for (const Entry& e : entries) {
    put_varint(out, e.ref - 100);
    put_varint(out, e.t - 1000);
    put_bytes(out, io::as_bytes(e.body));
  }
  return text_of(out);
}

std::string tombstones_record(const std::vector<std::tuple<WalRef, Timestamp, Timestamp>>& stones) {
  std::vector<std::byte> out;
  put_u8(out, static_cast<std::uint8_t>(RecordType::tombstones));
  for (const auto& [ref, mint, maxt] : stones) {
    put_be<std::uint64_t>(out, ref);
    put_varint(out, mint);
    put_varint(out, maxt);
  }
  return text_of(out);
}

std::string metadata_record(const std::vector<std::pair<WalRef, std::string>>& helps) {
  std::vector<std::byte> out;
  put_u8(out, static_cast<std::uint8_t>(RecordType::metadata));
  for (const auto& [ref, help] : helps) {
    put_uvarint(out, ref);
    put_u8(out, 1);
    put_uvarint(out, 1);
    put_text(out, "HELP");
    put_text(out, help);
  }
  return text_of(out);
}

std::string exemplar_body() {
  std::vector<std::byte> out;
  put_be<std::uint64_t>(out, 42);
  put_uvarint(out, 1);
  put_text(out, "trace_id");
  put_text(out, "abc");
  return text_of(out);
}

std::string histogram_body(bool floats, bool custom) {
  std::vector<std::byte> out;
  put_u8(out, 1);
  put_varint(out, custom ? -53 : 3);
  put_be<std::uint64_t>(out, 7);
  for (int i = 0; i < 2; ++i) {
    if (floats)
      put_be<std::uint64_t>(out, 500);
    else
      put_uvarint(out, 500);
  }
  put_be<std::uint64_t>(out, 9);
  put_uvarint(out, 2);  // positive spans
  for (int i = 0; i < 2; ++i) {
    put_varint(out, -300);
    put_uvarint(out, 1);
  }
  put_uvarint(out, 0);  // negative spans
  put_uvarint(out, 2);  // positive buckets
  for (int i = 0; i < 2; ++i) {
    if (floats)
      put_be<std::uint64_t>(out, 8);
    else
      put_varint(out, -1000);
  }
  put_uvarint(out, 0);  // negative buckets
  if (custom) {
    put_uvarint(out, 2);
    for (int i = 0; i < 2; ++i) put_be<std::uint64_t>(out, 3);
  }
  return text_of(out);
}

/// Writes each group into a segment of its own, and one empty segment behind them.
void write_segments(io::FileSystem& fs, const std::vector<std::vector<std::string>>& groups) {
  const auto wal = open_wal(fs, kDir);
  for (const auto& group : groups) {
    REQUIRE(log_texts(*wal, group));
    REQUIRE(wal->cut_segment());
  }
}

std::vector<std::string> read_checkpoint(io::FileSystem& fs, std::uint32_t number) {
  const auto newest = last_checkpoint(fs, kDir);
  REQUIRE_MESSAGE(newest, why(newest));
  REQUIRE(*newest);
  CHECK((*newest)->second == number);
  const ReadBack got = read_all(fs, (*newest)->first);
  CHECK(got.damage.empty());
  return got.records;
}

}  // namespace

TEST_CASE("checkpoint: keeps series that are wanted and entries that are not too old") {
  io::FaultFileSystem fs;
  const std::string exemplar = exemplar_body();
  const std::string stamp(8, 'v');
  const std::string next_type = "\x63 something newer";
  write_segments(
      fs,
      {{series_record({100, 101, 102}), series_record({101}), samples_record({{100, 999, 1}, {102, 1000, 2}}),
        samples_record({{100, 1, 1}}), samples_record({})},
       {based_record(RecordType::samples, {{100, 1001, stamp}, {101, 1001, stamp}, {102, 5, stamp}}),
        based_record(RecordType::exemplars, {{100, 500, exemplar}, {102, 1500, exemplar}}),
        tombstones_record({{100, 0, 999}, {100, 0, 1000}, {101, 0, 2000}}),
        metadata_record({{100, "old"}, {101, "gone"}, {102, "only"}})},
       {metadata_record({{100, "new"}}), next_type},
       {samples_record({{100, 5000, 9}})}});
  const auto stats = write_checkpoint(fs, kDir, 2, keep_even, 1000);
  REQUIRE_MESSAGE(stats, why(stats));
  CHECK(stats->records_read == 11);
  CHECK(stats->records_written == 7);
  CHECK(read_checkpoint(fs, 2) ==
        std::vector<std::string>{series_record({100, 102}),
                                 // The base of the record stays, though its own entry has gone.
                                 samples_record({{100, 999, 1}, {102, 1000, 2}}).substr(0, 17) +
                                     samples_record({{100, 999, 1}, {102, 1000, 2}}).substr(27),
                                 based_record(RecordType::samples, {{100, 1001, stamp}}),
                                 based_record(RecordType::exemplars, {{102, 1500, exemplar}}),
                                 tombstones_record({{100, 0, 1000}}), next_type,
                                 metadata_record({{100, "new"}, {102, "only"}})});
}

TEST_CASE("checkpoint: histograms of all kinds are kept by time and series") {
  const struct {
    RecordType type;
    bool floats, custom;
  } rows[] = {{RecordType::histograms, false, false},
              {RecordType::float_histograms, true, false},
              {RecordType::custom_histograms, false, true},
              {RecordType::custom_float_histograms, true, true}};
  for (const auto& row : rows) {
    CAPTURE(static_cast<int>(row.type));
    const std::string body = histogram_body(row.floats, row.custom);
    io::FaultFileSystem fs;
    write_segments(
        fs, {{based_record(row.type, {{100, 2000, body}, {102, 10, body}, {101, 2000, body}}),
              based_record(row.type, {{102, 10, body}}), based_record(row.type, {{102, 3000, body}})}});
    REQUIRE(write_checkpoint(fs, kDir, 0, keep_even, 1000));
    CHECK(read_checkpoint(fs, 0) == std::vector<std::string>{based_record(row.type, {{100, 2000, body}}),
                                                             based_record(row.type, {{102, 3000, body}})});
  }
}

TEST_CASE("checkpoint: entries that lean on the one before go without taking it along") {
  const std::vector<SampleRecord> samples = {{101, 5000, 1}, {100, 10, 2},   {102, 2000, 3},
                                             {103, 2000, 4}, {104, 2001, 5}, {106, 2002, 6}};
  const std::vector<Timestamp> starts = {4000, 4000, 4000, 7, 7, 0};
  std::vector<std::byte> record;
  encode_samples_v2(samples, starts, record);
  std::vector<HistogramRecord> histograms;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    Histogram h;
    h.sum = samples[i].v;
    histograms.push_back({samples[i].ref, samples[i].t, starts[i], h});
  }
  std::vector<std::vector<std::byte>> histogram_records;
  encode_histograms(histograms, true, histogram_records);
  std::vector<std::byte> none;
  encode_samples_v2(std::vector<SampleRecord>{{100, 10, 1}, {101, 2000, 1}}, {}, none);

  io::FaultFileSystem fs;
  write_segments(fs, {{text_of(record), text_of(none), text_of(histogram_records.at(0))}});
  REQUIRE(write_checkpoint(fs, kDir, 0, keep_even, 1000));

  std::vector<std::byte> kept;
  encode_samples_v2(std::vector<SampleRecord>{samples[2], samples[4], samples[5]},
                    std::vector<Timestamp>{4000, 7, 0}, kept);
  std::vector<std::vector<std::byte>> kept_histograms;
  encode_histograms(std::vector<HistogramRecord>{histograms[2], histograms[4], histograms[5]}, true,
                    kept_histograms);
  CHECK(read_checkpoint(fs, 0) == std::vector<std::string>{text_of(kept), text_of(kept_histograms.at(0))});
}

TEST_CASE("checkpoint: a record that contradicts its format is kept as it is") {
  std::vector<std::string> broken;
  for (const RecordType type :
       {RecordType::samples, RecordType::exemplars, RecordType::histograms, RecordType::float_histograms,
        RecordType::samples_v2, RecordType::series, RecordType::tombstones, RecordType::metadata})
    broken.push_back(static_cast<char>(type) + std::string(30, '\xff'));
  io::FaultFileSystem fs;
  write_segments(fs, {broken});
  REQUIRE(write_checkpoint(fs, kDir, 0, keep_even, 1000));
  CHECK(read_checkpoint(fs, 0) == broken);
}

TEST_CASE("checkpoint: the next one takes over the one before, and older ones go") {
  io::FaultFileSystem fs;
  REQUIRE(fs.make_directories(kDir + "/checkpoint.00000077.tmp"));
  write_segments(fs,
                 {{series_record({2})}, {series_record({4})}, {series_record({6})}, {series_record({8})}});
  REQUIRE(write_checkpoint(fs, kDir, 1, keep_all, 0));
  REQUIRE(write_checkpoint(fs, kDir, 2, [](WalRef ref) { return ref != 2; }, 0));
  CHECK(read_checkpoint(fs, 2) == std::vector<std::string>{series_record({4}), series_record({6})});
  CHECK(!fs.exists(kDir + "/checkpoint.00000001"));
  CHECK(!fs.exists(kDir + "/checkpoint.00000077.tmp"));
  // Once more: nothing to do.
  CHECK(write_checkpoint(fs, kDir, 2, keep_even, 0)->records_read == 0);
}

TEST_CASE("checkpoint: missing segments behind the one before are an error, not a loss") {
  io::FaultFileSystem fs;
  write_segments(fs, {{"\x01"}, {"\x01"}, {"\x01"}, {"\x01"}});
  REQUIRE(write_checkpoint(fs, kDir, 0, keep_all, 0));
  for (const char* name : {"/00000000", "/00000001"}) REQUIRE(fs.remove_file(kDir + name));
  const auto stats = write_checkpoint(fs, kDir, 3, keep_all, 0);
  REQUIRE(!stats);
  CHECK(stats.error().code == Code::corruption);
}

TEST_CASE("checkpoint: whichever operation fails, a power cut later everything wanted is still there") {
  const std::vector<std::string> wanted = {series_record({2}), series_record({4}), series_record({6})};
  bool failed = true;
  for (int nth = 0; failed; ++nth) {
    CAPTURE(nth);
    io::FaultFileSystem fs;
    fs.set_short_write(true);
    write_segments(fs, {{wanted[0]}, {wanted[1]}, {wanted[2]}});
    REQUIRE(write_checkpoint(fs, kDir, 0, keep_all, 0));
    REQUIRE(fs.sync_directory("."));
    int left = nth;
    failed = false;
    fs.set_judge([&](io::Operation, const std::string&) -> std::optional<Error> {
      if (left-- != 0) return std::nullopt;
      failed = true;
      return Error{Code::io, "injected", {}};
    });
    const auto stats = write_checkpoint(fs, kDir, 1, keep_all, 0);
    fs.set_judge(nullptr);
    // What the head does once a checkpoint is there.
    if (stats)
      for (const char* name : {"/00000000", "/00000001"})
        if (fs.exists(kDir + name)) REQUIRE(fs.remove_file(kDir + name));
    REQUIRE(fs.sync_directory(kDir));
    fs.crash();

    const auto newest = last_checkpoint(fs, kDir);
    REQUIRE(newest);
    REQUIRE(*newest);
    ReadBack got = read_all(fs, (*newest)->first);
    const auto segments = list_segments(fs, kDir);
    REQUIRE(segments);
    for (const std::uint32_t segment : *segments)
      if (segment > (*newest)->second) read_segment(fs, kDir, segment, got);
    CHECK(got.damage.empty());
    CHECK(got.records == wanted);
    REQUIRE(nth < 1000);
  }
}

TEST_CASE("peers: a log with a checkpoint of ours is replayed by promtool, sample by sample") {
  const std::string promtool = find_promtool();
  if (promtool.empty()) return;
  const TemporaryFolder folder;
  const std::string dir = folder.path() + "/wal";
  std::vector<std::string> want;
  {
    const auto wal = open_wal(io::local_file_system(), dir);
    std::vector<SeriesRecord> series;
    for (WalRef ref = 1; ref <= 1000; ++ref)
      series.push_back({ref, Labels{{"__name__", "m"}, {"i", std::to_string(ref)}}});
    std::vector<std::byte> record;
    encode_series(series, record);
    REQUIRE(wal->log(record));
    for (int scrape = 0; scrape < 10; ++scrape) {
      std::vector<SampleRecord> samples;
      for (const SeriesRecord& s : series) {
        const Timestamp t = 1'700'000'000'000 + scrape * 15'000;
        samples.push_back({s.ref, t, static_cast<double>(scrape)});
        if (s.ref % 2 == 0 && (scrape >= 4)) want.push_back(dump_line(s.labels, t, scrape));
      }
      // Series of odd numbers end here.
      if (scrape > 5) std::erase_if(samples, [](const SampleRecord& s) { return s.ref % 2 == 1; });
      record.clear();
      encode_samples(samples, record);
      REQUIRE(wal->log(record));
      if (scrape == 2 || scrape == 5) REQUIRE(wal->cut_segment());
    }
    const auto stats = write_checkpoint(io::local_file_system(), dir, 1, keep_even, 1'700'000'060'000);
    REQUIRE_MESSAGE(stats, why(stats));
    REQUIRE(wal->truncate_before(2));
  }
  std::sort(want.begin(), want.end());
  CHECK((dump(promtool, folder.path()) == want));
}

}  // namespace narthex::tsdb
