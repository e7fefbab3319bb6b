#include "tsdb/chunk/xor_chunk.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <span>

#include "model/check.h"
#include "tsdb/chunk/bit_reader.h"
#include "tsdb/chunk/bit_writer.h"
#include "tsdb/encoding.h"

namespace narthex::tsdb {
namespace {

constexpr std::uint8_t kNoWindow = 0xff;
/// More leading zeros than the five bits of the format can say count as this many.
constexpr unsigned kMaxLeading = 31;
/// What one sample takes at most, 4 + 64 bits of time and 13 + 64 of value, rounded up, and
/// the eight bytes that a load may touch behind it.
constexpr std::size_t kLookahead = 32;

// ---- Writing

/// True if `value` fits the format's signed field of `width` bits: -(2^(w-1)-1) to 2^(w-1).
bool fits(std::int64_t value, unsigned width) {
  const std::int64_t half = std::int64_t{1} << (width - 1);
  return -half < value && value <= half;
}

void put_delta_of_delta(BitWriter& out, std::int64_t dod) {
  const auto raw = static_cast<std::uint64_t>(dod);
  if (fits(dod, 14))
    out.put(std::uint64_t{0b10} << 14 | (raw & 0x3fff), 16);
  else if (fits(dod, 17))
    out.put(std::uint64_t{0b110} << 17 | (raw & 0x1ffff), 20);
  else if (fits(dod, 20))
    out.put(std::uint64_t{0b1110} << 20 | (raw & 0xfffff), 24);
  else {
    out.put(0b1111, 4);
    out.put_wide(raw, 64);
  }
}

/// `diff` is not zero. `prefix` are the `prefix_bits` bits to be written first.
void put_value(BitWriter& out, XorState& state, std::uint64_t diff, unsigned prefix_bits) {
  const auto leading = std::min(static_cast<unsigned>(std::countl_zero(diff)), kMaxLeading);
  const auto trailing = static_cast<unsigned>(std::countr_zero(diff));
  if (state.leading != kNoWindow && leading >= state.leading && trailing >= state.trailing) {
    const unsigned width = 64u - state.leading - state.trailing;
    const std::uint64_t payload = diff >> state.trailing;
    if (prefix_bits + 2 + width <= 57) {
      out.put(std::uint64_t{0b10} << width | payload, prefix_bits + 2 + width);
    } else {
      out.put(0b10, prefix_bits + 2);
      out.put_wide(payload, width);
    }
    return;
  }
  state.leading = static_cast<std::uint8_t>(leading);
  state.trailing = static_cast<std::uint8_t>(trailing);
  const unsigned width = 64 - leading - trailing;
  // Six bits cannot say 64; zero, which never occurs, stands for it.
  out.put(std::uint64_t{0b11} << 11 | std::uint64_t{leading} << 6 | (width & 63), prefix_bits + 13);
  out.put_wide(diff >> trailing, width);
}

// ---- Reading

struct Decoder {
  Timestamp t = 0;
  std::uint64_t value = 0;
  std::uint64_t delta = 0;
  // Without a window before it, a "same window" means all 64 bits: so does Prometheus.
  unsigned width = 64;
  unsigned trailing = 0;
  std::uint8_t leading = kNoWindow;
  /// Sign bit set once a time was not after its predecessor.
  std::int64_t backward = 0;

  void advance() {
    t = static_cast<Timestamp>(static_cast<std::uint64_t>(t) + delta);
    backward |= static_cast<std::int64_t>(delta);
  }
};

/// A field of `width` bits whose range is shifted by one against two's complement.
std::uint64_t sign_extend(std::uint64_t raw, unsigned width) {
  return raw > (std::uint64_t{1} << (width - 1)) ? raw - (std::uint64_t{1} << width) : raw;
}

/// The prefix 0 was not there: at least one bit is set.
std::uint64_t take_delta_of_delta(BitCursor& in) {
  const std::uint64_t word = in.peek();
  const int ones = std::countl_one(word);
  if (ones == 1) {
    in.skip(16);
    return sign_extend((word << 2) >> 50, 14);
  }
  if (ones == 2) {
    in.skip(20);
    return sign_extend((word << 3) >> 47, 17);
  }
  if (ones == 3) {
    in.skip(24);
    return sign_extend((word << 4) >> 44, 20);
  }
  in.skip(4);
  return in.take(64);
}

/// The control bits 11 have been taken. @return false if the window is impossible
bool take_window(BitCursor& in, Decoder& d) {
  const std::uint64_t word = in.peek();
  const auto leading = static_cast<unsigned>(word >> 59);
  auto width = static_cast<unsigned>(word >> 53) & 63;
  if (width == 0) width = 64;
  if (leading + width > 64) return false;
  in.skip(11);
  d.leading = static_cast<std::uint8_t>(leading);
  d.width = width;
  d.trailing = 64 - leading - width;
  return true;
}

bool take_value(BitCursor& in, Decoder& d) {
  const std::uint64_t word = in.peek();
  if (!(word >> 63)) {
    in.skip(1);
    return true;
  }
  in.skip(2);
  if ((word >> 62 & 1) && !take_window(in, d)) return false;
  d.value ^= in.take(d.width) << d.trailing;
  return true;
}

/// Decodes samples from the third on until `out` reaches `end` or the cursor passes `last_bit`.
/// hot: bench/chunk_bench
template <class Emit>
bool decode_run(BitCursor& in, Decoder& state, std::size_t& index, std::size_t count, std::size_t last_bit,
                Emit emit) {
  Decoder d = state;
  BitCursor at = in;
  std::size_t i = index;
  bool sound = true;
  while (i < count && at.bit() < last_bit) {
    const std::uint64_t word = at.peek();
    if (!(word >> 63)) {
      if (!(word >> 62)) {
        // Same distance, same value, two bits a sample: as many as the word shows at once.
        const auto zeros = static_cast<std::size_t>(std::countl_zero(word | 0xff));
        const std::size_t run = std::min({zeros / 2, count - i, (last_bit - at.bit() + 1) / 2});
        at.skip(2 * run);
        for (std::size_t end = i + run; i < end; ++i) {
          d.advance();
          emit(i, d.t, d.value);
        }
        continue;
      }
      d.advance();
      if ((word >> 61) == 0b010 && d.width <= 54) {
        at.skip(3 + d.width);
        d.value ^= ((word << 3) >> (64 - d.width)) << d.trailing;
      } else {
        at.skip(1);
        if (!take_value(at, d)) {
          sound = false;
          break;
        }
      }
    } else {
      d.delta += take_delta_of_delta(at);
      d.advance();
      if (!take_value(at, d)) {
        sound = false;
        break;
      }
    }
    emit(i, d.t, d.value);
    ++i;
  }
  state = d;
  in = at;
  index = i;
  return sound;
}

std::unexpected<Error> ends_in_sample(std::size_t index, std::size_t count) {
  return fail(Code::corruption,
              "XOR chunk ends inside sample " + std::to_string(index) + " of " + std::to_string(count));
}

struct Decoded {
  Decoder last;
  std::size_t bits = 0;
};

/// Walks all samples of a chunk. `emit(index, t, value bits)` sees each.
template <class Emit>
Result<Decoded> walk(io::Bytes chunk, std::size_t count, Emit emit) {
  Decoder d;
  ByteReader head(chunk.subspan(kXorHeaderBytes));
  d.t = head.varint();
  d.value = head.be64();
  if (!head.ok()) return ends_in_sample(0, count);
  emit(std::size_t{0}, d.t, d.value);
  std::size_t index = 1;
  if (count > 1) {
    d.delta = head.uvarint();
    if (!head.ok()) return ends_in_sample(1, count);
    d.advance();
  }

  // The bulk is read in place; the end from a copy with zeros behind it, so that no load
  // leaves the chunk.
  const std::size_t start = chunk.size() - head.left();
  const std::size_t total_bits = chunk.size() * 8;
  bool sound = true;
  bool second_open = count > 1;
  BitCursor in(chunk.data(), start * 8);
  if (second_open && start + kLookahead <= chunk.size()) {
    sound = take_value(in, d);
    emit(index++, d.t, d.value);
    second_open = false;
  }
  if (sound && !second_open && chunk.size() > kLookahead)
    sound = decode_run(in, d, index, count, (chunk.size() - kLookahead) * 8, emit);
  const std::size_t tail_from = std::min(in.bit() / 8, chunk.size());
  std::array<std::byte, 3 * kLookahead> tail{};
  // More than that is left only if all samples have been read already.
  const std::size_t tail_bytes = std::min(chunk.size() - tail_from, 2 * kLookahead);
  std::copy_n(chunk.data() + tail_from, tail_bytes, tail.data());
  BitCursor end(tail.data(), in.bit() - tail_from * 8);
  const std::size_t tail_bits = tail_bytes * 8;
  if (sound && second_open) {
    sound = take_value(end, d);
    if (sound && end.bit() > tail_bits) return ends_in_sample(1, count);
    emit(index++, d.t, d.value);
  }
  if (sound) sound = decode_run(end, d, index, count, tail_bits, emit);
  if (!sound) {
    return fail(Code::corruption, "XOR chunk has an impossible bit window in sample " +
                                      std::to_string(index) + " of " + std::to_string(count));
  }
  const std::size_t bits = tail_from * 8 + end.bit();
  if (index < count || bits > total_bits) return ends_in_sample(index, count);
  return Decoded{d, bits};
}

/// Drops what lies outside `range` among the samples from `first` on, keeping the order.
void keep_range(TimeRange range, std::size_t first, std::vector<Timestamp>& t, std::vector<double>& v) {
  std::size_t kept = first;
  for (std::size_t i = first; i < t.size(); ++i) {
    t[kept] = t[i];
    v[kept] = v[i];
    kept += range.contains(t[i]);
  }
  t.resize(kept);
  v.resize(kept);
}

/// The same for samples that are in the order of their times.
void cut_to_range(TimeRange range, std::size_t first, std::vector<Timestamp>& t, std::vector<double>& v) {
  const auto times = std::span(t).subspan(first);
  const auto from = static_cast<std::size_t>(std::ranges::lower_bound(times, range.mint) - times.begin());
  const auto until = static_cast<std::size_t>(std::ranges::upper_bound(times, range.maxt) - times.begin());
  const std::size_t kept = std::max(from, until) - from;
  std::copy_n(times.begin() + static_cast<std::ptrdiff_t>(from), kept, times.begin());
  std::copy_n(v.data() + first + from, kept, v.data() + first);
  t.resize(first + kept);
  v.resize(first + kept);
}

}  // namespace

void xor_append_at(XorState& state, std::byte* end, Timestamp t, double v) {
  check(state.count < std::numeric_limits<std::uint16_t>::max(), "a XOR chunk holds at most 65535 samples");
  const std::uint32_t first = state.bits % 8;
  BitWriter out(end, first);
  const auto value = std::bit_cast<std::uint64_t>(v);
  const std::uint64_t diff = value ^ std::bit_cast<std::uint64_t>(state.v);
  const std::uint64_t delta = static_cast<std::uint64_t>(t) - static_cast<std::uint64_t>(state.t);
  if (state.count >= 2) [[likely]] {
    const std::uint64_t dod = delta - static_cast<std::uint64_t>(state.delta);
    unsigned prefix = 1;
    if (dod != 0) {
      put_delta_of_delta(out, static_cast<std::int64_t>(dod));
      prefix = 0;
    }
    if (diff == 0)
      out.put(0, prefix + 1);
    else
      put_value(out, state, diff, prefix);
    state.delta = static_cast<std::int64_t>(delta);
  } else if (state.count == 1) {
    out.put_byte_aligned_uvarint(delta);
    if (diff == 0)
      out.put(0, 1);
    else
      put_value(out, state, diff, 0);
    state.delta = static_cast<std::int64_t>(delta);
  } else {
    out.put_byte_aligned_uvarint(zigzag(t));
    out.put_wide(value, 64);
  }
  state.t = t;
  state.v = v;
  ++state.count;
  state.bits += out.bits() - first;
}

void xor_append(XorState& state, std::byte* bytes, Timestamp t, double v) {
  xor_append_at(state, bytes + state.bits / 8, t, v);
  xor_set_count(bytes, state.count);
}

void xor_set_count(std::byte* bytes, std::uint16_t count) {
  store_be<std::uint16_t>(bytes, count);
}

std::uint16_t xor_count(io::Bytes chunk) {
  return chunk.size() < kXorHeaderBytes ? std::uint16_t{0} : load_be<std::uint16_t>(chunk.data());
}

Result<void> xor_decode(io::Bytes chunk, TimeRange range, std::vector<Timestamp>& t, std::vector<double>& v) {
  if (chunk.size() < kXorHeaderBytes) return fail(Code::corruption, "XOR chunk is shorter than its header");
  const std::size_t count = xor_count(chunk);
  if (count == 0) return {};
  // A sample takes two bits at least: a header that promises more is not believed.
  if (count > chunk.size() * 4) return ends_in_sample(chunk.size() * 4, count);
  const std::size_t first = t.size();
  t.resize(first + count);
  v.resize(first + count);
  Timestamp* const ts = t.data() + first;
  double* const vs = v.data() + first;
  auto walked = walk(chunk, count, [ts, vs](std::size_t i, Timestamp at, std::uint64_t bits) {
    ts[i] = at;
    vs[i] = std::bit_cast<double>(bits);
  });
  if (!walked) {
    t.resize(first);
    v.resize(first);
    return pass(walked);
  }
  if (walked->last.backward < 0)
    keep_range(range, first, t, v);
  else if (ts[0] < range.mint || ts[count - 1] > range.maxt)
    cut_to_range(range, first, t, v);
  return {};
}

Result<XorState> xor_resume(io::Bytes chunk) {
  if (chunk.size() < kXorHeaderBytes) return fail(Code::corruption, "XOR chunk is shorter than its header");
  XorState state;
  state.count = xor_count(chunk);
  if (state.count == 0) return state;
  auto walked = walk(chunk, state.count, [](std::size_t, Timestamp, std::uint64_t) {});
  if (!walked) return pass(walked);
  const Decoder& last = walked->last;
  state.t = last.t;
  state.v = std::bit_cast<double>(last.value);
  state.delta = static_cast<std::int64_t>(last.delta);
  state.leading = last.leading;
  state.trailing = last.leading == kNoWindow ? std::uint8_t{0} : static_cast<std::uint8_t>(last.trailing);
  state.bits = static_cast<std::uint32_t>(walked->bits);
  return state;
}

}  // namespace narthex::tsdb
