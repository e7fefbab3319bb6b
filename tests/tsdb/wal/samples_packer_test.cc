#include "tsdb/wal/samples_packer.h"

#include <doctest/doctest.h>
#include <snappy.h>

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tsdb/wal/compression.h"
#include "tsdb/wal/record.h"

using namespace narthex;
using namespace narthex::tsdb;

namespace {

constexpr Timestamp kT = 1'700'000'000'000;

std::vector<std::byte> encode(const std::vector<SampleRecord>& samples) {
  std::vector<std::byte> record;
  encode_samples(samples, record);
  return record;
}

/// A scrape: half of the values stand still, some are whole numbers, some have decimals.
std::vector<SampleRecord> scrape(std::size_t count, std::uint64_t first_ref, std::mt19937_64& random) {
  std::vector<SampleRecord> samples;
  for (std::size_t i = 0; i < count; ++i) {
    const auto number = static_cast<double>(random() % 1'000'000);
    const double values[] = {0, 1, number, number / 1000, static_cast<double>(random()) / 7};
    samples.push_back({first_ref + i, kT, values[random() % std::size(values)]});
  }
  return samples;
}

std::vector<std::byte> pack(io::Bytes record) {
  std::vector<std::byte> packed(packed_samples_bound(record.size()), std::byte{0xaa});
  const std::size_t size = pack_samples(record, packed.data());
  REQUIRE(size <= packed.size());
  packed.resize(size);
  return packed;
}

/// Read by the library, as every other reader of the log does.
void check_round_trip(const std::vector<std::byte>& record) {
  const auto packed = pack(record);
  RecordDecompressor decompressor;
  CHECK(decompressor.verify(RecordFlag::snappy, packed));
  const auto unpacked = decompressor.decompress(RecordFlag::snappy, packed);
  REQUIRE(unpacked);
  CHECK(std::ranges::equal(*unpacked, record));
}

}  // namespace

TEST_CASE("packed samples are snappy blocks that any reader unpacks") {
  std::mt19937_64 random(4);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::vector<SampleRecord>> rows = {
      {},
      {{1, kT, 1}},
      {{1, kT, 0}, {2, kT, 0}},
      {{1, kT, 5},
       {2, kT, 5},
       {3, kT, 5},
       {4, kT + 1, 5},
       {90'000, kT - 60'000, 5},
       {90'001, kT - 60'000, 5}},
      {{7, kT, nan},
       {5, kT, nan},
       {~std::uint64_t{0}, kMaxTime, nan},
       {1, kMinTime, nan},
       {2, kMinTime, -0.0}},
      scrape(70, 1, random),
      scrape(2'000, 250'000, random),
      scrape(30'000, 1, random),
  };
  for (const auto& samples : rows) {
    CAPTURE(samples.size());
    check_round_trip(encode(samples));
  }
}

TEST_CASE("packing takes any bytes for samples, cut or flipped anywhere") {
  std::mt19937_64 random(5);
  const auto whole = encode(scrape(60, 120, random));
  for (std::size_t size = 1; size <= whole.size(); ++size)
    check_round_trip({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
  for (int round = 0; round < 500; ++round) {
    auto damaged = whole;
    for (std::size_t i = 1; i < damaged.size(); i += 1 + random() % 64)
      damaged[i] = static_cast<std::byte>(random() % 3 == 0 ? 0xff : random());
    check_round_trip(damaged);
  }
}

TEST_CASE("packed samples take little more than the library makes of them") {
  std::mt19937_64 random(6);
  const auto record = encode(scrape(2'000, 250'000, random));
  std::string library;
  snappy::Compress(reinterpret_cast<const char*>(record.data()), record.size(), &library);
  const std::size_t ours = pack(record).size();
  CAPTURE(record.size());
  CAPTURE(library.size());
  CAPTURE(ours);
  CHECK(ours < record.size());
  CHECK(ours * 10 <= library.size() * 11);
}

TEST_CASE("records of samples are packed, and stay plain where that saves nothing") {
  std::vector<std::byte> buffer;
  const auto same = encode(std::vector<SampleRecord>(20, {1, kT, 5}));
  const auto packed = pack(same);
  // In an empty buffer, behind another record, and in a buffer that is large enough.
  for (const std::size_t at : {0, 100, 7}) {
    const auto made = compress_record(WalCompression::snappy, same, buffer, at);
    CHECK(made.flag == RecordFlag::snappy);
    CHECK(std::ranges::equal(io::Bytes(buffer).subspan(at, made.size), packed));
  }
  const auto single = encode({{1, kT, 5}});
  const auto plain = compress_record(WalCompression::snappy, single, buffer, 0);
  CHECK(plain.flag == RecordFlag::plain);
  CHECK(plain.size == 0);
}
