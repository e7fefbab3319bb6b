#include "tsdb/wal/framing.h"

#include <algorithm>

#include "io/crc32c.h"
#include "tsdb/encoding.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {
namespace {

/// Low three bits of a fragment's type byte; on disk.
enum : std::uint8_t { kPadding = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4, kPartMask = 7 };
constexpr std::uint8_t kKnownFlags = 3 << 3;

/// How many bytes of checksums the search for the next fragment may compute in one page:
/// bytes made to look like headers must not make a damaged log take hours to read.
/// (Random bytes of a page cost a tenth of it.)
constexpr std::uint64_t kSearchBudget = 32 << 20;
/// The same where the length of the bad fragment leads to a good one, and so is probably right.
constexpr std::uint64_t kDoubtBudget = 512 << 10;

void put_fragment(std::uint8_t type, io::Bytes data, std::vector<std::byte>& out) {
  std::byte header[kFragmentHeaderBytes];
  header[0] = static_cast<std::byte>(type);
  store_be(header + 1, static_cast<std::uint16_t>(data.size()));
  store_be(header + 3, io::crc32c(data));
  put_bytes(out, header);
  put_bytes(out, data);
}

}  // namespace

std::uint64_t frame_record(std::uint64_t offset, RecordFlag flag, io::Bytes data,
                           std::vector<std::byte>& out) {
  // At least one fragment: an empty record is a record too.
  for (bool first = true; first || !data.empty(); first = false) {
    const std::size_t room = kWalPageBytes - offset % kWalPageBytes - kFragmentHeaderBytes;
    const io::Bytes part = data.first(std::min(room, data.size()));
    data = data.subspan(part.size());
    std::uint8_t type = first ? kFirst : kMiddle;
    if (data.empty()) type = first ? kFull : kLast;
    put_fragment(static_cast<std::uint8_t>(type | static_cast<std::uint8_t>(flag)), part, out);
    offset += kFragmentHeaderBytes + part.size();
    const std::size_t left = kWalPageBytes - offset % kWalPageBytes;
    if (left < kFragmentHeaderBytes) {
      out.resize(out.size() + left);
      offset += left;
    }
  }
  return offset;
}

RecordScanner::Fragment RecordScanner::fragment_at(std::uint64_t at) const {
  Fragment f;
  f.next = at;
  if (at >= segment_.size()) return f;
  const auto page_left = kWalPageBytes - at % kWalPageBytes;
  const io::Bytes page = segment_.subspan(at, std::min<std::uint64_t>(page_left, segment_.size() - at));
  const auto type = std::to_integer<std::uint8_t>(page[0]);
  const auto bad = [&f](const char* why) {
    f.part = Part::bad;
    f.why = why;
    return f;
  };
  // Where only the type is wrong, the length says where the next one begins.
  const auto bad_type = [&](const char* why) {
    if (page.size() >= kFragmentHeaderBytes) {
      const auto length = load_be<std::uint16_t>(page.data() + 1);
      if (length <= page.size() - kFragmentHeaderBytes) f.next = at + kFragmentHeaderBytes + length;
    }
    return bad(why);
  };
  if ((type & kPartMask) == kPadding) {
    const bool zeros =
        std::all_of(page.begin() + 1, page.end(), [](std::byte b) { return b == std::byte{0}; });
    if (!zeros) return bad_type("bytes in the unused end of a page");
    f.part = Part::padding;
    f.next = at + page.size();
    return f;
  }
  if (page_left < kFragmentHeaderBytes) return bad("bytes in the unused end of a page");
  if ((type & kPartMask) > kLast) return bad_type("a fragment of unknown type");
  if (page.size() < kFragmentHeaderBytes) return bad(kEndsInsideRecord);
  const auto length = load_be<std::uint16_t>(page.data() + 1);
  if (length > page_left - kFragmentHeaderBytes) return bad("a fragment longer than its page");
  if (length > page.size() - kFragmentHeaderBytes) return bad(kEndsInsideRecord);
  f.data = page.subspan(kFragmentHeaderBytes, length);
  f.next = at + kFragmentHeaderBytes + length;
  if (io::crc32c(f.data) != load_be<std::uint32_t>(page.data() + 3)) return bad("a wrong checksum");
  constexpr Part kParts[] = {Part::padding, Part::full, Part::first, Part::middle, Part::last};
  f.part = kParts[type & kPartMask];
  // Where both bits are set, snappy it is: as Prometheus reads it.
  if (type & static_cast<std::uint8_t>(RecordFlag::snappy))
    f.flag = RecordFlag::snappy;
  else if (type & static_cast<std::uint8_t>(RecordFlag::zstd))
    f.flag = RecordFlag::zstd;
  return f;
}

/// Stricter than fragment_at(): arbitrary bytes rarely pass.
bool RecordScanner::begins_fragment(std::uint64_t at, std::uint64_t& budget) const {
  const auto type = std::to_integer<std::uint8_t>(segment_[at]);
  const std::uint8_t part = type & kPartMask;
  if (part < kFull || part > kLast || (type & ~(kPartMask | kKnownFlags)) != 0) return false;
  if ((type & kKnownFlags) == kKnownFlags) return false;
  // An empty fragment has a checksum of zero: zeros behind a one would look like it.
  const auto length = load_be<std::uint16_t>(segment_.data() + at + 1);
  const std::uint64_t room = kWalPageBytes - at % kWalPageBytes - kFragmentHeaderBytes;
  if (length == 0 || length > room) return false;
  budget -= std::min<std::uint64_t>(budget, length);
  return fragment_at(at).part != Part::bad;
}

/// Where just a header fits into a page, a record begins there with a fragment of no data.
bool RecordScanner::begins_record_of_next_page(std::uint64_t at) const {
  if ((at + kFragmentHeaderBytes) % kWalPageBytes != 0) return false;
  const Fragment f = fragment_at(at);
  const Fragment next = fragment_at(f.next);
  return f.part == Part::first && (next.part == Part::middle || next.part == Part::last);
}

/// @return the first place behind the bad fragment from which reading makes sense: the next
/// valid header in its page, what follows it if its length was right, else the next page
std::uint64_t RecordScanner::resynchronise(const Fragment& bad) const {
  const std::uint64_t page_end =
      std::min<std::uint64_t>(at_ - at_ % kWalPageBytes + kWalPageBytes, segment_.size());
  // The length itself may be what is wrong: records before its end are looked for all the same.
  const bool length_right = bad.next > at_ && fragment_at(bad.next).part != Part::bad;
  const std::uint64_t limit = length_right ? bad.next : page_end;
  std::uint64_t budget = length_right ? kDoubtBudget : kSearchBudget;
  for (std::uint64_t at = at_ + 1; at < limit && at + kFragmentHeaderBytes < page_end && budget > 0; ++at) {
    if (begins_fragment(at, budget)) return at;
  }
  const std::uint64_t last = page_end - std::min<std::uint64_t>(page_end, kFragmentHeaderBytes);
  if (last > at_ && last < limit && begins_record_of_next_page(last)) return last;
  return limit;
}

void RecordScanner::open_gap(std::uint64_t offset, const char* why) {
  if (!gap_) gap_ = Gap{offset, why};
}

void RecordScanner::close_gap(std::uint64_t end) {
  if (!gap_) return;
  if (on_gap_) on_gap_(gap_->offset, end - gap_->offset, gap_->why);
  gap_.reset();
}

std::optional<RawRecord> RecordScanner::next() {
  RawRecord record;
  bool open = false;
  while (true) {
    Fragment f = fragment_at(at_);
    if (f.part == Part::end) {
      if (open) open_gap(record.offset, kEndsInsideRecord);
      close_gap(segment_.size());
      return std::nullopt;
    }
    // The type is outside of the checksum: where a part of the open record should be, a fragment
    // that begins one is that part with a flipped bit. A record of it would be half of another.
    if (open && (f.part == Part::full || f.part == Part::first)) {
      f.part = Part::bad;
      f.why = "a record without its last fragment";
    }
    if (f.part == Part::bad) {
      open_gap(open ? record.offset : at_, f.why);
      open = false;
      at_ = resynchronise(f);
      continue;
    }
    const std::uint64_t here = at_;
    at_ = f.next;
    if (f.part == Part::padding) {
      // A record that goes on fills its page: zeros here are a page that never reached the disk.
      if (open) open_gap(record.offset, "a record without its last fragment");
      open = false;
      continue;
    }
    if (f.part == Part::full || f.part == Part::first) {
      open = true;
      record.offset = here;
      assembled_.clear();
    } else if (!open) {
      open_gap(here, "a fragment without the beginning of its record");
      continue;
    }
    record.data = f.data;
    record.is_assembled = f.part != Part::full;
    if (record.is_assembled) {
      put_bytes(assembled_, f.data);
      record.data = assembled_;
    }
    if (f.part == Part::full || f.part == Part::last) {
      record.flag = f.flag;
      record.end = at_;
      close_gap(record.offset);
      return record;
    }
  }
}

}  // namespace narthex::tsdb
