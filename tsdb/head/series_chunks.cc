#include "tsdb/head/series_chunks.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>

#include "model/check.h"
#include "tsdb/chunk/chunk_samples.h"
#include "tsdb/chunk/xor2_chunk.h"
#include "tsdb/encoding.h"

namespace narthex::tsdb {
namespace {

constexpr auto kXor2Encoding = static_cast<std::uint8_t>(ChunkEncoding::xor2_floats);
constexpr std::uint32_t kTargetSamples = 120;
constexpr std::uint32_t kPredictAt = kTargetSamples / 4;
constexpr std::uint32_t kMostSamples = kTargetSamples * 2;
static_assert(kMostSamples <= std::numeric_limits<decltype(HotSeries::run)>::max());
constexpr std::size_t kMostBytesBeforeAppend = 1005;
constexpr std::size_t kLargestChunk = kMostBytesBeforeAppend + 2 * kXorMaxSampleBytes + kMostSamples / 4;

std::uint32_t clamp_span(DurationMs span) {
  return static_cast<std::uint32_t>(std::min<DurationMs>(span, std::numeric_limits<std::uint32_t>::max()));
}

/// Appends `count` samples that repeat value and distance: two zero bits each. The chunk's count is
/// left as it was. @param end  byte enc.bits / 8 of the chunk
void append_repeats_at(XorState& enc, std::byte* end, std::uint32_t count) {
  const std::uint32_t used = enc.bits % 8;
  const std::uint32_t bytes = (used + 2 * count + 7) / 8;
  if (used != 0) *end = *end & static_cast<std::byte>(0xff00U >> used & 0xffU);
  const std::uint32_t kept = used != 0 ? 1 : 0;
  if (kept < bytes) std::memset(end + kept, 0, bytes - kept);
  enc.bits += 2 * count;
  enc.t += count * enc.delta;
  enc.count = static_cast<std::uint16_t>(enc.count + count);
}

/// The same for a whole chunk, its count included.
void append_repeats(XorState& enc, std::byte* bytes, std::uint32_t count) {
  append_repeats_at(enc, bytes + enc.bits / 8, count);
  xor_set_count(bytes, enc.count);
}

/// The upper `count` bytes of `word`, 7 at most, the highest first.
void store_front(std::byte* to, std::uint64_t word, std::size_t count) {
  if ((count & 4) != 0) {
    store_be(to, static_cast<std::uint32_t>(word >> 32));
    to += 4;
    word <<= 32;
  }
  if ((count & 2) != 0) {
    store_be(to, static_cast<std::uint16_t>(word >> 48));
    to += 2;
    word <<= 16;
  }
  if ((count & 1) != 0) *to = static_cast<std::byte>(word >> 56);
}

/// The bytes of a run.
XorState encode_run(const HotSeries& s, std::byte* bytes) {
  XorState enc;
  xor_append(enc, bytes, s.mint, s.enc.v);
  if (s.enc.count > 1) xor_append(enc, bytes, s.mint + s.enc.delta, s.enc.v);
  if (s.enc.count > 2) append_repeats(enc, bytes, s.enc.count - 2U);
  return enc;
}

/// Of bytes that were made here.
Xor2Writer as_xor2(io::Bytes chunk) {
  auto writer = xor2_from_xor(chunk);
  check(writer.has_value(), "a chunk that was made here cannot be read");
  return std::move(*writer);
}

}  // namespace

Timestamp SeriesChunks::range_end(Timestamp t) const {
  Timestamp start = t / block_range_ * block_range_;
  if (start > t) start -= block_range_;
  return start > kMaxTime - block_range_ ? kMaxTime : start + block_range_;
}

// hot: bench/append_bench
bool SeriesChunks::append(HotSeries& s, FullChunks& full, Timestamp t, double v) {
  const std::uint32_t count = s.count();
  if (count == 0) [[unlikely]]
    return append_float_behind(s, full, t, v);
  if (count == kPredictAt) [[unlikely]]
    predict_end(s);
  if (t - s.mint >= s.next_cut || count >= kMostSamples ||
      s.enc.size_bytes() + s.run / 4U > kMostBytesBeforeAppend) [[unlikely]] {
    if (s.slot == kBuilderSlot) return append_float_behind(s, full, t, v);
    const bool same_range = t < range_end(s.mint);
    finish(s, full);
    begin(s, t, v);
    s.first_in_range = !same_range;
    return true;
  }
  const DurationMs delta = t - s.maxt();
  const bool same_value = s.value_bits() == std::bit_cast<std::uint64_t>(v);
  if (s.slot == kNoSlot) {
    if (same_value && (count == 1 || delta == s.enc.delta)) {
      s.enc.delta = delta;
      s.enc.t = t;
      ++s.enc.count;
      return false;
    }
    materialise(s);
  } else if (same_value && delta == s.enc.delta) {
    ++s.run;
    return false;
  }
  write(s, t, v);
  return false;
}

void SeriesChunks::begin(HotSeries& s, Timestamp t, double v) {
  s.enc = XorState{.t = t, .v = v, .count = 1};
  s.mint = t;
  s.slot = kNoSlot;
  s.run = 0;
  // The border of the range, even where t is so far off that the sum would overflow.
  s.next_cut = clamp_span(range_end(t) - t);
}

void SeriesChunks::predict_end(HotSeries& s) const {
  const Timestamp maxt = s.maxt();
  // Half a step early: samples come a little early, too.
  const double step = static_cast<double>(maxt - s.mint) / (kPredictAt - 1);
  double samples = kTargetSamples;
  if (s.first_in_range) samples = kPredictAt + (kTargetSamples - kPredictAt) * s.stagger / 255.0;
  const double span = std::max(step * (samples - 0.5), static_cast<double>(maxt - s.mint + 1));
  if (span < s.next_cut) s.next_cut = static_cast<std::uint32_t>(span);
}

/// A slot's own count is old: that of the hot line counts, and the slot's begin is another cache
/// line. copy_open() sets it right.
void SeriesChunks::write(HotSeries& s, Timestamp t, double v) {
  std::byte* const bytes = open_.data(s.slot);
  const std::size_t capacity = open_.capacity(s.slot);
  if (s.run == 0 && write_usual(s, bytes, capacity, t, v)) return;
  const std::size_t needed = s.enc.size_bytes() + s.run / 4U + 1 + kXorMaxSampleBytes;
  if (needed > capacity) return write_beside(s, t, v);
  append_at(s, bytes + s.enc.bits / 8, t, v);
}

/// Run and sample. @param end  stands for byte s.enc.bits / 8 of the chunk, with room for them
void SeriesChunks::append_at(HotSeries& s, std::byte* end, Timestamp t, double v) {
  const std::size_t first = s.enc.bits / 8;
  if (s.enc.bits % 8 != 0) *end = s.last;
  if (s.run > 0) append_repeats_at(s.enc, end, s.run);
  s.run = 0;
  xor_append_at(s.enc, end + (s.enc.bits / 8 - first), t, v);
  s.last = end[(s.enc.bits - 1) / 8 - first];
}

/// A sample of few bits whose end is known beforehand: it is written to the last byte of a slot.
/// @return  false: it is none, or does not fit
bool SeriesChunks::write_usual(HotSeries& s, std::byte* bytes, std::size_t capacity, Timestamp t, double v) {
  const XorUsualSample sample = xor_usual_sample(s.enc, t, v);
  const std::size_t begin = s.enc.bits / 8;
  const std::size_t end = (s.enc.bits + sample.count + 7) / 8;
  if (sample.count == 0 || end > capacity) return false;
  const std::uint32_t used = s.enc.bits % 8;
  std::byte* const to = bytes + begin;
  const auto kept = std::to_integer<std::uint64_t>(s.last) & (0xff00U >> used) & 0xffU;
  const std::uint64_t word = kept << 56 | sample.bits << (64 - used - sample.count);
  if (begin + sizeof word <= capacity)
    store_be(to, word);
  else
    store_front(to, word, end - begin);
  s.last = static_cast<std::byte>(word >> (56 - 8 * (end - 1 - begin)));
  s.enc.bits += sample.count;
  s.enc.t = t;
  s.enc.v = v;
  ++s.enc.count;
  return true;
}

/// Where the sample may or may not fit: what is new is encoded beside the slot, then its size is known.
void SeriesChunks::write_beside(HotSeries& s, Timestamp t, double v) {
  std::array<std::byte, kMostSamples / 4 + 2 + 2 * kXorMaxSampleBytes> beside;
  const std::byte* const old = open_.data(s.slot);
  const std::size_t kept = s.enc.bits / 8;
  append_at(s, beside.data(), t, v);
  const std::size_t bytes = s.enc.size_bytes();
  if (bytes > open_.capacity(s.slot)) {
    const SlotRef larger = open_.allocate(bytes);
    std::memcpy(open_.data(larger), old, kept);
    open_.free(s.slot);
    s.slot = larger;
  }
  std::memcpy(open_.data(s.slot) + kept, beside.data(), bytes - kept);
}

/// The bytes of a chunk that has a slot, without its run. @param out  has room for them
void SeriesChunks::copy_open(const HotSeries& s, std::byte* out) const {
  std::memcpy(out, open_.data(s.slot), s.enc.size_bytes());
  xor_set_count(out, s.enc.count);
}

void SeriesChunks::materialise(HotSeries& s) {
  std::array<std::byte, kLargestChunk + 8> beside;
  s.enc = encode_run(s, beside.data());
  s.slot = open_.allocate(s.enc.size_bytes() + 4);
  std::memcpy(open_.data(s.slot), beside.data(), s.enc.size_bytes());
  s.last = beside[s.enc.size_bytes() - 1];
}

void SeriesChunks::finish(HotSeries& s, FullChunks& full) {
  const TimeRange range{s.mint, s.maxt()};
  std::array<std::byte, kLargestChunk + 8> beside;
  XorState enc = s.enc;
  if (s.slot == kNoSlot) {
    enc = encode_run(s, beside.data());
  } else {
    copy_open(s, beside.data());
    if (s.run > 0) append_repeats(enc, beside.data(), s.run);
    release(s);
  }
  const io::Bytes bytes{beside.data(), enc.size_bytes()};
  if (encodings_.xor2_floats) {
    add_full(full, range, kXor2Encoding, as_xor2(bytes).bytes());
  } else {
    add_full(full, range, kXorEncoding, bytes);
  }
}

void SeriesChunks::add_full(FullChunks& full, TimeRange range, std::uint8_t encoding, io::Bytes bytes) {
  static constexpr std::size_t kMostBytes = (1U << 24) - 1;
  check(bytes.size() <= kMostBytes, "a chunk of more than 16 MiB was made");
  SlotRef slot;
  std::byte* at;
  if (bytes.size() <= Slab::kLargestSlot) {
    slot = full_.allocate(bytes.size());
    at = full_.data(slot);
  } else {
    if (free_large_.empty()) {
      slot = static_cast<SlotRef>(large_.size());
      large_.emplace_back();
    } else {
      slot = free_large_.back();
      free_large_.pop_back();
    }
    large_[slot] = std::make_unique_for_overwrite<std::byte[]>(bytes.size());
    large_bytes_ += bytes.size();
    at = large_[slot].get();
  }
  std::memcpy(at, bytes.data(), bytes.size());

  const SlotRef node = full_.allocate(sizeof(FullChunk));
  const FullChunk chunk{.mint = range.mint,
                        .span = static_cast<std::uint32_t>(range.maxt - range.mint),
                        .older = full.memory,
                        .slot = slot,
                        .bytes = static_cast<std::uint32_t>(bytes.size() & kMostBytes),
                        .encoding = encoding};
  std::memcpy(full_.data(node), &chunk, sizeof(chunk));
  full.memory = node;
  ++count_full_;
}

io::Bytes SeriesChunks::bytes_of(const FullChunk& chunk) const {
  if (chunk.bytes > Slab::kLargestSlot) return {large_[chunk.slot].get(), chunk.bytes};
  return {full_.data(chunk.slot), chunk.bytes};
}

void SeriesChunks::free_bytes(SlotRef slot, std::uint32_t bytes) {
  if (bytes <= Slab::kLargestSlot) {
    full_.free(slot);
    return;
  }
  large_[slot].reset();
  large_bytes_ -= bytes;
  free_large_.push_back(slot);
}

void SeriesChunks::release(HotSeries& s) {
  if (s.slot == kBuilderSlot) {
    builders_.remove(s.enc.bits);
  } else if (s.slot != kNoSlot) {
    open_.free(s.slot);
  }
  s.slot = kNoSlot;
}

void SeriesChunks::view(const HotSeries& s, const FullChunks& full, TimeRange range, ChunkViews& out) const {
  out.full.clear();
  out.open_bytes.clear();
  out.files = files_;
  out.has_open = s.count() > 0 && range.overlaps({s.mint, s.maxt()});
  if (out.has_open) {
    out.open = s;
    out.open_is_run = s.slot == kNoSlot;
    out.xor2_floats = encodings_.xor2_floats;
    out.open_encoding = kXorEncoding;
    if (s.slot == kBuilderSlot) {
      const ChunkBuilder& builder = builders_[s.enc.bits];
      out.open_encoding = builder.open_encoding();
      out.open_bytes.assign(builder.open_bytes().begin(), builder.open_bytes().end());
    } else if (!out.open_is_run) {
      out.open_bytes.resize(s.enc.size_bytes());
      copy_open(s, out.open_bytes.data());
    }
  }
  for (SlotRef at = full.memory; at != kNoSlot;) {
    const FullChunk& c = full_chunk(at);
    if (c.maxt() < range.mint) break;
    if (c.mint <= range.maxt) {
      out.full.push_back({{c.mint, c.maxt()}, bytes_of(c), static_cast<std::uint8_t>(c.encoding), {}});
    }
    at = c.older;
  }
  for (std::size_t i = mapped_.count(full.mapped); i-- > 0;) {
    const MappedChunk c = mapped_.at(full.mapped, i);
    if (c.range.maxt < range.mint) break;
    if (c.range.mint <= range.maxt) out.full.push_back({c.range, {}, 0, c.place});
  }
  std::ranges::reverse(out.full);
}

std::size_t SeriesChunks::drop_before(HotSeries& s, FullChunks& full, Timestamp t) {
  std::size_t dropped = 0;
  SlotRef* link = &full.memory;
  while (*link != kNoSlot && full_chunk(*link).maxt() >= t) {
    link = &reinterpret_cast<FullChunk*>(full_.data(*link))->older;
  }
  for (SlotRef at = *link; at != kNoSlot; ++dropped) {
    const FullChunk c = full_chunk(at);
    free_bytes(c.slot, c.bytes);
    full_.free(at);
    at = c.older;
  }
  *link = kNoSlot;

  std::size_t old = 0;
  const std::size_t mapped = mapped_.count(full.mapped);
  while (old < mapped && mapped_.at(full.mapped, old).range.maxt < t) ++old;
  mapped_.drop_front(full.mapped, old);
  dropped += old;
  count_full_ -= dropped;

  if (!s.empty() && s.maxt() < t) {
    if (s.count() > 0) ++dropped;
    release(s);
    s.close(kMinTime, 0);
  }
  return dropped;
}

Timestamp SeriesChunks::mint(const HotSeries& s, const FullChunks& full) const {
  if (full.mapped != kNoSlot) return mapped_.at(full.mapped, 0).range.mint;
  Timestamp oldest = s.count() > 0 ? s.mint : kMaxTime;
  for (SlotRef at = full.memory; at != kNoSlot; at = full_chunk(at).older) oldest = full_chunk(at).mint;
  return oldest;
}

void SeriesChunks::list_unmapped(const FullChunks& full, std::vector<Unmapped>& out) const {
  const std::size_t first = out.size();
  for (SlotRef at = full.memory; at != kNoSlot; at = full_chunk(at).older) {
    const FullChunk& c = full_chunk(at);
    out.push_back({at, {c.mint, c.maxt()}, static_cast<std::uint8_t>(c.encoding), bytes_of(c)});
  }
  std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
  // A chunk that a list cannot hold stays, and with it all behind it.
  const std::size_t room = MappedChunks::kMost - mapped_.count(full.mapped);
  std::size_t end = first;
  while (end < out.size() && end - first < room && MappedChunks::fits({out[end].range, {}})) ++end;
  out.resize(end);
}

bool SeriesChunks::set_mapped(FullChunks& full, SlotRef chunk, HeadChunkPlace place, std::uint64_t serial) {
  SlotRef* link = &full.memory;
  while (*link != kNoSlot && full_chunk(*link).older != kNoSlot) {
    link = &reinterpret_cast<FullChunk*>(full_.data(*link))->older;
  }
  if (*link == kNoSlot || *link != chunk) return false;
  const FullChunk c = full_chunk(chunk);
  const MappedChunk mapped{{c.mint, c.maxt()}, place};
  if (!MappedChunks::fits(mapped) || mapped_.count(full.mapped) >= MappedChunks::kMost) return false;
  mapped_.add(full.mapped, mapped);
  *link = kNoSlot;
  full_.free(chunk);
  retired_.push_back({serial, c.slot, c.bytes});
  return true;
}

void SeriesChunks::free_mapped(std::uint64_t oldest_reader) {
  while (!retired_.empty() && retired_.front().serial <= oldest_reader) {
    free_bytes(retired_.front().slot, retired_.front().bytes);
    retired_.pop_front();
  }
}

bool SeriesChunks::take_over(HotSeries& s, FullChunks& full, const MappedChunk& chunk, std::size_t more) {
  const bool ends_open = s.count() > 0 && s.mint == chunk.range.mint && s.maxt() <= chunk.range.maxt;
  if (!ends_open && chunk.range.mint <= s.maxt()) return false;
  if (full.memory != kNoSlot || !MappedChunks::fits(chunk)) return false;
  if (mapped_.count(full.mapped) >= MappedChunks::kMost) return false;
  if (s.count() > 0 && !ends_open) return false;
  mapped_.add(full.mapped, chunk, more);
  ++count_full_;
  release(s);
  s.close(chunk.range.maxt, 0);
  return true;
}

void SeriesChunks::drop_mapped_from(HotSeries& s, FullChunks& full, std::size_t first, Timestamp newest) {
  count_full_ -= mapped_.count(full.mapped) - first;
  mapped_.drop_back(full.mapped, first);
  s.close(newest, 0);
}

Result<void> SeriesChunks::move_mapped(FullChunks& full, WalRef ref, HeadChunkFiles& files) {
  std::vector<HeadChunkFiles::Borrowed> borrowed;
  std::vector<HeadChunk> chunks;
  const std::size_t count = mapped_.count(full.mapped);
  for (std::size_t i = 0; i < count; ++i) {
    auto read = files.read(mapped_.at(full.mapped, i).place);
    if (!read) return pass(read);
    chunks.push_back(read->chunk);
    chunks.back().series = ref;
    borrowed.push_back(std::move(*read));
  }
  const auto places = files.append(chunks);
  if (!places) return std::unexpected(places.error());
  mapped_.drop_back(full.mapped, 0);
  for (std::size_t i = 0; i < count; ++i)
    mapped_.add(full.mapped, {chunks[i].range, (*places)[i]}, count - i - 1);
  return {};
}

std::uint8_t complete_open(const ChunkViews& views, std::vector<std::byte>& out) {
  if (views.open_encoding != kXorEncoding) {
    out = views.open_bytes;
    return views.open_encoding;
  }
  XorState enc = views.open.enc;
  out.resize(kLargestChunk + 8);
  if (views.open_is_run) {
    enc = encode_run(views.open, out.data());
  } else {
    std::memcpy(out.data(), views.open_bytes.data(), views.open_bytes.size());
    if (views.open.run > 0) append_repeats(enc, out.data(), views.open.run);
  }
  out.resize(enc.size_bytes());
  if (!views.xor2_floats) return kXorEncoding;
  const Xor2Writer writer = as_xor2(out);
  out.assign(writer.bytes().begin(), writer.bytes().end());
  return kXor2Encoding;
}

Result<void> decode_views(const ChunkViews& views, TimeRange range, storage::SampleColumns& out) {
  for (const auto& chunk : views.full) {
    if (!chunk.range.overlaps(range)) continue;
    if (!chunk.is_mapped()) {
      if (auto done = decode_chunk(chunk.encoding, chunk.bytes, range, out); !done) return done;
      continue;
    }
    auto read = views.files->read(chunk.place);
    if (!read) return pass(read);
    if (auto done = decode_chunk(read->chunk.encoding, read->chunk.bytes, range, out); !done) return done;
  }
  if (!views.has_open) return {};
  const HotSeries& s = views.open;
  Timestamp next = s.mint;
  std::uint32_t repeats = s.count();
  if (!views.open_is_run) {
    if (auto done = decode_chunk(views.open_encoding, views.open_bytes, range, out); !done) return done;
    if (views.open_encoding != kXorEncoding) return {};
    next = s.enc.t + s.enc.delta;
    repeats = s.run;
  }
  for (; repeats > 0; --repeats, next += s.enc.delta) {
    if (!range.contains(next)) continue;
    out.t.push_back(next);
    out.v.push_back(s.enc.v);
  }
  if (!out.st.empty()) out.st.resize(out.t.size(), 0);
  return {};
}

}  // namespace narthex::tsdb
