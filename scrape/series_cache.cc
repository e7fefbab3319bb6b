#include "scrape/series_cache.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "model/check.h"

namespace narthex::scrape {

namespace {

/// A few lines that vanish together are found by looking ahead; more are not worth the looks.
constexpr std::size_t kLookAhead = 8;
/// The table goes after so many scrapes without need of it.
constexpr int kCalmScrapes = 16;

}  // namespace

void SeriesCache::begin() {
  ++scrape_;
  expected_ = 0;
  newcomers_ = static_cast<Index>(entries_.size());
  seen_ = exposed_now_ = carried_over_ = surprises_ = 0;
  page_order_.clear();
}

// hot: bench/scrape
SeriesCache::Index SeriesCache::find(std::string_view series_text) {
  last_hash_ = hash_text(series_text);
  last_size_ = series_text.size() <= std::numeric_limits<std::uint16_t>::max()
                   ? static_cast<std::uint16_t>(series_text.size())
                   : std::uint16_t{0};
  if (expected_ >= entries_.size() || !is(expected_, last_hash_)) return find_out_of_order();
  const Index met = expected_++;
  if (surprises_ > 0) page_order_.push_back(met);
  return met;
}

SeriesCache::Index SeriesCache::find_out_of_order() {
  const std::size_t end = std::min<std::size_t>(entries_.size(), expected_ + 1 + kLookAhead);
  for (std::size_t ahead = std::size_t{expected_} + 1; ahead < end; ++ahead) {
    const auto i = static_cast<Index>(ahead);
    if (!is(i, last_hash_)) continue;
    expected_ = i + 1;
    if (surprises_ > 0) page_order_.push_back(i);
    return i;
  }
  if (surprises_++ == 0) in_order_ = expected_;
  if (table_.empty()) make_table();
  const Index met = look_up();
  if (met == kNone) return kNone;
  page_order_.push_back(met);
  // A line that came twice, or that is new and so at the end, says nothing about the next one.
  if (met < newcomers_ && !seen_now(entries_[met])) expected_ = met + 1;
  return met;
}

SeriesCache::Index SeriesCache::insert() {
  check(entries_.size() < kNone, "a page has fewer than 2^32 lines");
  const auto i = static_cast<Index>(entries_.size());
  Entry& e = entries_.emplace_back();
  e.hash_low = last_hash_.low;
  e.hash_high = last_hash_.high;
  e.text_size = last_size_;
  if (entries_.size() * 2 > table_.size())
    make_table();
  else
    put_in_table(i);
  page_order_.push_back(i);
  return i;
}

SeriesCache::Index SeriesCache::look_up() const {
  const std::size_t mask = table_.size() - 1;
  for (std::size_t slot = first_slot(last_hash_);; slot = (slot + 1) & mask) {
    const Index i = table_[slot];
    if (i == kNone || is(i, last_hash_)) return i;
  }
}

void SeriesCache::make_table() {
  std::size_t size = 64;
  while (size < entries_.size() * 3) size *= 2;
  table_.assign(size, kNone);
  for (std::size_t i = 0; i < entries_.size(); ++i) put_in_table(static_cast<Index>(i));
}

void SeriesCache::put_in_table(Index i) {
  const std::size_t mask = table_.size() - 1;
  std::size_t slot = first_slot({entries_[i].hash_low, entries_[i].hash_high});
  while (table_[slot] != kNone) slot = (slot + 1) & mask;
  table_[slot] = i;
}

std::size_t SeriesCache::first_slot(TextHash hash) const {
  constexpr int kBits = 64;
  return hash.slot_bits() >> (kBits - std::countr_zero(table_.size()));
}

void SeriesCache::take_vanished(std::vector<storage::SeriesRef>& stale) {
  // Nobody vanished if all that were exposed before are exposed now: then no sweep is needed.
  if (carried_over_ != exposed_before_) {
    for (const Entry& e : entries_) {
      const bool still = e.seen == scrape_ && (e.flags & kExposed) != 0;
      if (was_exposed(e) && !still && e.ref != storage::SeriesRef::none) stale.push_back(e.ref);
    }
  }
  exposed_before_ = exposed_now_;
  exposed_in_ = scrape_;
  accepted_ = scrape_;
  tidy_up(entries_.size() - seen_);
  accepted_size_ = entries_.size();
}

void SeriesCache::take_all_exposed(std::vector<storage::SeriesRef>& stale) {
  if (exposed_before_ > 0) {
    for (const Entry& e : entries_)
      if (was_exposed(e) && e.ref != storage::SeriesRef::none) stale.push_back(e.ref);
  }
  exposed_before_ = 0;
  exposed_in_ = 0;
  // Refused pages with ever other lines must not fill the memory.
  constexpr std::size_t kAlwaysAllowed = 1000;
  if (entries_.size() <= accepted_size_ * 2 + kAlwaysAllowed) return;
  ++forced_flushes_;
  drop_unseen();
}

void SeriesCache::forget_refs(const std::vector<storage::SeriesRef>& refs) {
  auto sorted = refs;
  std::ranges::sort(sorted);
  for (Entry& e : entries_)
    if (std::ranges::binary_search(sorted, e.ref)) e.ref = storage::SeriesRef::none;
}

void SeriesCache::tidy_up(std::size_t unseen) {
  calm_scrapes_ = surprises_ == 0 ? calm_scrapes_ + 1 : 0;
  if (calm_scrapes_ >= kCalmScrapes && !table_.empty()) {
    table_ = std::vector<Index>();
    page_order_ = std::vector<Index>();
  }
  debt_ += surprises_;
  // A surprise costs about as much as putting four entries in order.
  if (debt_ * 4 > entries_.size()) {
    debt_ = 0;
    const bool in_order =
        page_order_.empty() || (page_order_.front() >= in_order_ && std::ranges::is_sorted(page_order_));
    if (!in_order) return take_order_of_page();
  }
  constexpr std::size_t kAlwaysKept = 32;
  if (unseen > kAlwaysKept + entries_.size() / 8) drop_unseen();
  // A first page grows the entries by doubling: give back what it did not need.
  if (entries_.capacity() > kAlwaysKept + entries_.size() + entries_.size() / 4) entries_.shrink_to_fit();
}

// Puts the entries in the order in which the lines of this scrape met them; those that no line
// met are forgotten.
void SeriesCache::take_order_of_page() {
  std::vector<Entry> ordered;
  ordered.reserve(seen_);
  constexpr std::uint32_t kTaken = 0;  // a scrape that never was
  const auto take = [&](Entry& e) {
    if (e.seen != scrape_) return;
    ordered.push_back(e);
    e.seen = kTaken;
  };
  for (Index i = 0; i < in_order_; ++i) take(entries_[i]);
  for (const Index i : page_order_) take(entries_[i]);
  entries_ = std::move(ordered);
  make_table();
}

void SeriesCache::drop_unseen() {
  std::erase_if(entries_, [this](const Entry& e) { return e.seen != scrape_; });
  entries_.shrink_to_fit();
  table_ = std::vector<Index>();
}

std::size_t SeriesCache::size_bytes() const {
  return sizeof *this + entries_.capacity() * sizeof(Entry) + table_.capacity() * sizeof(Index) +
         page_order_.capacity() * sizeof(Index);
}

}  // namespace narthex::scrape
