#include "tsdb/block/postings_table.h"

#include <algorithm>
#include <tuple>

#include "tsdb/block/symbol_table.h"
#include "tsdb/encoding.h"

namespace narthex::tsdb {
namespace {

constexpr std::uint64_t kKeysPerEntry = 2;

struct Entry {
  std::string_view name;
  std::string_view value;
  std::uint64_t offset = 0;
};

/// in.ok() afterwards says whether it was whole.
Entry read_entry(ByteReader& in) {
  if (in.uvarint() != kKeysPerEntry) in.skip(~std::uint64_t{0});
  Entry entry;
  entry.name = in.text();
  entry.value = in.text();
  entry.offset = in.uvarint();
  return entry;
}

std::unexpected<Error> ends_early() {
  return fail(Code::corruption, "index: postings table: a bad entry");
}

}  // namespace

Result<PostingsTable> PostingsTable::open(io::Bytes index, std::uint8_t version, std::uint64_t offset) {
  auto content = checked_section(index, offset, "postings table");
  if (!content) return pass(content);
  PostingsTable table;
  table.index_ = index;
  table.version_ = version;
  table.end_ = offset + 4 + content->size();
  auto read = version == 1 ? table.read_unsorted(*content) : table.read_sorted(*content, offset + 4);
  if (!read) return pass(read);
  return table;
}

Result<void> PostingsTable::read_sorted(io::Bytes content, std::uint64_t position) {
  ByteReader in(content);
  std::string_view last_value;
  for (std::uint64_t left = in.be32(); left > 0 && in.left() > 0; --left) {
    const std::uint64_t at = position + content.size() - in.left();
    const Entry entry = read_entry(in);
    if (!in.ok()) return ends_early();
    const bool new_name = names_.empty() || names_.back().text != entry.name;
    if (new_name ? !names_.empty() && entry.name < names_.back().text : entry.value <= last_value)
      return fail(Code::corruption, "index: postings table is not sorted");
    if (new_name) names_.push_back({entry.name, 0, marks_.size()});
    if (names_.back().entries++ % kStep == 0) marks_.push_back({entry.value, at});
    last_value = entry.value;
  }
  return in.ok() ? Result<void>{} : ends_early();
}

Result<void> PostingsTable::read_unsorted(io::Bytes content) {
  ByteReader in(content);
  std::vector<Entry> entries;
  for (std::uint64_t left = in.be32(); left > 0 && in.left() > 0; --left) {
    entries.push_back(read_entry(in));
    if (!in.ok()) return ends_early();
  }
  if (!in.ok()) return ends_early();
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.name, a.value) < std::tie(b.name, b.value);
  });
  for (const Entry& entry : entries) {
    if (names_.empty() || names_.back().text != entry.name) names_.push_back({entry.name, 0, marks_.size()});
    ++names_.back().entries;
    marks_.push_back({entry.value, entry.offset});
  }
  return {};
}

const PostingsTable::Name* PostingsTable::find_name(std::string_view name) const {
  const auto at = std::ranges::lower_bound(names_, name, {}, &Name::text);
  return at == names_.end() || at->text != name ? nullptr : &*at;
}

/// What an entry begins with, open() has read: two keys, and its name. hot: bench/query.py
void PostingsTable::load(Cursor& at, std::uint64_t position) const {
  ByteReader in(index_.subspan(position, end_ - position));
  in.skip(1);
  in.skip(in.uvarint());
  at.value = in.text();
  at.offset = in.uvarint();
  at.next = end_ - in.left();
}

void PostingsTable::advance(const Name& name, Cursor& at) const {
  if (++at.entry >= name.entries) return;
  if (version_ == 1) {
    const Mark& mark = marks_[name.first + at.entry];
    at.value = mark.value;
    at.offset = mark.position;
  } else {
    load(at, at.next);
  }
}

PostingsTable::Cursor PostingsTable::lower_bound(const Name& name, std::string_view value) const {
  const auto first = marks_.begin() + static_cast<std::ptrdiff_t>(name.first);
  const auto last = first + static_cast<std::ptrdiff_t>((name.entries + step() - 1) / step());
  auto mark = std::ranges::upper_bound(first, last, value, {}, &Mark::value);
  if (mark != first) --mark;
  Cursor at;
  at.entry = static_cast<std::uint64_t>(mark - first) * step();
  if (version_ == 1) {
    at.value = mark->value;
    at.offset = mark->position;
  } else {
    load(at, mark->position);
  }
  while (at.entry < name.entries && at.value < value) advance(name, at);
  return at;
}

std::optional<std::uint64_t> PostingsTable::find(std::string_view name, std::string_view value) const {
  const Name* n = find_name(name);
  if (n == nullptr) return std::nullopt;
  const Cursor at = lower_bound(*n, value);
  if (at.entry >= n->entries || at.value != value) return std::nullopt;
  return at.offset;
}

std::vector<std::string_view> PostingsTable::names() const {
  std::vector<std::string_view> out;
  for (const Name& name : names_)
    if (!name.text.empty()) out.push_back(name.text);
  return out;
}

std::uint64_t PostingsTable::count_values(std::string_view name) const {
  const Name* n = find_name(name);
  return n == nullptr ? 0 : n->entries;
}

}  // namespace narthex::tsdb
