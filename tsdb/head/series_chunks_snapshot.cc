// SeriesChunks to a snapshot of the head and back: SavedSeries, then what its flags announce.
#include <algorithm>
#include <cstring>
#include <utility>

#include "tsdb/head/series_chunks.h"

namespace narthex::tsdb {
namespace {

/// The form of the open chunk, as the low bits of the flags.
enum Form : std::uint8_t { kNone = 0, kRun = 1, kStream = 2, kBuilder = 3 };
constexpr std::uint8_t kFormMask = 3;
constexpr std::uint8_t kFirstInRange = 4;
constexpr std::uint8_t kHasMapped = 8;
constexpr std::uint8_t kHasFull = 16;

/// HotSeries without what belongs to a process. On disk as it stands here.
struct SavedSeries {
  Timestamp t;
  double v;
  std::int64_t delta;
  Timestamp mint;
  std::uint32_t next_cut;
  std::uint32_t bits;
  std::uint16_t count;
  std::uint16_t run;
  std::uint8_t leading;
  std::uint8_t trailing;
  std::uint8_t stagger;
  std::uint8_t flags;
};
static_assert(sizeof(SavedSeries) == 48);

Form form_of(const HotSeries& s) {
  if (s.count() == 0) return kNone;
  if (s.slot == kBuilderSlot) return kBuilder;
  return s.slot == kNoSlot ? kRun : kStream;
}

/// Whether appends to it stay inside their buffers.
bool is_sound(const SavedSeries& h) {
  static constexpr std::uint32_t kMostSamples = 240;
  static constexpr std::uint32_t kMostBits = (1005 + 2 * kXorMaxSampleBytes) * 8;
  static constexpr DurationMs kMostSpan = 0xffff'ffff;
  const bool window = h.leading == 0xff || h.leading + h.trailing < 64;
  const std::uint32_t samples = std::uint32_t{h.count} + h.run;
  if (!window || h.count == 0 || samples > kMostSamples || h.t < h.mint) return false;
  if (h.delta < 0 || h.delta > kMostSpan || h.t > kMaxTime - kMostSamples * kMostSpan) return false;
  return h.bits >= kXorHeaderBytes * 8 && h.bits <= kMostBits;
}

}  // namespace

void SeriesChunks::save(const HotSeries& s, const FullChunks& full, std::vector<std::byte>& out) const {
  const Form form = form_of(s);
  const io::Bytes mapped = mapped_.packed(full.mapped);
  const SavedSeries saved{
      .t = s.enc.t,
      .v = s.enc.v,
      .delta = s.enc.delta,
      .mint = s.mint,
      .next_cut = s.next_cut,
      .bits = form == kBuilder ? 0 : s.enc.bits,
      .count = s.enc.count,
      .run = s.run,
      .leading = s.enc.leading,
      .trailing = s.enc.trailing,
      .stagger = s.stagger,
      .flags = static_cast<std::uint8_t>(form | (s.first_in_range ? kFirstInRange : 0) |
                                         (mapped.empty() ? 0 : kHasMapped) |
                                         (full.memory == kNoSlot ? 0 : kHasFull)),
  };
  put_span(out, std::as_bytes(std::span(&saved, 1)));
  save_open(s, out);
  if (!mapped.empty()) {
    put_word(out, static_cast<std::uint16_t>(mapped.size() / MappedChunks::kChunkBytes));
    put_span(out, mapped);
  }
  if (full.memory == kNoSlot) return;
  std::vector<const FullChunk*> chunks;
  for (SlotRef at = full.memory; at != kNoSlot; at = full_chunk(at).older) chunks.push_back(&full_chunk(at));
  put_word(out, static_cast<std::uint32_t>(chunks.size()));
  for (auto c = chunks.rbegin(); c != chunks.rend(); ++c) {
    put_word(out, (*c)->mint);
    put_word(out, (*c)->span);
    put_word(out, static_cast<std::uint32_t>((*c)->encoding));
    put_word(out, static_cast<std::uint32_t>((*c)->bytes));
    put_span(out, bytes_of(**c));
  }
}

void SeriesChunks::save_open(const HotSeries& s, std::vector<std::byte>& out) const {
  if (s.slot == kBuilderSlot) {
    const ChunkBuilder& builder = builders_[s.enc.bits];
    const auto newest = builders_.newest(s.enc.bits);
    const auto aim = builder.aim();
    const io::Bytes bytes = builder.open_bytes();
    put_word(out, builder.open_encoding());
    put_word(out, static_cast<std::uint8_t>(aim.predicted));
    put_word(out, static_cast<std::uint8_t>(newest.is_histogram));
    put_word(out, std::uint8_t{0});
    put_word(out, newest.buckets);
    put_word(out, aim.next_cut);
    put_word(out, static_cast<std::uint32_t>(bytes.size()));
    put_span(out, bytes);
  } else if (s.slot != kNoSlot) {
    const std::size_t at = out.size();
    out.resize(at + s.enc.size_bytes());
    copy_open(s, out.data() + at);
  }
}

bool SeriesChunks::restore(HotSeries& s, FullChunks& full, WordReader& in, const RestoreBounds& bounds) {
  SavedSeries h{};
  const io::Bytes fixed = in.bytes(sizeof(SavedSeries));
  if (in.ok()) std::memcpy(&h, fixed.data(), sizeof(h));
  const auto form = static_cast<Form>(h.flags & kFormMask);
  s = HotSeries::make(h.stagger);
  full = FullChunks{};
  if (form == kNone || form == kBuilder) {
    s.close(h.t, h.v);
  } else if (!is_sound(h)) {
    in.reject();
  } else {
    s.enc = {.t = h.t,
             .v = h.v,
             .delta = h.delta,
             .count = h.count,
             .leading = h.leading,
             .trailing = h.trailing,
             .bits = h.bits};
    s.next_cut = h.next_cut;
    s.run = static_cast<std::uint8_t>(h.run);
  }
  s.mint = h.mint;
  if (form == kStream) restore_stream(s, in, bounds.min_valid);
  if (form == kBuilder) restore_builder(s, in, bounds.min_valid);
  if ((h.flags & kHasMapped) != 0) restore_mapped(full, in, bounds);
  if ((h.flags & kHasFull) != 0) restore_full(full, in, bounds.min_valid);
  s.first_in_range = (h.flags & kFirstInRange) != 0;
  if (in.ok() && s.maxt() >= bounds.min_valid) return true;
  drop_before(s, full, kMaxTime);
  release(s);
  s = HotSeries::make(h.stagger);
  return in.ok();
}

void SeriesChunks::restore_stream(HotSeries& s, WordReader& in, Timestamp min_valid) {
  const io::Bytes bytes = in.bytes(s.enc.size_bytes());
  if (!in.ok() || s.maxt() < min_valid) return;
  s.slot = open_.allocate(bytes.size());
  std::memcpy(open_.data(s.slot), bytes.data(), bytes.size());
  s.last = bytes.back();
}

void SeriesChunks::restore_builder(HotSeries& s, WordReader& in, Timestamp min_valid) {
  const std::uint8_t encoding = in.u8();
  const bool predicted = in.u8() != 0;
  const bool is_histogram = in.u8() != 0;
  in.u8();
  const std::uint32_t buckets = in.u32();
  const Timestamp next_cut = in.i64();
  const io::Bytes bytes = in.bytes(in.u32());
  // A chunk of this encoding has another form.
  if (encoding == kXorEncoding) in.reject();
  if (!in.ok() || s.maxt() < min_valid) return;
  const std::uint32_t number = builders_.add(builder_options());
  ChunkBuilder& builder = builders_[number];
  const bool resumed = builder.resume(encoding, bytes).has_value();
  if (!resumed || builder.open_range() != TimeRange{s.mint, s.maxt()}) {
    builders_.remove(number);
    return in.reject();
  }
  builder.set_aim({next_cut, predicted});
  if (is_histogram) builders_.note_histogram(number, buckets);
  s.enc.count = 1;
  s.enc.bits = number;
  s.slot = kBuilderSlot;
  s.next_cut = 0;
}

void SeriesChunks::restore_mapped(FullChunks& full, WordReader& in, const RestoreBounds& bounds) {
  const std::size_t count = in.u16();
  const io::Bytes packed = in.bytes(count * MappedChunks::kChunkBytes);
  if (!in.ok() || count > MappedChunks::kMost) return in.reject();
  std::size_t first = 0;
  while (first < count && MappedChunks::unpack_one(packed, first).range.maxt < bounds.min_valid) ++first;
  for (std::size_t i = first; i < count; ++i) {
    const HeadChunkPlace place = MappedChunks::unpack_one(packed, i).place;
    const std::uint32_t oldest = bounds.files.empty() ? 0 : bounds.files.front().number;
    const std::size_t file = (place.file - oldest) & (HeadChunkFiles::kMostFiles - 1);
    if (file >= bounds.files.size() || place.offset >= bounds.files[file].size_bytes) return in.reject();
  }
  full.mapped = mapped_.make(packed.subspan(first * MappedChunks::kChunkBytes));
  count_full_ += count - first;
}

void SeriesChunks::restore_full(FullChunks& full, WordReader& in, Timestamp min_valid) {
  static constexpr std::uint32_t kMostBytes = (1U << 24) - 1;
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) {
    const Timestamp mint = in.i64();
    const std::uint32_t span = in.u32();
    const std::uint32_t encoding = in.u32();
    const io::Bytes bytes = in.bytes(in.u32());
    if (!in.ok() || encoding > 0xff || bytes.size() > kMostBytes || mint > kMaxTime - span)
      return in.reject();
    const TimeRange range{mint, mint + span};
    if (range.maxt >= min_valid) add_full(full, range, static_cast<std::uint8_t>(encoding), bytes);
  }
}

bool SeriesChunks::adopt(HotSeries& s, FullChunks& full, const MappedChunk& chunk) {
  if (full.memory == kNoSlot) return take_over(s, full, chunk);
  SlotRef* link = &full.memory;
  while (full_chunk(*link).older != kNoSlot) {
    link = &reinterpret_cast<FullChunk*>(full_.data(*link))->older;
  }
  const FullChunk c = full_chunk(*link);
  if (c.mint != chunk.range.mint || c.maxt() != chunk.range.maxt) return false;
  if (!MappedChunks::fits(chunk) || mapped_.count(full.mapped) >= MappedChunks::kMost) return false;
  mapped_.add(full.mapped, chunk);
  full_.free(*link);
  *link = kNoSlot;
  free_bytes(c.slot, c.bytes);
  return true;
}

}  // namespace narthex::tsdb
