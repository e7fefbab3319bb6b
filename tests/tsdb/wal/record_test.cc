#include "tsdb/wal/record.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <random>
#include <string>

#include "model/value.h"
#include "tests/tsdb/why.h"
#include "tsdb/encoding.h"

namespace narthex::tsdb {
namespace {

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> out;
  for (const int v : values) out.push_back(static_cast<std::byte>(v));
  return out;
}

void check_same(const std::vector<SampleRecord>& got, const std::vector<SampleRecord>& want) {
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    CAPTURE(i);
    CHECK(got[i].ref == want[i].ref);
    CHECK(got[i].t == want[i].t);
    CHECK(std::bit_cast<std::uint64_t>(got[i].v) == std::bit_cast<std::uint64_t>(want[i].v));
  }
}

std::vector<SampleRecord> make_samples(std::size_t count) {
  std::mt19937_64 random(1);
  std::vector<SampleRecord> samples;
  samples.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    samples.push_back({random() % 1'000'000, static_cast<Timestamp>(random() % 2'000'000'000'000),
                       std::bit_cast<double>(random())});
  return samples;
}

}  // namespace

TEST_CASE("series record: the bytes are type, reference, count, and each text with its length") {
  std::vector<std::byte> out;
  encode_series(std::vector<SeriesRecord>{{258, Labels{{"a", "b"}, {"cd", "e"}}}, {1, Labels{}}}, out);
  CHECK(out == bytes_of({1, 0, 0, 0, 0, 0, 0, 1, 2, 2, 1, 'a', 1, 'b', 2, 'c', 'd', 1, 'e',  //
                         0, 0, 0, 0, 0, 0, 0, 1, 0}));
}

TEST_CASE("samples record: the bytes are a base and zigzag varints relative to it") {
  std::vector<std::byte> out;
  encode_samples(std::vector<SampleRecord>{{300, 1000, 1.0}, {299, 1100, -0.0}}, out);
  CHECK(out == bytes_of({2, 0,    0,    0,    0, 0, 0, 1, 0x2c, 0, 0, 0, 0, 0, 0, 0x03, 0xe8,  //
                         0, 0,    0x3f, 0xf0, 0, 0, 0, 0, 0,    0,                             //
                         1, 0xc8, 0x01, 0x80, 0, 0, 0, 0, 0,    0, 0}));
}

TEST_CASE("series record: what was written comes back, with long and strange texts") {
  const std::string long_text(70'000, 'x');
  const std::string middle(255, 'm');
  std::vector<SeriesRecord> series = {{1, Labels{{"__name__", "up"}, {"job", "node"}}},
                                      {~WalRef{0}, Labels{{"a", long_text}, {"b", middle}}},
                                      {2, Labels{{"c", middle.substr(0, 127)}, {"d", "e"}}},
                                      {2, Labels{{"c", middle.substr(0, 128)}, {"d", "e"}}},
                                      {3, Labels{}},
                                      {4, Labels{{"utf8 nämé", "\xf0\x9f\x98\x80\n\""}}}};
  std::vector<std::byte> out;
  encode_series(series, out);
  std::vector<SeriesRecord> got = {{9, Labels{}}};
  const auto decoded = decode_series(out, got);
  REQUIRE_MESSAGE(decoded, why(decoded));
  REQUIRE(got.size() == 7);
  for (std::size_t i = 0; i < series.size(); ++i) {
    CHECK(got[i + 1].ref == series[i].ref);
    CHECK(got[i + 1].labels == series[i].labels);
  }
}

TEST_CASE("series record: unsorted labels and empty values are set right") {
  const auto record = bytes_of({1, 0, 0, 0, 0, 0, 0, 0, 7, 3, 1, 'b', 1, '2', 1, 'a', 1, '1', 1, 'c', 0});
  std::vector<SeriesRecord> got;
  REQUIRE(decode_series(record, got));
  REQUIRE(got.size() == 1);
  CHECK(got[0].labels == Labels{{"a", "1"}, {"b", "2"}});
}

TEST_CASE("series record: a length in more bytes than it needs is a length") {
  const auto record = bytes_of({1, 0, 0, 0, 0, 0, 0, 0, 7, 2, 1, 'a', 0x81, 0, '1', 1, 'b', 1, '2'});
  std::vector<SeriesRecord> got;
  REQUIRE(decode_series(record, got));
  REQUIRE(got.size() == 1);
  CHECK(got[0].labels == Labels{{"a", "1"}, {"b", "2"}});
}

TEST_CASE("samples record: what was written comes back") {
  std::vector<SampleRecord> samples = make_samples(1000);
  samples.push_back({~WalRef{0}, kMaxTime, kStaleNan});
  samples.push_back({0, kMinTime, kNormalNan});
  std::vector<std::byte> out;
  encode_samples(samples, out);
  std::vector<SampleRecord> got;
  const auto decoded = decode_samples(out, got);
  REQUIRE_MESSAGE(decoded, why(decoded));
  check_same(got, samples);
}

TEST_CASE("samples record: one without samples is just its type") {
  std::vector<std::byte> out;
  encode_samples({}, out);
  CHECK(out == bytes_of({2}));
  std::vector<SampleRecord> got;
  CHECK(decode_samples(out, got));
  CHECK(got.empty());
}

TEST_CASE("samples record with start timestamps (type 11): read without them") {
  // First: ref 5, t 1000, st 10; then ref +1, t +0, no st; ref +2, t +15, same st;
  // ref -3, t -1, st explicit -5.
  const auto one = std::vector<int>{0x3f, 0xf0, 0, 0, 0, 0, 0, 0};
  std::vector<std::byte> record = bytes_of({11, 10, 0xd0, 0x0f, 20});
  const auto value = [&] {
    for (const int b : one) record.push_back(static_cast<std::byte>(b));
  };
  const auto more = [&](std::initializer_list<int> values) {
    for (const int v : values) record.push_back(static_cast<std::byte>(v));
    value();
  };
  value();
  more({2, 0, 0});
  more({4, 30, 1});
  more({5, 1, 2, 9});
  std::vector<SampleRecord> got = {{77, 7, 7}};
  const auto decoded = decode_samples(record, got);
  REQUIRE_MESSAGE(decoded, why(decoded));
  got.erase(got.begin());
  check_same(got, {{5, 1000, 1}, {6, 1000, 1}, {8, 1015, 1}, {5, 999, 1}});
}

TEST_CASE("records cut short are corrupt and leave nothing behind") {
  std::vector<std::byte> series;
  encode_series(
      std::vector<SeriesRecord>{{1, Labels{{"a", "b"}}}, {2, Labels{{"long", std::string(300, 'x')}}}},
      series);
  std::vector<std::byte> samples;
  encode_samples(make_samples(3), samples);
  for (std::size_t size = 2; size < series.size(); ++size) {
    CAPTURE(size);
    std::vector<SeriesRecord> got;
    const auto decoded = decode_series(io::Bytes(series).first(size), got);
    // Exactly behind a whole entry the record is shorter, not torn.
    if (size == 14) {
      CHECK(decoded);
      continue;
    }
    REQUIRE(!decoded);
    CHECK(decoded.error().code == Code::corruption);
    CHECK(got.empty());
  }
  std::size_t whole = 0;
  for (std::size_t size = 2; size < samples.size(); ++size) {
    std::vector<SampleRecord> got;
    const auto decoded = decode_samples(io::Bytes(samples).first(size), got);
    whole += decoded.has_value();
    if (!decoded) CHECK(got.empty());
  }
  CHECK(whole == 3);  // the base alone, and behind the first two samples
}

TEST_CASE("records of another type are refused by name") {
  std::vector<SeriesRecord> series;
  std::vector<SampleRecord> samples;
  CHECK(!decode_series(bytes_of({2}), series));
  CHECK(!decode_series({}, series));
  CHECK(!decode_samples(bytes_of({1}), samples));
  CHECK(!decode_samples({}, samples));
}

TEST_CASE("record types: known numbers, anything else is unknown") {
  CHECK(record_type(bytes_of({1})) == RecordType::series);
  CHECK(record_type(bytes_of({13})) == RecordType::float_histograms_v2);
  for (const int other : {0, 14, 99, 255}) CHECK(record_type(bytes_of({other})) == RecordType::unknown);
  CHECK(record_type({}) == RecordType::unknown);
}

TEST_CASE("records with flipped bits decode to something or are refused, and no more") {
  std::vector<std::byte> series;
  encode_series(std::vector<SeriesRecord>{{1, Labels{{"a", "b"}, {"c", "d"}}}}, series);
  std::vector<std::byte> samples;
  encode_samples(make_samples(20), samples);
  for (auto* record : {&series, &samples}) {
    for (std::size_t bit = 0; bit < record->size() * 8; ++bit) {
      auto flipped = *record;
      flipped[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
      std::vector<SeriesRecord> a;
      std::vector<SampleRecord> b;
      const bool either = decode_series(flipped, a).has_value() || decode_samples(flipped, b).has_value();
      CHECK((either || (a.empty() && b.empty())));
    }
  }
}

namespace {

Histogram small_histogram() {
  Histogram h;
  h.schema = 2;
  h.zero_threshold = 0.5;
  h.zero_count = 1;
  h.count = 7;
  h.sum = 3.5;
  h.positive_spans = {{-1, 2}, {3, 1}};
  h.positive_deltas = {1, 1, 1};
  return h;
}

std::vector<std::byte> one_histogram(AnyHistogram h, bool with_start) {
  std::vector<std::vector<std::byte>> records;
  encode_histograms(std::vector<HistogramRecord>{{5, 1000, 900, std::move(h)}}, with_start, records);
  REQUIRE(records.size() == 1);
  return records[0];
}

}  // namespace

TEST_CASE("histogram records: what was written comes back, starts only in the newer types") {
  Histogram custom = small_histogram();
  custom.schema = kCustomBucketsSchema;
  custom.custom_values = {0.1, 1, 2.5, 7};
  const std::vector<AnyHistogram> values = {small_histogram(), custom, to_float(small_histogram()),
                                            to_float(custom)};
  for (const bool with_start : {false, true}) {
    CAPTURE(with_start);
    for (const AnyHistogram& value : values) {
      std::vector<HistogramRecord> got;
      const auto left_out = decode_histograms(one_histogram(value, with_start), got);
      REQUIRE_MESSAGE(left_out, why(left_out));
      REQUIRE(got.size() == 1);
      CHECK(got[0].ref == 5);
      CHECK(got[0].t == 1000);
      CHECK(got[0].st == (with_start ? 900 : 0));
      CHECK((got[0].value == value));
    }
  }
}

TEST_CASE("histogram records: each kind gets the record that Prometheus gives it") {
  Histogram custom = small_histogram();
  custom.schema = kCustomBucketsSchema;
  const std::vector<HistogramRecord> all = {{1, 1, 0, to_float(custom)},
                                            {2, 1, 0, to_float(small_histogram())},
                                            {3, 1, 0, custom},
                                            {4, 1, 0, small_histogram()}};
  const auto types = [&](bool with_start) {
    std::vector<std::vector<std::byte>> records;
    encode_histograms(all, with_start, records);
    std::vector<int> numbers;
    for (const auto& record : records) numbers.push_back(static_cast<int>(record_type(record)));
    return numbers;
  };
  CHECK((types(false) == std::vector<int>{7, 9, 8, 10}));
  CHECK((types(true) == std::vector<int>{12, 13}));
}

TEST_CASE("histogram records: an entry that cannot be is left out and counted") {
  struct Row {
    const char* name;
    Histogram h;
  };
  std::vector<Row> rows;
  rows.push_back({"more buckets than spans say", small_histogram()});
  rows.back().h.positive_deltas.push_back(1);
  rows.push_back({"fewer", small_histogram()});
  rows.back().h.negative_spans = {{0, 1000}};
  rows.push_back({"unknown schema", small_histogram()});
  rows.back().h.schema = 53;
  for (const Row& row : rows) {
    CAPTURE(row.name);
    std::vector<std::vector<std::byte>> records;
    encode_histograms(std::vector<HistogramRecord>{{5, 1, 0, row.h}, {6, 2, 0, small_histogram()}}, true,
                      records);
    std::vector<HistogramRecord> got;
    const auto left_out = decode_histograms(records.at(0), got);
    REQUIRE_MESSAGE(left_out, why(left_out));
    CHECK(*left_out == 1);
    REQUIRE(got.size() == 1);
    CHECK(got[0].ref == 6);
    CHECK(got[0].t == 2);
  }
}

TEST_CASE("histogram records: schemas finer than 8 are read as 8") {
  Histogram h;
  h.schema = 10;
  h.count = 15;
  h.positive_spans = {{1, 5}};
  h.positive_deltas = {1, 1, 1, 1, 1};
  std::vector<HistogramRecord> got;
  REQUIRE(decode_histograms(one_histogram(h, false), got));
  const auto& coarse = std::get<Histogram>(got.at(0).value);
  CHECK(coarse.schema == 8);
  CHECK((coarse.positive_spans == std::vector<HistogramSpan>{{1, 2}}));
  CHECK((coarse.positive_deltas == std::vector<std::int64_t>{10, -5}));
  got.clear();
  REQUIRE(decode_histograms(one_histogram(to_float(h), false), got));
  CHECK((std::get<FloatHistogram>(got.at(0).value).positive_buckets == std::vector<double>{10, 5}));
}

TEST_CASE("metadata records: types we do not know are unknown, fields we do not know are read over") {
  std::vector<std::byte> record = bytes_of({6, 9, 77, 3});
  for (const char* text : {"SCALE", "ten", "HELP", "text", "UNIT", "s"}) put_text(record, text);
  std::vector<MetadataRecord> got;
  const auto done = decode_metadata(record, got);
  REQUIRE_MESSAGE(done, why(done));
  REQUIRE(got.size() == 1);
  CHECK(got[0].ref == 9);
  CHECK((got[0].metadata == storage::Metadata{"unknown", "s", "text"}));
}

TEST_CASE("records of all kinds cut at any byte are refused or end at an entry") {
  std::vector<std::vector<std::byte>> records(5);
  encode_exemplars(std::vector<ExemplarRecord>{{1, 2, 3, Labels{{"a", "b"}}}, {2, 3, 4, Labels{}}},
                   records[0]);
  encode_metadata(std::vector<MetadataRecord>{{1, {"counter", "", "help"}}, {2, {"gauge", "s", ""}}},
                  records[1]);
  encode_tombstones(std::vector<TombstoneRecord>{{1, {-5, 5}}, {2, {}}}, records[2]);
  encode_mmap_markers(std::vector<MmapMarkerRecord>{{1, 2}, {3, 4}}, records[3]);
  encode_samples_v2(std::vector<SampleRecord>{{1, 2, 3}, {4, 5, 6}}, std::vector<Timestamp>{1, 2},
                    records[4]);
  encode_histograms(
      std::vector<HistogramRecord>{{1, 2, 3, small_histogram()}, {1, 2, 3, to_float(small_histogram())}},
      true, records);
  for (const std::vector<std::byte>& record : records) {
    for (std::size_t size = 1; size <= record.size(); ++size) {
      const io::Bytes cut = io::Bytes(record).first(size);
      std::vector<ExemplarRecord> exemplars;
      std::vector<MetadataRecord> metadata;
      std::vector<TombstoneRecord> tombstones;
      std::vector<MmapMarkerRecord> markers;
      std::vector<HistogramRecord> histograms;
      std::vector<SampleRecord> samples;
      std::vector<Timestamp> starts;
      const std::vector<bool> sound = {
          decode_exemplars(cut, exemplars).has_value(),   decode_metadata(cut, metadata).has_value(),
          decode_tombstones(cut, tombstones).has_value(), decode_mmap_markers(cut, markers).has_value(),
          decode_histograms(cut, histograms).has_value(), decode_samples(cut, samples, starts).has_value()};
      const std::size_t entries = exemplars.size() + metadata.size() + tombstones.size() + markers.size() +
                                  histograms.size() + samples.size();
      const bool any_sound = std::ranges::count(sound, true) == 1;
      CHECK(std::ranges::count(sound, true) <= 1);
      if (!any_sound) CHECK(entries == 0);
      if (size == record.size()) CHECK(any_sound);
      CHECK(starts.size() == samples.size());
    }
  }
}

}  // namespace narthex::tsdb
