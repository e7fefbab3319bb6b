#include "tsdb/chunk/xor_chunk.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "model/value.h"
#include "tests/tsdb/why.h"

namespace narthex::tsdb {
namespace {

struct Sample {
  Timestamp t;
  double v;
};

/// The format written bit by bit, as its description says it, with nothing clever.
class PlainEncoder {
 public:
  void append(Timestamp t, double v) {
    const auto value = std::bit_cast<std::uint64_t>(v);
    if (count_ == 0) {
      varint(static_cast<std::uint64_t>(t) << 1 ^ static_cast<std::uint64_t>(t >> 63));
      bits(value, 64);
    } else {
      const std::uint64_t delta = static_cast<std::uint64_t>(t) - static_cast<std::uint64_t>(t_);
      if (count_ == 1)
        varint(delta);
      else
        delta_of_delta(static_cast<std::int64_t>(delta - delta_));
      delta_ = delta;
      difference(value ^ value_);
    }
    t_ = t;
    value_ = value;
    ++count_;
  }
  [[nodiscard]] std::vector<std::byte> bytes() const {
    std::vector<std::byte> out = {static_cast<std::byte>(count_ >> 8), static_cast<std::byte>(count_)};
    for (std::size_t i = 0; i < bits_.size(); ++i) {
      if (i % 8 == 0) out.push_back(std::byte{0});
      if (bits_[i]) out.back() |= static_cast<std::byte>(0x80 >> (i % 8));
    }
    return out;
  }

 private:
  void bits(std::uint64_t value, unsigned width) {
    for (unsigned i = width; i-- > 0;) bits_.push_back((value >> i & 1) != 0);
  }
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bits((value & 0x7f) | 0x80, 8);
    bits(value, 8);
  }
  void delta_of_delta(std::int64_t dod) {
    const auto raw = static_cast<std::uint64_t>(dod);
    if (dod == 0) {
      bits(0, 1);
    } else if (-8191 <= dod && dod <= 8192) {
      bits(0b10, 2);
      bits(raw, 14);
    } else if (-65535 <= dod && dod <= 65536) {
      bits(0b110, 3);
      bits(raw, 17);
    } else if (-524287 <= dod && dod <= 524288) {
      bits(0b1110, 4);
      bits(raw, 20);
    } else {
      bits(0b1111, 4);
      bits(raw, 64);
    }
  }
  void difference(std::uint64_t diff) {
    if (diff == 0) return bits(0, 1);
    const auto leading = std::min(31u, static_cast<unsigned>(std::countl_zero(diff)));
    const auto trailing = static_cast<unsigned>(std::countr_zero(diff));
    if (window_ && leading >= leading_ && trailing >= trailing_) {
      bits(0b10, 2);
    } else {
      window_ = true;
      leading_ = leading;
      trailing_ = trailing;
      bits(0b11, 2);
      bits(leading_, 5);
      bits((64 - leading_ - trailing_) & 63, 6);
    }
    bits(diff >> trailing_, 64 - leading_ - trailing_);
  }

  std::vector<bool> bits_;
  unsigned count_ = 0;
  Timestamp t_ = 0;
  std::uint64_t value_ = 0;
  std::uint64_t delta_ = 0;
  bool window_ = false;
  unsigned leading_ = 0;
  unsigned trailing_ = 0;
};

std::vector<std::byte> encode(const std::vector<Sample>& samples) {
  XorState state;
  std::vector<std::byte> bytes;
  for (const Sample& s : samples) {
    // What lies behind the end must not matter.
    bytes.resize(state.size_bytes());
    bytes.resize(state.size_bytes() + kXorMaxSampleBytes, std::byte{0xa5});
    xor_append(state, bytes.data(), s.t, s.v);
  }
  bytes.resize(state.size_bytes());
  return bytes;
}

std::vector<std::byte> encode_plainly(const std::vector<Sample>& samples) {
  PlainEncoder plain;
  for (const Sample& s : samples) plain.append(s.t, s.v);
  return plain.bytes();
}

void check_same(const std::vector<Sample>& want, io::Bytes chunk) {
  std::vector<Timestamp> t;
  std::vector<double> v;
  const auto decoded = xor_decode(chunk, {}, t, v);
  REQUIRE_MESSAGE(decoded, why(decoded));
  REQUIRE(t.size() == want.size());
  REQUIRE(v.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    CAPTURE(i);
    CHECK(t[i] == want[i].t);
    CHECK(std::bit_cast<std::uint64_t>(v[i]) == std::bit_cast<std::uint64_t>(want[i].v));
  }
}

/// A series of one kind: constant, counter, gauge with three decimals, random bits.
std::vector<Sample> make_series(unsigned kind, std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Sample> out;
  Timestamp t = 1'700'000'000'000 + static_cast<Timestamp>(random() % 100'000);
  double v = 42;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back({t, v});
    t += 15'000;
    if (kind >= 1 && random() % 4 == 0) t += static_cast<Timestamp>(random() % 21) - 10;
    if (kind == 1) v += static_cast<double>(random() % 100);
    if (kind == 2) v = std::round((v + static_cast<double>(random() % 2001) / 1000 - 1) * 1000) / 1000;
    if (kind == 3) v = std::bit_cast<double>(random());
    if (kind == 4) t += static_cast<Timestamp>(random() >> (random() % 40 + 24)), v = random() % 2 ? v : -v;
  }
  return out;
}

}  // namespace

TEST_CASE("XOR chunk: the bytes are those of the format, for every class of time step") {
  const std::int64_t steps[] = {0,      1,      -1,      8191,    8192,      8193,        -8191,
                                -8192,  65535,  65536,   65537,   -65535,    -65536,      524287,
                                524288, 524289, -524287, -524288, 1LL << 40, -(1LL << 40)};
  for (const std::int64_t first : steps) {
    for (const std::int64_t second : steps) {
      CAPTURE(first);
      CAPTURE(second);
      std::vector<Sample> samples;
      std::int64_t delta = 1LL << 42;
      Timestamp t = -5;
      for (const std::int64_t dod : {std::int64_t{0}, first, second, std::int64_t{0}, second}) {
        samples.push_back({t, static_cast<double>(t % 7)});
        delta += dod;
        t += delta;
      }
      samples.push_back({t, 1});
      const auto bytes = encode(samples);
      CHECK(bytes == encode_plainly(samples));
      check_same(samples, bytes);
    }
  }
}

TEST_CASE("XOR chunk: special values and extreme times keep all their bits") {
  const double values[] = {0.0,
                           -0.0,
                           1.0,
                           kStaleNan,
                           kNormalNan,
                           std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity(),
                           5e-324,
                           1.7976931348623157e308,
                           std::bit_cast<double>(std::uint64_t{1}),
                           std::bit_cast<double>(~std::uint64_t{0})};
  std::vector<Sample> samples;
  Timestamp t = kMinTime;
  for (const double a : values) {
    for (const double b : values) {
      samples.push_back({t, a});
      samples.push_back({t + 1, b});
      t += std::int64_t{1} << 55;
    }
  }
  samples.push_back({kMaxTime, 1});
  const auto bytes = encode(samples);
  CHECK(bytes == encode_plainly(samples));
  check_same(samples, bytes);
}

TEST_CASE("XOR chunk: fast and plain encoder agree after every sample") {
  for (unsigned kind = 0; kind <= 4; ++kind) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      CAPTURE(kind);
      CAPTURE(seed);
      const auto samples = make_series(kind, 1 + seed * 13, seed);
      XorState state;
      PlainEncoder plain;
      std::vector<std::byte> bytes(kXorMaxSampleBytes * (samples.size() + 1), std::byte{0xff});
      bool same = true;
      for (const Sample& s : samples) {
        xor_append(state, bytes.data(), s.t, s.v);
        plain.append(s.t, s.v);
        const auto want = plain.bytes();
        same =
            same && state.size_bytes() == want.size() && std::equal(want.begin(), want.end(), bytes.begin());
      }
      CHECK(same);
      check_same(samples, io::Bytes(bytes.data(), state.size_bytes()));
    }
  }
}

TEST_CASE("XOR chunk: an append stays inside the room it asks for") {
  for (unsigned kind = 3; kind <= 4; ++kind) {
    const auto samples = make_series(kind, 300, 7);
    XorState state;
    std::vector<std::byte> bytes(kXorMaxSampleBytes * 301, std::byte{0x77});
    for (const Sample& s : samples) {
      const std::size_t limit = state.size_bytes() + kXorMaxSampleBytes;
      std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(limit), bytes.end(), std::byte{0x77});
      xor_append(state, bytes.data(), s.t, s.v);
      REQUIRE(state.size_bytes() <= limit);
      REQUIRE(std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(limit), bytes.end(),
                          [](std::byte b) { return b == std::byte{0x77}; }));
    }
  }
}

TEST_CASE("XOR chunk: a resumed chunk goes on as if it had never stopped") {
  for (unsigned kind = 0; kind <= 4; ++kind) {
    CAPTURE(kind);
    const auto samples = make_series(kind, 40, 3);
    const auto whole = encode(samples);
    for (std::size_t cut = 0; cut <= samples.size(); ++cut) {
      CAPTURE(cut);
      auto bytes = encode({samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(cut)});
      if (bytes.empty()) bytes.resize(kXorHeaderBytes);
      auto state = xor_resume(bytes);
      REQUIRE(state);
      for (std::size_t i = cut; i < samples.size(); ++i) {
        bytes.resize(state->size_bytes() + kXorMaxSampleBytes);
        xor_append(*state, bytes.data(), samples[i].t, samples[i].v);
      }
      bytes.resize(state->size_bytes());
      CHECK(bytes == whole);
    }
  }
}

TEST_CASE("XOR chunk: only samples inside the range come out, behind what was there") {
  const auto samples = make_series(1, 120, 5);
  const auto bytes = encode(samples);
  const std::size_t bounds[] = {0, 1, 2, 59, 118, 119};
  for (const std::size_t from : bounds) {
    for (const std::size_t to : bounds) {
      std::vector<Timestamp> t = {1};
      std::vector<double> v = {2};
      REQUIRE(xor_decode(bytes, {samples[from].t, samples[to].t}, t, v));
      CAPTURE(from);
      CAPTURE(to);
      CHECK(t.size() == 1 + (to >= from ? to - from + 1 : 0));
      CHECK(v.size() == t.size());
      CHECK(t[0] == 1);
      if (to >= from) {
        CHECK(t[1] == samples[from].t);
        CHECK(t.back() == samples[to].t);
      }
    }
  }
}

TEST_CASE("XOR chunk: one that ends inside a sample is corrupt, at whatever byte it was cut") {
  for (unsigned kind = 0; kind <= 4; ++kind) {
    const auto samples = make_series(kind, 120, 11);
    const auto bytes = encode(samples);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      CAPTURE(kind);
      CAPTURE(size);
      const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      std::vector<Timestamp> t;
      std::vector<double> v;
      const auto decoded = xor_decode(cut, {}, t, v);
      REQUIRE(!decoded);
      CHECK(decoded.error().code == Code::corruption);
      CHECK(t.empty());
      CHECK(v.empty());
      CHECK(!xor_resume(cut));
    }
  }
}

TEST_CASE("XOR chunk: flipped bits and junk behind the end never lead outside the bytes") {
  for (unsigned kind = 0; kind <= 4; ++kind) {
    const auto samples = make_series(kind, 60, 2);
    const auto bytes = encode(samples);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      auto flipped = bytes;
      flipped[bit / 8] ^= static_cast<std::byte>(0x80 >> (bit % 8));
      std::vector<Timestamp> t;
      std::vector<double> v;
      const auto decoded = xor_decode(flipped, {}, t, v);
      CHECK(t.size() == v.size());
      if (decoded) CHECK(t.size() == xor_count(flipped));
      if (auto resumed = xor_resume(flipped)) CHECK(resumed->size_bytes() <= flipped.size());
    }
    auto longer = bytes;
    longer.resize(bytes.size() + 1000, std::byte{0xee});
    check_same(samples, longer);
  }
}

TEST_CASE("XOR chunk: the example of docs/formats/chunks.md") {
  const auto bytes = encode({{1000, 5}, {1015, 5}, {1030, 5}});
  CHECK(io::as_text(bytes) ==
        std::string_view("\x00\x03\xd0\x0f\x40\x14\x00\x00\x00\x00\x00\x00\x0f\x00", 14));
}

TEST_CASE("XOR chunk: an empty one has no samples") {
  const std::byte empty[2] = {};
  std::vector<Timestamp> t;
  std::vector<double> v;
  CHECK(xor_decode(empty, {}, t, v));
  CHECK(t.empty());
  CHECK(xor_count(empty) == 0);
  CHECK(xor_count({}) == 0);
}

}  // namespace narthex::tsdb
