#include "tsdb/verify/index_postings.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "tsdb/block/symbol_table.h"
#include "tsdb/encoding.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kLengthBytes = 4;

std::uint64_t key_of(SymbolPair pair) {
  return std::uint64_t{pair.first} << 32 | pair.second;
}

/// Spreads a reference over 64 bits, so that sums over different sets differ.
std::uint64_t hash_of(std::uint32_t ref) {
  std::uint64_t x = ref + 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

std::string pair_text(std::string_view name, std::string_view value) {
  return name.empty() && value.empty() ? "of all series" : fmt::format("of {}=\"{}\"", name, value);
}

}  // namespace

void IndexPostings::Tally::add(std::uint32_t ref) {
  ++count;
  hashes += hash_of(ref);
}

void IndexPostings::add_series(std::uint32_t ref, std::span<const SymbolPair> labels) {
  all_.add(ref);
  for (const SymbolPair& pair : labels) pairs_[key_of(pair)].add(ref);
}

void IndexPostings::verify(Verification& v, const std::string& path, io::Bytes index, std::uint8_t version,
                           const IndexToc& toc, const IndexSymbols& symbols, bool all_series_readable) {
  Reading r{v, path, index, symbols, all_series_readable};
  const auto content = checked_section(index, toc.postings_table, "postings table");
  if (!content) {
    v.damage(path, toc.postings_table, content.error().text);
    return;
  }
  const std::uint64_t begin = toc.postings_table + kLengthBytes;
  const std::uint64_t end = begin + content->size() + kIndexChecksumBytes;
  if (end != index.size() - kIndexTocBytes) {
    v.damage(path, end, "bytes between the postings table and the table of contents");
  }
  ByteReader in(*content);
  const std::uint32_t count = in.be32();
  Entry last;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t at = begin + content->size() - in.left();
    const std::uint64_t keys = in.uvarint();
    const std::string_view name = in.text();
    const std::string_view value = in.text();
    const Entry entry{name, value, in.uvarint()};
    if (!in.ok() || keys != 2) {
      v.damage(path, at, fmt::format("entry {} of the postings table cannot be read", i));
      return;
    }
    if (version > 1 && i > 0 && std::tie(entry.name, entry.value) <= std::tie(last.name, last.value)) {
      v.damage(path, at, fmt::format("entry {} of the postings table does not ascend", i));
    }
    verify_entry(r, entry);
    last = entry;
  }
  if (in.left() > 0) {
    v.damage(path, begin + content->size() - in.left(), "bytes behind the last entry of the postings table");
  }
  if (r.compare) {
    if (!all_.listed) v.damage(path, toc.postings_table, "there are no postings of all series");
    for (const auto& [key, tally] : pairs_) {
      if (tally.listed) continue;
      v.damage(path, toc.postings_table,
               fmt::format("there are no postings {}, which {} series have",
                           pair_text(symbols.text(static_cast<std::uint32_t>(key >> 32)),
                                     symbols.text(static_cast<std::uint32_t>(key))),
                           tally.count));
    }
  }
  const std::uint64_t behind = toc.label_indices_table > toc.postings
                                   ? std::min(toc.label_indices_table, toc.postings_table)
                                   : toc.postings_table;
  verify_coverage(r, toc.postings, behind);
}

void IndexPostings::verify_entry(Reading& r, const Entry& entry) {
  const std::string which = pair_text(entry.name, entry.value);
  const auto content = checked_section(r.index, entry.offset, "postings");
  if (!content) {
    r.v.damage(r.path, entry.offset, fmt::format("{} ({})", content.error().text, which));
    return;
  }
  lists_.push_back({entry.offset, entry.offset + kLengthBytes + content->size() + kIndexChecksumBytes});
  ByteReader in(*content);
  const std::uint64_t count = in.be32();
  if (!in.ok() || in.left() != 4 * count) {
    r.v.damage(r.path, entry.offset, fmt::format("postings {}: length and count disagree", which));
    return;
  }
  Tally listed;
  std::uint32_t last = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint32_t ref = in.be32();
    if (i > 0 && ref <= last) {
      r.v.damage(r.path, entry.offset, fmt::format("postings {}: number {} does not ascend", which, i));
      return;
    }
    listed.add(ref);
    last = ref;
  }
  if (r.compare) compare(r, entry, listed);
}

void IndexPostings::compare(Reading& r, const Entry& entry, const Tally& listed) {
  Tally* has = &all_;
  if (!entry.name.empty() || !entry.value.empty()) {
    const auto name = r.symbols.find(entry.name);
    const auto value = r.symbols.find(entry.value);
    const auto at = name && value ? pairs_.find(key_of({*name, *value})) : pairs_.end();
    if (at == pairs_.end()) {
      r.v.damage(r.path, entry.offset,
                 fmt::format("postings {}, which no series has", pair_text(entry.name, entry.value)));
      return;
    }
    has = &at->second;
  }
  has->listed = true;
  if (has->count == listed.count && has->hashes == listed.hashes) return;
  r.v.damage(r.path, entry.offset,
             fmt::format("postings {} list {} series, and not those {} that have it",
                         pair_text(entry.name, entry.value), listed.count, has->count));
}

void IndexPostings::verify_coverage(Reading& r, std::uint64_t begin, std::uint64_t end) {
  std::ranges::sort(lists_, {}, &Place::begin);
  lists_.push_back({end, end});
  std::uint64_t at = begin;
  for (const Place& list : lists_) {
    if (list.begin < at) {
      r.v.damage(r.path, list.begin, "postings that overlap what stands before them");
    } else if (const io::Bytes between = r.index.subspan(at, list.begin - at);
               between.size() >= kPostingsAlignment || first_nonzero(between)) {
      r.v.damage(r.path, at, fmt::format("{} bytes that belong to no postings", between.size()));
    }
    at = std::max(at, list.end);
  }
}

}  // namespace narthex::tsdb
