#include "tsdb/wal/record.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <random>
#include <string>

#include "model/value.h"
#include "tests/tsdb/why.h"

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
                                      {3, Labels{}},
                                      {4, Labels{{"utf8 nämé", "\xf0\x9f\x98\x80\n\""}}}};
  std::vector<std::byte> out;
  encode_series(series, out);
  std::vector<SeriesRecord> got = {{9, Labels{}}};
  const auto decoded = decode_series(out, got);
  REQUIRE_MESSAGE(decoded, why(decoded));
  REQUIRE(got.size() == 5);
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

}  // namespace narthex::tsdb
