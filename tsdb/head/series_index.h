// SeriesIndex: which series the head has, by labels and by label pair.
//
// A series is an ordinal. Its labels are the numbers of its pairs, ascending by name, in one
// slot of a slab:  count u32 | pair u32 ...
// A series is first acquired (found or made, and pinned by the batch that asked), then
// published by the commit that logged it; only published series are in the postings.
//
// Threads: its owner's mutex. Spans are valid until the series is forgotten.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <roaring/roaring.hh>
#include <span>
#include <vector>

#include "model/labels.h"
#include "model/result.h"
#include "storage/appender.h"
#include "tsdb/head/id_table.h"
#include "tsdb/head/ordinal_array.h"
#include "tsdb/head/pair_dictionary.h"
#include "tsdb/head/shard_ordinals.h"
#include "tsdb/head/slab.h"

namespace narthex::tsdb {

class SeriesIndex {
 public:
  explicit SeriesIndex(PageArena& arena);

  struct Acquired {
    Ordinal ordinal;
    bool created;  ///< the caller must give it a reference
    bool pending;  ///< not published yet, and now pinned once more
  };
  /// @param shard  that the series belongs to if it is made
  /// Errors: invalid_labels (none at all), limit (more labels than a slot holds).
  Result<Acquired, storage::AppendFault> acquire(const Labels& labels, std::size_t shard);
  /// The same in two steps, for who may not want one made: nothing if there is none, ...
  std::optional<Acquired> acquire_known(const Labels& labels);
  /// ... and one that is not there yet.
  Result<Acquired, storage::AppendFault> acquire_new(const Labels& labels, std::size_t shard);
  /// The commit that logged the series succeeded. Publishing twice is no error.
  void publish(Ordinal ordinal);
  /// The same for many in a row: the postings may have it only when complete_postings() was called.
  void publish_soon(Ordinal ordinal);
  void complete_postings();
  /// A batch that had pinned the series gives it up.
  /// @return  true if nobody else wants it and it was forgotten
  bool unpin(Ordinal ordinal);
  /// Takes the series out of everything; its ordinal may be given out again.
  void forget(Ordinal ordinal);

  // ---- Taking over the series of a snapshot, into an empty index whose dictionary has their pairs

  /// Ordinals will be below `end`; `series` of them are in use.
  void begin_restore(Ordinal end, std::size_t series);
  /// The labels of series `ordinal`, ascending by name. @return  false: that makes no sense
  bool restore(Ordinal ordinal, std::span<const PairNumber> pairs);
  /// Builds the postings: all series are published.
  void finish_restore();

  /// The published or pending series with these labels, or kNoNumber.
  [[nodiscard]] Ordinal find(const Labels& labels) const;
  [[nodiscard]] bool is_published(Ordinal ordinal) const { return all_.contains(ordinal); }
  /// Ascending by name.
  [[nodiscard]] std::span<const PairNumber> pairs(Ordinal ordinal) const;
  [[nodiscard]] Labels labels(Ordinal ordinal) const;
  /// The series' pair with that name, or kNoNumber.
  [[nodiscard]] PairNumber pair_of(Ordinal ordinal, NameNumber name) const;

  [[nodiscard]] const PairDictionary& dictionary() const { return dictionary_; }
  PairDictionary& dictionary() { return dictionary_; }
  /// Published and pending ones.
  [[nodiscard]] std::size_t count() const { return table_.size(); }
  /// Every published series.
  [[nodiscard]] const Roaring& all() const { return all_; }
  /// One beyond the largest ordinal ever given out.
  [[nodiscard]] Ordinal ordinals_end() const { return slots_.size(); }

  [[nodiscard]] std::size_t label_bytes() const { return label_slots_.size_bytes() + slots_.size_bytes(); }
  [[nodiscard]] std::size_t lookup_bytes() const { return table_.size_bytes(); }

 private:
  static std::uint64_t hash(std::span<const PairNumber> pairs);
  [[nodiscard]] Ordinal find(std::span<const PairNumber> pairs) const;
  /// Fills scratch_; each has one user more.
  void acquire_pairs(const Labels& labels);
  /// Whether a series can have them.
  static std::optional<storage::AppendFault> fault_of(const Labels& labels);
  /// With the pairs in scratch_, which are acquired.
  Acquired create(std::size_t shard);
  /// It is found: whoever asked has it now.
  Acquired pin_known(Ordinal ordinal);
  Ordinal draw_ordinal(std::size_t shard);
  void set_labels(Ordinal ordinal, std::span<const PairNumber> pairs);
  /// Calls f for each series in ascending order.
  template <class F>
  void for_each_restored(F&& f) const {
    for (Ordinal o = 0; o < slots_.size(); ++o) {
      if (slots_[o] != kNoSlot) f(o);
    }
  }

  PairDictionary dictionary_;
  IdTable table_;
  OrdinalArray<SlotRef> slots_;
  Slab label_slots_;
  /// By shard.
  struct Numbers {
    Ordinal next = 0;  ///< that was never given out
    std::vector<Ordinal> free;
  };
  std::array<Numbers, kShards> numbers_;
  /// Series that are not published yet, and how many open batches want them.
  boost::unordered_flat_map<Ordinal, std::uint32_t> pins_;
  Roaring all_;
  /// Published, but not in all_ and the postings yet.
  std::vector<Ordinal> unposted_;
  std::vector<PairNumber> scratch_;
  /// Of the series that was made last: the next one is mostly of the same target.
  std::vector<PairNumber> last_made_;
};

}  // namespace narthex::tsdb
