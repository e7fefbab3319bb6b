#include "tsdb/block/tombstones.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "io/crc32c.h"
#include "tsdb/encoding.h"

namespace narthex::tsdb {
namespace {

constexpr std::uint32_t kMagic = 0x0130BA30;
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 5;
constexpr std::size_t kChecksumBytes = 4;

}  // namespace

Tombstones::Tombstones(std::vector<Stone> stones) : stones_(std::move(stones)) {
  std::sort(stones_.begin(), stones_.end(), [](const Stone& a, const Stone& b) {
    return a.ref != b.ref ? a.ref < b.ref : a.range.mint < b.range.mint;
  });
}

std::span<const Stone> Tombstones::of(std::uint64_t ref) const {
  const auto [from, to] = std::ranges::equal_range(stones_, ref, {}, &Stone::ref);
  return {from, to};
}

std::vector<std::byte> write_tombstones(std::span<const Stone> stones) {
  std::vector<std::byte> out;
  put_be<std::uint32_t>(out, kMagic);
  put_u8(out, kVersion);
  for (const Stone& stone : stones) {
    put_uvarint(out, stone.ref);
    put_varint(out, stone.range.mint);
    put_varint(out, stone.range.maxt);
  }
  put_be<std::uint32_t>(out, io::crc32c(io::Bytes(out).subspan(kHeaderBytes)));
  return out;
}

Result<Tombstones> read_tombstones(io::Bytes file) {
  if (file.size() < kHeaderBytes + kChecksumBytes)
    return fail(Code::corruption, "tombstones: shorter than header and checksum");
  ByteReader header(file);
  const std::uint32_t magic = header.be32();
  const std::uint8_t version = header.u8();
  if (magic != kMagic)
    return fail(Code::corruption, fmt::format("tombstones: invalid magic number {:x}", magic));
  if (version != kVersion)
    return fail(Code::corruption, fmt::format("tombstones: unknown version {}", version));
  const io::Bytes body = file.subspan(kHeaderBytes, file.size() - kHeaderBytes - kChecksumBytes);
  if (io::crc32c(body) != load_be<std::uint32_t>(file.data() + file.size() - kChecksumBytes))
    return fail(Code::corruption, "tombstones: wrong checksum");
  std::vector<Stone> stones;
  ByteReader in(body);
  while (in.left() > 0) {
    Stone stone;
    stone.ref = in.uvarint();
    stone.range.mint = in.varint();
    stone.range.maxt = in.varint();
    if (!in.ok()) return fail(Code::corruption, "tombstones: the last entry is cut short");
    stones.push_back(stone);
  }
  return Tombstones(std::move(stones));
}

bool covers(std::span<const Stone> stones, TimeRange range) {
  // Ascending by mint: each stone that reaches the open part moves its beginning on.
  Timestamp open_from = range.mint;
  for (const Stone& stone : stones) {
    if (stone.range.mint > open_from) return false;
    if (stone.range.maxt >= range.maxt) return true;
    if (stone.range.maxt >= open_from) open_from = stone.range.maxt + 1;
  }
  return false;
}

void add_range(std::vector<TimeRange>& ranges, TimeRange added) {
  // Without an overflow at either end of time.
  const auto ends_before = [](const TimeRange& a, const TimeRange& b) {
    return a.maxt < b.mint && a.maxt + 1 < b.mint;
  };
  const auto first =
      std::ranges::find_if_not(ranges, [&](const TimeRange& r) { return ends_before(r, added); });
  auto last = first;
  for (; last != ranges.end() && !ends_before(added, *last); ++last) {
    added.mint = std::min(added.mint, last->mint);
    added.maxt = std::max(added.maxt, last->maxt);
  }
  if (first == last) {
    ranges.insert(first, added);
  } else {
    *first = added;
    ranges.erase(first + 1, last);
  }
}

Tombstones add_stones(const Tombstones& known, std::span<const Stone> added) {
  std::map<std::uint64_t, std::vector<TimeRange>> ranges;
  for (const std::span<const Stone> stones : {known.all(), added}) {
    for (const Stone& stone : stones) add_range(ranges[stone.ref], stone.range);
  }
  std::vector<Stone> all;
  for (const auto& [ref, of_series] : ranges) {
    for (const TimeRange& range : of_series) all.push_back({ref, range});
  }
  return Tombstones(std::move(all));
}

}  // namespace narthex::tsdb
