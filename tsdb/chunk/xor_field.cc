#include "tsdb/chunk/xor_field.h"

#include <algorithm>

namespace narthex::tsdb {
namespace {

constexpr std::uint8_t kNoWindow = 0xff;
/// More leading zeros than the five bits of the format can say count as this many.
constexpr unsigned kMaxLeading = 31;

}  // namespace

void put_xor(BitBuffer& out, XorField& field, double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const std::uint64_t diff = bits ^ field.bits;
  field.bits = bits;
  if (diff == 0) {
    out.put(0, 1);
    return;
  }
  const auto leading = std::min(static_cast<unsigned>(std::countl_zero(diff)), kMaxLeading);
  const auto trailing = static_cast<unsigned>(std::countr_zero(diff));
  if (field.leading != kNoWindow && leading >= field.leading && trailing >= field.trailing) {
    out.put(0b10, 2);
    out.put(diff >> field.trailing, 64U - field.leading - field.trailing);
    return;
  }
  field.leading = static_cast<std::uint8_t>(leading);
  field.trailing = static_cast<std::uint8_t>(trailing);
  const unsigned width = 64 - leading - trailing;
  out.put(std::uint64_t{0b11} << 11 | std::uint64_t{leading} << 6 | (width & 63), 13);
  out.put(diff >> trailing, width);
}

void take_xor(BitReader& in, XorField& field) {
  const std::uint64_t word = in.peek();
  if (!(word >> 63)) {
    in.skip(1);
    return;
  }
  if (word >> 62 & 1) {
    const auto leading = static_cast<unsigned>(word >> 57) & 31;
    auto width = static_cast<unsigned>(word >> 51) & 63;
    if (width == 0) width = 64;
    if (leading + width > 64) {
      in.fault();
      return;
    }
    field.leading = static_cast<std::uint8_t>(leading);
    field.trailing = static_cast<std::uint8_t>(64 - leading - width);
    in.skip(13);
    field.bits ^= in.take(width) << field.trailing;
    return;
  }
  in.skip(2);
  // Without a window before it, "the same" means all 64 bits: so does Prometheus.
  const unsigned leading = field.leading == kNoWindow ? 0 : field.leading;
  const unsigned trailing = field.leading == kNoWindow ? 0 : field.trailing;
  field.bits ^= in.take(64 - leading - trailing) << trailing;
}

}  // namespace narthex::tsdb
