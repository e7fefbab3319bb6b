#include "tsdb/wal/snappy_block.h"

#include <doctest/doctest.h>
#include <snappy.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tsdb/wal/record.h"
#include "tsdb/wal/samples_packer.h"

using namespace narthex;
using namespace narthex::tsdb;

namespace {

/// In memory of exactly its size, so that a sanitizer sees each step too far.
std::optional<std::string> unpack(std::string_view block) {
  const std::vector<std::byte> exact(io::as_bytes(block).begin(), io::as_bytes(block).end());
  const auto size = snappy_content_size(exact);
  if (!size || *size > 1U << 24) return std::nullopt;
  std::vector<std::byte> content(*size + kUnpackSlack, std::byte{0xaa});
  if (!unpack_snappy(exact, content)) return std::nullopt;
  return std::string(io::as_text(io::Bytes(content).first(*size)));
}

std::optional<std::string> unpack_by_library(std::string_view block) {
  std::size_t size = 0;
  if (!snappy::GetUncompressedLength(block.data(), block.size(), &size) || size > 1U << 24)
    return std::nullopt;
  std::string content;
  if (!snappy::Uncompress(block.data(), block.size(), &content)) return std::nullopt;
  return content;
}

void check_same(std::string_view block) {
  CHECK((unpack(block) == unpack_by_library(block)));
}

std::string compress(std::string_view content) {
  std::string block;
  snappy::Compress(content.data(), content.size(), &block);
  return block;
}

std::string random_bytes(std::size_t size, unsigned alphabet, std::mt19937_64& random) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random() % alphabet);
  return bytes;
}

/// A record of a scrape, as a log has it.
std::string scrape(std::size_t samples, std::mt19937_64& random) {
  std::vector<SampleRecord> all;
  for (std::size_t i = 0; i < samples; ++i) {
    const double values[] = {0, 5, static_cast<double>(random() % 100'000),
                             static_cast<double>(random() % 100'000) / 1000};
    all.push_back({4'000 + i, 1'700'000'000'000, values[random() % std::size(values)]});
  }
  std::vector<std::byte> record;
  encode_samples(all, record);
  return std::string(io::as_text(record));
}

std::string pack(std::string_view record) {
  std::string block(packed_samples_bound(record.size()), '\0');
  block.resize(pack_samples(io::as_bytes(record), reinterpret_cast<std::byte*>(block.data())));
  return block;
}

/// Elements that make sense nearly always: of every kind, length and distance.
std::string random_block(std::mt19937_64& random) {
  std::string elements;
  std::size_t size = 0;
  for (std::size_t left = random() % 40; left > 0; --left) {
    const auto literal = random() % 3 == 0 || size == 0;
    const std::size_t near = random() % 2 == 0 ? std::min<std::size_t>(size, 20) : size;
    const std::size_t back = literal ? 0 : 1 + random() % near;
    if (literal) {
      const std::size_t length = 1 + random() % (random() % 4 == 0 ? 300 : 20);
      if (length <= 60) {
        elements += static_cast<char>((length - 1) << 2);
      } else {
        elements += static_cast<char>(61 << 2);
        elements += static_cast<char>(length - 1);
        elements += static_cast<char>((length - 1) >> 8);
      }
      elements += random_bytes(length, 256, random);
      size += length;
    } else if (back < 2048 && random() % 2 == 0) {
      const std::size_t length = 4 + random() % 8;
      elements += static_cast<char>(1 | (length - 4) << 2 | back >> 8 << 5);
      elements += static_cast<char>(back);
      size += length;
    } else {
      const std::size_t length = 1 + random() % 64;
      const bool wide = random() % 4 == 0;
      elements += static_cast<char>((wide ? 3 : 2) | (length - 1) << 2);
      for (int i = 0; i < (wide ? 4 : 2); ++i) elements += static_cast<char>(back >> (8 * i));
      size += length;
    }
  }
  std::string block;
  // Now and then a byte too many or too few.
  std::size_t told = random() % 20 == 0 ? size + random() % 3 - 1 : size;
  for (; told >= 0x80; told >>= 7) block += static_cast<char>(told | 0x80);
  block += static_cast<char>(told);
  return block + elements;
}

}  // namespace

TEST_CASE("snappy blocks unpack to what the library makes of them") {
  std::mt19937_64 random(1);
  std::vector<std::string> contents = {"", "a", std::string(15, 'x'), std::string(17, 'x'),
                                       std::string(100'000, 'y')};
  for (const std::size_t size : {1U, 16U, 17U, 31U, 32U, 33U, 60U, 61U, 64U, 257U, 5000U, 70'000U, 200'000U})
    for (const unsigned alphabet : {1U, 2U, 4U, 256U})
      contents.push_back(random_bytes(size, alphabet, random));
  for (const std::size_t samples : {1U, 2U, 3U, 10U, 100U, 2000U, 20'000U})
    contents.push_back(scrape(samples, random));
  for (const std::string& content : contents) {
    CAPTURE(content.size());
    CHECK((unpack(compress(content)) == content));
    if (!content.empty()) CHECK((unpack(pack(content)) == content));
  }
}

TEST_CASE("snappy blocks of any elements, and of too many or too few, fare as with the library") {
  std::mt19937_64 random(2);
  std::size_t sound = 0;
  for (int round = 0; round < 20'000; ++round) {
    const std::string block = random_block(random);
    check_same(block);
    sound += unpack(block).has_value();
  }
  CHECK(sound > 15'000);
}

TEST_CASE("damaged snappy blocks are refused where the library refuses them") {
  std::mt19937_64 random(3);
  for (int round = 0; round < 40; ++round) {
    const std::string record = scrape(1 + random() % 40, random);
    const std::string whole = round % 2 == 0 ? compress(record) : pack(record);
    for (std::size_t size = 0; size < whole.size(); ++size)
      check_same(std::string_view(whole).substr(0, size));
    for (int flip = 0; flip < 400; ++flip) {
      std::string damaged = whole;
      for (std::size_t left = 1 + random() % 3; left > 0; --left)
        damaged[random() % damaged.size()] = static_cast<char>(random());
      check_same(damaged);
    }
    check_same(whole + '\0');
    check_same(whole + random_bytes(1 + random() % 40, 256, random));
  }
}

TEST_CASE("snappy blocks whose length or distance is out of all bounds are refused") {
  using namespace std::string_literals;
  const std::string rows[] = {
      ""s,
      "\x80"s,
      "\xff\xff\xff\xff\xff"s,      // a length of more than 32 bits
      "\x80\x80\x80\x80\x80\x00"s,  // and of more than five bytes
      "\xff\xff\xff\xff\x0f"s,      // 4 GiB of nothing
      "\x05\x01\x00"s,              // a copy in front of all content
      "\x05\x00"
      "a\x01\x00"s,  // from no distance
      "\x05\x00"
      "a\x01\x02"s,  // from before the begin
      "\x05\x00"
      "a\x03\xff\xff\xff\xff"s,  // from 4 GiB back
      "\x01\xfc\xff\xff\xff\xff"
      "a"s,  // a literal of 4 GiB
      "\x04\xf0\x03"
      "abc"s,  // of more than there is
      "\x03\xf0\x03"
      "abcd"s,          // of more than was said
      "\x01\xfc\x00"s,  // whose length is cut
  };
  for (const std::string& block : rows) {
    CAPTURE(block.size());
    CHECK_FALSE(unpack(block));
    check_same(block);
  }
}

TEST_CASE("snappy blocks: a literal of 4 GiB is refused, which the library takes for an empty one") {
  using namespace std::string_literals;
  for (const std::string& block : {"\x00\xfc\xff\xff\xff\xff"s, "\x01\xfc\xff\xff\xff\xff\x00z"s}) {
    CAPTURE(block.size());
    CHECK_FALSE(unpack(block));
  }
}
