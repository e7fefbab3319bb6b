#include "tsdb/chunk/xor2_chunk.h"

#include <algorithm>
#include <bit>
#include <string>

#include "model/check.h"
#include "model/value.h"
#include "tsdb/chunk/bit_reader.h"
#include "tsdb/chunk/xor_chunk.h"
#include "tsdb/encoding.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kHeaderBytes = 3;
constexpr std::size_t kStartHeader = 2;
constexpr std::size_t kMostSamples = 0xffff;
constexpr std::uint8_t kNoWindow = 0xff;
constexpr unsigned kMaxLeading = 31;

// ---- Writing

/// Two's complement, not the shifted ranges of XOR chunks.
bool fits(std::int64_t value, unsigned width) {
  const std::int64_t half = std::int64_t{1} << (width - 1);
  return -half <= value && value < half;
}

/// A changed value. @param same, fresh  prefixes for a window used again and for a new one
void put_changed(BitBuffer& out, Xor2State& s, std::uint64_t diff, std::uint64_t same, unsigned same_bits,
                 std::uint64_t fresh, unsigned fresh_bits) {
  const auto leading = std::min(static_cast<unsigned>(std::countl_zero(diff)), kMaxLeading);
  const auto trailing = static_cast<unsigned>(std::countr_zero(diff));
  if (s.leading != kNoWindow && leading >= s.leading && trailing >= s.trailing) {
    out.put(same, same_bits);
    out.put(diff >> s.trailing, 64U - s.leading - s.trailing);
    return;
  }
  s.leading = static_cast<std::uint8_t>(leading);
  s.trailing = static_cast<std::uint8_t>(trailing);
  const unsigned width = 64 - leading - trailing;
  out.put(fresh << 11 | std::uint64_t{leading} << 6 | (width & 63), fresh_bits + 11);
  out.put(diff >> trailing, width);
}

void put_value(BitBuffer& out, Xor2State& s, std::uint64_t value) {
  const std::uint64_t diff = value ^ s.base;
  if (value == kStaleNanBits)
    out.put(0b111, 3);
  else if (diff == 0)
    out.put(0, 1);
  else
    put_changed(out, s, diff, 0b10, 2, 0b110, 3);
}

void put_later(BitBuffer& out, Xor2State& s, std::int64_t dod, std::uint64_t value) {
  if (dod == 0) {
    if (value == kStaleNanBits)
      out.put(0b11111, 5);
    else if (value == s.base)
      out.put(0, 1);
    else
      put_changed(out, s, value ^ s.base, 0b100, 3, 0b101, 3);
    return;
  }
  const auto raw = static_cast<std::uint64_t>(dod);
  if (fits(dod, 13)) {
    out.put(std::uint64_t{0b110} << 13 | (raw & 0x1fff), 16);
  } else if (fits(dod, 20)) {
    out.put(std::uint64_t{0b1110} << 20 | (raw & 0xfffff), 24);
  } else {
    out.put(0b11110, 5);
    out.put(raw, 64);
  }
  put_value(out, s, value);
}

// ---- Reading

std::uint64_t sign_extend(std::uint64_t raw, unsigned width) {
  const std::uint64_t sign = std::uint64_t{1} << (width - 1);
  return (raw ^ sign) - sign;
}

std::uint64_t take_same_window(BitReader& in, Xor2State& s) {
  // Without a window before it, "the same" means all 64 bits: so does Prometheus.
  const unsigned leading = s.leading == kNoWindow ? 0 : s.leading;
  s.base ^= in.take(64 - leading - s.trailing) << s.trailing;
  return s.base;
}

std::uint64_t take_new_window(BitReader& in, Xor2State& s) {
  const std::uint64_t window = in.take(11);
  const auto leading = static_cast<unsigned>(window >> 6);
  auto width = static_cast<unsigned>(window & 63);
  if (width == 0) width = 64;
  if (leading + width > 64) {
    in.fault();
    return 0;
  }
  s.leading = static_cast<std::uint8_t>(leading);
  s.trailing = static_cast<std::uint8_t>(64 - leading - width);
  s.base ^= in.take(width) << s.trailing;
  return s.base;
}

std::uint64_t take_value(BitReader& in, Xor2State& s) {
  const auto ones = std::countl_one(in.peek() & 0xe000000000000000u);
  switch (ones) {
    case 0:
      in.skip(1);
      return s.base;
    case 1:
      in.skip(2);
      return take_same_window(in, s);
    case 2:
      in.skip(3);
      return take_new_window(in, s);
    default:
      in.skip(3);
      return kStaleNanBits;
  }
}

/// @param width  of the delta-of-delta; the prefix has been taken
std::uint64_t take_jittered(BitReader& in, Xor2State& s, unsigned width) {
  const std::uint64_t raw = in.take(width);
  s.delta += width < 64 ? sign_extend(raw, width) : raw;
  return take_value(in, s);
}

/// Control bits, delta and value of a sample behind the second. @return the bits of its value
std::uint64_t take_later(BitReader& in, Xor2State& s) {
  const auto ones = std::countl_one(in.peek() & 0xf800000000000000u);
  switch (ones) {
    case 0:
      in.skip(1);
      return s.base;
    case 1:
      in.skip(2);
      return in.take(1) ? take_new_window(in, s) : take_same_window(in, s);
    case 2:
      in.skip(3);
      return take_jittered(in, s, 13);
    case 3:
      in.skip(4);
      return take_jittered(in, s, 20);
    case 4:
      in.skip(5);
      return take_jittered(in, s, 64);
    default:
      in.skip(5);
      return kStaleNanBits;
  }
}

std::uint64_t take_sample(BitReader& in, Xor2State& s) {
  const Timestamp before = s.t;
  std::uint64_t value = 0;
  if (s.count == 0) {
    s.t = in.varint();
    value = in.take(64);
    if (value != kStaleNanBits) s.base = value;
  } else {
    if (s.count == 1) {
      s.delta = in.uvarint();
      value = take_value(in, s);
    } else {
      value = take_later(in, s);
    }
    s.t = static_cast<Timestamp>(static_cast<std::uint64_t>(s.t) + s.delta);
  }
  s.start.take(in, s.count, s.t, before);
  ++s.count;
  return value;
}

std::unexpected<Error> ends_in_sample(std::size_t index, std::size_t count) {
  return fail(Code::corruption, "XOR2 chunk ends inside sample " + std::to_string(index) + " of " +
                                    std::to_string(count) + ", or what it says there cannot be");
}

struct Walked {
  Xor2State last;
  std::size_t bits = 0;
};

/// Walks all samples. `emit(t, st, value bits)` sees each.
template <class Emit>
Result<Walked> walk(io::Bytes chunk, Emit emit) {
  if (chunk.size() < kHeaderBytes) return fail(Code::corruption, "XOR2 chunk is shorter than its header");
  const std::size_t total = load_be<std::uint16_t>(chunk.data());
  // A sample takes a bit at least: a header that promises more is not believed.
  if (total > chunk.size() * 8) return ends_in_sample(chunk.size() * 8, total);
  Xor2State s;
  s.start.header = static_cast<std::uint8_t>(chunk[kStartHeader]);
  BitReader in(chunk, kHeaderBytes * 8);
  while (s.count < total) {
    const std::uint64_t value = take_sample(in, s);
    if (!in.ok()) return ends_in_sample(s.count - 1, total);
    emit(s.t, s.start.st, value);
  }
  return Walked{s, in.bit()};
}

}  // namespace

Xor2Writer::Xor2Writer() : out_(kHeaderBytes) {}

Result<Xor2Writer> Xor2Writer::resume(io::Bytes chunk) {
  auto walked = walk(chunk, [](Timestamp, Timestamp, std::uint64_t) {});
  if (!walked) return pass(walked);
  if (walked->last.count == 0) return fail(Code::corruption, "XOR2 chunk has no samples to go on from");
  return Xor2Writer(walked->last, BitBuffer(chunk, walked->bits));
}

void Xor2Writer::append(Timestamp t, Timestamp st, double v) {
  Xor2State& s = state_;
  check(s.count < kMostSamples, "an XOR2 chunk holds at most 65535 samples");
  const auto value = std::bit_cast<std::uint64_t>(v);
  const std::uint64_t delta = static_cast<std::uint64_t>(t) - static_cast<std::uint64_t>(s.t);
  if (s.count == 0) {
    out_.put_varint(t);
    out_.put(value, 64);
  } else {
    if (s.count == 1) {
      out_.put_uvarint(delta);
      put_value(out_, s, value);
    } else {
      put_later(out_, s, static_cast<std::int64_t>(delta - s.delta), value);
    }
    s.delta = delta;
  }
  s.start.put(out_, s.count, t, s.t, st);
  s.t = t;
  if (value != kStaleNanBits) s.base = value;
  ++s.count;
  store_be<std::uint16_t>(out_.data(), static_cast<std::uint16_t>(s.count));
  out_.data()[kStartHeader] = static_cast<std::byte>(s.start.header);
}

Result<Xor2Writer> xor2_from_xor(io::Bytes chunk) {
  std::vector<Timestamp> t;
  std::vector<double> v;
  if (auto decoded = xor_decode(chunk, {}, t, v); !decoded) return pass(decoded);
  Xor2Writer writer;
  for (std::size_t i = 0; i < t.size(); ++i) writer.append(t[i], 0, v[i]);
  return writer;
}

Result<void> xor2_decode(io::Bytes chunk, TimeRange range, std::vector<Timestamp>& t,
                         std::vector<Timestamp>& st, std::vector<double>& v) {
  auto walked = walk(chunk, [&](Timestamp at, Timestamp start, std::uint64_t bits) {
    if (!range.contains(at)) return;
    t.push_back(at);
    v.push_back(std::bit_cast<double>(bits));
    if (start == 0 && st.empty()) return;
    st.resize(t.size(), 0);
    st.back() = start;
  });
  if (!walked) return pass(walked);
  return {};
}

}  // namespace narthex::tsdb
