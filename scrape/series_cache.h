// SeriesCache: what one target exposed at its last scrape, so that a line seen before costs a
// hash, a comparison and a push.
//
// Entries lie in the order of the page. Line i is expected to be the line that stood there
// last time; if it is not, a few entries ahead are tried (lines that vanished), then a hash
// table, which is made at the first surprise and dropped after a run of scrapes without one.
// A series text is known by a 128-bit hash with a secret of the process (text_hash.h).
//
//   page:     up 1 | a 5 | c 7          entries:  up | a | b | c
//   lookups:  up = [0], a = [1], c: [2] is b, [3] fits; b was not seen: stale
//
// A scrape: begin(), then find() per line and insert() where nothing was found, then
// take_vanished() if the page was accepted, else take_all_exposed().
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "scrape/text_hash.h"
#include "storage/appender.h"

namespace narthex::scrape {

class SeriesCache {
 public:
  using Index = std::uint32_t;
  static constexpr Index kNone = ~Index{0};

  enum Flag : std::uint8_t {
    kDropped = 1,     ///< relabeling drops it: never appended
    kExposed = 2,     ///< appended when last seen, and to be marked stale when it vanishes
    kWasExposed = 4,  ///< the same of the time before that, while kSeen is this scrape
  };

  struct Entry {
    std::uint64_t hash_low = 0;
    std::uint64_t hash_high = 0;
    std::uint64_t value_text = 0;  ///< the last value's bytes, if value_size is not 0
    double value = 0;
    storage::SeriesRef ref = storage::SeriesRef::none;  ///< none: labels have to be resolved (again)
    std::uint32_t seen = 0;                             ///< scrape in which it was seen last
    std::uint16_t text_size = 0;                        ///< of the series text; 0: too long to tell
    std::uint8_t value_size = 0;                        ///< 1 to 8: value_text and value go together
    std::uint8_t flags = 0;

    [[nodiscard]] bool dropped() const { return (flags & kDropped) != 0; }
  };
  static_assert(sizeof(Entry) == 48);

  /// Starts a scrape.
  void begin();

  /// The entry of this series text, or kNone. The text's hash is kept for insert().
  Index find(std::string_view series_text);
  /// The entry that the next line should have, or kNone.
  [[nodiscard]] Index expected() const { return expected_ < entries_.size() ? expected_ : kNone; }
  /// Whether the expected entry is this text's. Then pass_expected() stands for find().
  [[nodiscard]] bool is_expected(std::string_view series_text) const {
    return is(expected_, hash_text(series_text));
  }
  void pass_expected() {
    if (surprises_ > 0) page_order_.push_back(expected_);
    ++expected_;
  }
  /// An entry for the text that find() did not find.
  Index insert();

  /// Valid until the next insert(), take_…() or begin().
  [[nodiscard]] Entry& operator[](Index i) { return entries_[i]; }

  /// Asks for an entry that will be looked at some lines later.
  void prefetch_behind(Index i) const {
    constexpr std::size_t kAhead = 12;
    if (i + kAhead < entries_.size()) __builtin_prefetch(&entries_[i + kAhead], 1);
  }

  /// True if the entry was seen in this scrape already.
  [[nodiscard]] bool seen_now(const Entry& e) const { return e.seen == scrape_; }
  /// True if it was not in the last accepted page, nor in a refused one since.
  [[nodiscard]] bool is_new(const Entry& e) const { return e.seen < accepted_; }
  /// To be called once for each line that has an entry.
  void mark_seen(Entry& e) {
    if (e.seen == scrape_) return;
    const bool exposed = was_exposed(e);
    e.flags = static_cast<std::uint8_t>((e.flags & kDropped) | (exposed ? kWasExposed : 0));
    e.seen = scrape_;
    ++seen_;
  }
  /// The line was appended, and its series shall be marked stale when it vanishes.
  void mark_exposed(Entry& e) {
    if ((e.flags & kExposed) != 0) return;
    e.flags |= kExposed;
    ++exposed_now_;
    if ((e.flags & kWasExposed) != 0) ++carried_over_;
  }

  /// The page was accepted. Adds the series that were exposed and are no longer; forgets them
  /// when memory asks for it.
  void take_vanished(std::vector<storage::SeriesRef>& stale);
  /// The page was refused or there was none. Adds all series that were exposed.
  void take_all_exposed(std::vector<storage::SeriesRef>& stale);
  /// The store collected these series: their labels have to be resolved again.
  void forget_refs(const std::vector<storage::SeriesRef>& refs);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  /// Memory held.
  [[nodiscard]] std::size_t size_bytes() const;
  /// How often a refused page's lines had to be thrown out because there were too many.
  [[nodiscard]] std::uint64_t forced_flushes() const { return forced_flushes_; }

 private:
  [[nodiscard]] bool is(Index i, TextHash h) const {
    return entries_[i].hash_low == h.low && entries_[i].hash_high == h.high;
  }
  /// Exposed up to now, and not marked stale yet.
  [[nodiscard]] bool was_exposed(const Entry& e) const {
    if (e.seen == scrape_) return (e.flags & kWasExposed) != 0;
    return e.seen == exposed_in_ && (e.flags & kExposed) != 0;
  }
  Index find_out_of_order();
  [[nodiscard]] Index look_up() const;
  void make_table();
  void put_in_table(Index i);
  [[nodiscard]] std::size_t first_slot(TextHash hash) const;
  void tidy_up(std::size_t unseen);
  void take_order_of_page();
  void drop_unseen();

  std::vector<Entry> entries_;
  Index expected_ = 0;              ///< where the next line should be
  Index newcomers_ = 0;             ///< entries from here on were inserted in this scrape
  TextHash last_hash_;              ///< of the text that find() saw last
  std::uint16_t last_size_ = 0;     ///< of that text; 0 if it does not fit
  std::uint32_t scrape_ = 1;        ///< number of this scrape
  std::uint32_t accepted_ = 1;      ///< of the last scrape whose page was accepted
  std::uint32_t exposed_in_ = 0;    ///< of the last scrape, if what it exposed may become stale; else 0
  std::size_t seen_ = 0;            ///< entries seen in this scrape
  std::size_t exposed_before_ = 0;  ///< entries for which was_exposed()
  std::size_t exposed_now_ = 0;
  std::size_t carried_over_ = 0;   ///< of exposed_now_, those that were before, too
  std::size_t accepted_size_ = 0;  ///< entries after the last accepted page
  std::uint64_t forced_flushes_ = 0;

  /// Open addressing by the hash, kNone is free; empty while all is in order.
  std::vector<Index> table_;
  int calm_scrapes_ = 0;  ///< in a row, without a surprise
  std::size_t surprises_ = 0;
  std::size_t debt_ = 0;  ///< surprises since the entries were put in the order of the page
  /// From the first surprise of a scrape on: the entries as its lines met them.
  std::vector<Index> page_order_;
  Index in_order_ = 0;  ///< entries that were met in order before that
};

}  // namespace narthex::scrape
