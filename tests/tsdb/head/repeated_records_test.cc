// Records of samples that are known without decoding: exactly those whose decoding would give the
// references of the one that was remembered, and times in the range.
#include "tsdb/head/repeated_records.h"

#include <doctest/doctest.h>

#include <random>

#include "tsdb/wal/record.h"

namespace narthex::tsdb {
namespace {

using Use = RepeatedRecords::Use;

std::vector<std::byte> record_of(const std::vector<SampleRecord>& samples) {
  std::vector<std::byte> record;
  encode_samples(samples, record);
  return record;
}

/// References of one, two and three bytes, some times beside that of the scrape.
std::vector<SampleRecord> scrape(Timestamp t, double v) {
  std::vector<SampleRecord> samples;
  for (WalRef ref = 70; ref < 20'000; ref += ref % 3 == 0 ? 97 : 1 + ref / 100)
    samples.push_back({ref, ref % 5 == 0 ? t - 30 : t + static_cast<Timestamp>(ref % 2), v += 0.1});
  return samples;
}

/// Samples in `record` if it is known; its values are then what `values` says.
std::size_t count_known(const RepeatedRecords& known, const std::vector<std::byte>& record,
                        std::vector<double>* values = nullptr) {
  const auto found = known.find(record);
  if (found.number == kNoNumber) return 0;
  std::vector<double> taken(found.samples);
  const bool is_like = known.take_values(record, found.number, taken.data());
  CHECK(known.is_like(record, found.number) == is_like);
  if (values != nullptr) *values = taken;
  return is_like ? found.samples : 0;
}

TEST_CASE("repeated records: one with other values and a later time is told, and none that differs in more") {
  RepeatedRecords known;
  const Timestamp t = 1'700'000'000'000;
  CHECK(count_known(known, record_of(scrape(t, 1))) == 0);
  known.remember(record_of(scrape(t, 1)), {t - 100, t + 60'000}, Use::skip);
  const std::size_t count = scrape(t, 1).size();
  CHECK(count_known(known, record_of(scrape(t, 1))) == count);
  CHECK(count_known(known, record_of(scrape(t + 15'000, 7))) == count);
  std::vector<double> values;
  CHECK(count_known(known, record_of(scrape(t + 30'000, 9)), &values) == count);
  for (std::size_t i = 0; i < count; ++i) CHECK(values[i] == scrape(t, 9)[i].v);
  // All of its times count.
  const struct {
    Timestamp first;
    bool is_within;
  } rows[] = {{t - 71, false}, {t - 70, true}, {t + 59'999, true}, {t + 60'000, false}};
  for (const auto& row : rows) {
    CAPTURE(row.first - t);
    CHECK((count_known(known, record_of(scrape(row.first, 2))) > 0) == row.is_within);
  }
  for (std::size_t i = 0; i < count; ++i) {
    CAPTURE(i);
    auto other = scrape(t, 3);
    other[i].ref += 1;
    CHECK(count_known(known, record_of(other)) == 0);
    other = scrape(t, 3);
    other[i].t += 1;
    CHECK(count_known(known, record_of(other)) == 0);
    other = scrape(t, 3);
    other.erase(other.begin() + static_cast<std::ptrdiff_t>(i));
    CHECK(count_known(known, record_of(other)) == 0);
  }
  auto longer = scrape(t, 4);
  longer.push_back({longer.back().ref + 1, t, 1});
  CHECK(count_known(known, record_of(longer)) == 0);
  known.forget_all();
  CHECK(count_known(known, record_of(scrape(t, 1))) == 0);
}

TEST_CASE("repeated records: the last one with a first reference counts") {
  RepeatedRecords known;
  const auto one = record_of({{5, 100, 1}, {6, 100, 1}});
  const auto two = record_of({{5, 100, 1}, {9, 100, 1}});
  known.remember(one, {0, 1000}, Use::skip);
  known.remember(record_of({{4, 100, 1}, {6, 100, 1}}), {0, 1000}, Use::skip);
  CHECK(count_known(known, one) == 2);
  known.remember(two, {0, 1000}, Use::skip);
  CHECK(count_known(known, one) == 0);
  CHECK(count_known(known, two) == 2);
}

TEST_CASE("repeated records: what is to be done comes with them, and the second of a length is told") {
  RepeatedRecords known;
  const auto one = record_of({{5, 100, 1}, {6, 100, 1}});
  CHECK(known.remember(one, {0, 1000}, Use::gather) == 0);
  CHECK(known.find(one).use == Use::gather);
  CHECK(known.find(one).first == 100);
  CHECK(known.remember(record_of({{9, 100, 1}}), {0, 1000}, Use::skip) == 1);
  CHECK(known.count_samples() == 3);
  CHECK(known.remember(one, {0, 1000}, Use::skip) == 0);
  CHECK(known.find(one).use == Use::skip);
  CHECK(known.count_samples() == 3);
  CHECK_FALSE(known.note(one));
  CHECK(known.note(record_of({{5, 200, 1}, {9, 200, 1}})));
  CHECK_FALSE(known.note(record_of({{5, 200, 1}})));
  CHECK_FALSE(known.note(one));
  CHECK_FALSE(known.note({}));
  known.forget_all();
  CHECK(known.count_samples() == 0);
}

TEST_CASE("repeated records: heads longer than four bytes are not remembered, and scraps are no record") {
  RepeatedRecords known;
  const auto far = record_of({{5, 100, 1}, {std::uint64_t{1} << 40, 100, 1}});
  known.remember(far, {0, 1000}, Use::skip);
  CHECK(count_known(known, far) == 0);
  const auto whole = record_of({{5, 100, 1}, {6, 101, 1}});
  known.remember(whole, {0, 1000}, Use::skip);
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK(known.find(io::Bytes(whole).first(size)).number == kNoNumber);
  known.forget_all();
  known.remember(io::Bytes(whole).first(10), {0, 1000}, Use::skip);
  known.remember(record_of({}), {0, 1000}, Use::skip);
  CHECK(count_known(known, record_of({})) == 0);
}

}  // namespace
}  // namespace narthex::tsdb
