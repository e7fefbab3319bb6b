#include "tsdb/head/series_index.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "model/check.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kMostLabels = Slab::kLargestSlot / sizeof(std::uint32_t) - 1;

}  // namespace

SeriesIndex::SeriesIndex(PageArena& arena) : slots_(arena), label_slots_(arena) {
  for (std::size_t shard = 0; shard < kShards; ++shard) numbers_[shard].next = page_begin(shard, 0);
}

std::uint64_t SeriesIndex::hash(std::span<const PairNumber> pairs) {
  // Pair numbers are ours: nobody outside can choose them to collide.
  return XXH3_64bits(pairs.data(), pairs.size_bytes());
}

Ordinal SeriesIndex::find(std::span<const PairNumber> wanted) const {
  return table_.find(hash(wanted), [&](Ordinal o) { return std::ranges::equal(pairs(o), wanted); });
}

Ordinal SeriesIndex::find(const Labels& labels) const {
  std::vector<PairNumber> wanted;
  for (const LabelView label : labels) {
    const PairNumber p = dictionary_.find(label.name, label.value);
    if (p == kNoNumber) return kNoNumber;
    wanted.push_back(p);
  }
  return find(wanted);
}

Result<SeriesIndex::Acquired, storage::AppendFault> SeriesIndex::acquire(const Labels& labels,
                                                                         std::size_t shard) {
  if (const auto fault = fault_of(labels)) return std::unexpected(*fault);
  acquire_pairs(labels);
  const Ordinal known = find(scratch_);
  if (known == kNoNumber) return create(shard);
  for (const PairNumber p : scratch_) dictionary_.release(p);
  return pin_known(known);
}

std::optional<SeriesIndex::Acquired> SeriesIndex::acquire_known(const Labels& labels) {
  scratch_.clear();
  for (const LabelView label : labels) {
    const PairNumber p = dictionary_.find(label.name, label.value);
    if (p == kNoNumber) return std::nullopt;
    scratch_.push_back(p);
  }
  const Ordinal known = find(scratch_);
  if (known == kNoNumber) return std::nullopt;
  return pin_known(known);
}

Result<SeriesIndex::Acquired, storage::AppendFault> SeriesIndex::acquire_new(const Labels& labels,
                                                                             std::size_t shard) {
  if (const auto fault = fault_of(labels)) return std::unexpected(*fault);
  acquire_pairs(labels);
  return create(shard);
}

std::optional<storage::AppendFault> SeriesIndex::fault_of(const Labels& labels) {
  if (labels.empty()) return storage::AppendFault::invalid_labels;
  if (labels.count() > kMostLabels) return storage::AppendFault::limit;
  return std::nullopt;
}

void SeriesIndex::acquire_pairs(const Labels& labels) {
  scratch_.clear();
  for (const LabelView label : labels) {
    const std::size_t place = scratch_.size();
    const PairNumber guess = place < last_made_.size() ? last_made_[place] : kNoNumber;
    scratch_.push_back(dictionary_.acquire(label.name, label.value, guess));
  }
}

SeriesIndex::Acquired SeriesIndex::pin_known(Ordinal ordinal) {
  const auto pin = pins_.find(ordinal);
  if (pin == pins_.end()) return {ordinal, false, false};
  ++pin->second;
  return {ordinal, false, true};
}

SeriesIndex::Acquired SeriesIndex::create(std::size_t shard) {
  const Ordinal ordinal = draw_ordinal(shard);
  set_labels(ordinal, scratch_);
  pins_.emplace(ordinal, 1);
  last_made_ = scratch_;
  return {ordinal, true, true};
}

Ordinal SeriesIndex::draw_ordinal(std::size_t shard) {
  Numbers& numbers = numbers_[shard];
  if (!numbers.free.empty()) {
    const Ordinal ordinal = numbers.free.back();
    numbers.free.pop_back();
    return ordinal;
  }
  const Ordinal ordinal = numbers.next;
  // The pages of all shards end before the largest numbers, which mean something else.
  check(ordinal < kNoNumber - kShards * kPageOrdinals, "the head has run out of series numbers");
  numbers.next = next_in_shard(ordinal);
  slots_.grow_to(ordinal + 1);
  return ordinal;
}

void SeriesIndex::set_labels(Ordinal ordinal, std::span<const PairNumber> pairs) {
  const auto count = static_cast<std::uint32_t>(pairs.size());
  const SlotRef slot = label_slots_.allocate(sizeof(count) + pairs.size_bytes());
  std::byte* at = label_slots_.data(slot);
  std::memcpy(at, &count, sizeof(count));
  std::memcpy(at + sizeof(count), pairs.data(), pairs.size_bytes());
  slots_[ordinal] = slot;
  table_.insert(hash(pairs), ordinal);
}

void SeriesIndex::begin_restore(Ordinal end, std::size_t series) {
  slots_.grow_to(end);
  for (Ordinal o = 0; o < end; ++o) slots_[o] = kNoSlot;
  table_.reserve(series);
}

bool SeriesIndex::restore(Ordinal ordinal, std::span<const PairNumber> pairs) {
  if (ordinal >= slots_.size() || slots_[ordinal] != kNoSlot) return false;
  if (pairs.empty() || pairs.size() > kMostLabels) return false;
  if (!std::ranges::all_of(pairs, [this](PairNumber p) { return dictionary_.has_pair(p); })) return false;
  set_labels(ordinal, pairs);
  return true;
}

void SeriesIndex::finish_restore() {
  // Counted and then filled in, series by series, so that each pair's come out ascending.
  std::vector<std::size_t> ends(dictionary_.pairs_end() + std::size_t{1}, 0);
  std::vector<Ordinal> used;
  for_each_restored([&](Ordinal o) {
    used.push_back(o);
    for (const PairNumber p : pairs(o)) ++ends[p + std::size_t{1}];
  });
  for (std::size_t p = 1; p < ends.size(); ++p) ends[p] += ends[p - 1];
  std::vector<Ordinal> ordinals(ends.back());
  for (const Ordinal o : used) {
    for (const PairNumber p : pairs(o)) ordinals[ends[p]++] = o;
  }
  std::size_t begin = 0;
  for (PairNumber p = 0; p < dictionary_.pairs_end(); ++p) {
    const auto own = std::span(ordinals).subspan(begin, ends[p] - begin);
    begin = ends[p];
    if (!dictionary_.has_pair(p)) continue;
    dictionary_.postings(p).assign(own);
    dictionary_.restore_users(p, static_cast<std::uint32_t>(own.size()));
  }
  dictionary_.finish_restore();
  all_ = Roaring(used.size(), used.data());
  // Numbers between those in use are free; those behind a shard's last one were never given out.
  std::array<bool, kShards> ended{};
  for (Ordinal o = slots_.size(); o-- > 0;) {
    const std::size_t shard = shard_of(o);
    if (slots_[o] == kNoSlot) {
      if (ended[shard]) numbers_[shard].free.push_back(o);
    } else if (!std::exchange(ended[shard], true)) {
      numbers_[shard].next = next_in_shard(o);
    }
  }
}

void SeriesIndex::publish(Ordinal ordinal) {
  if (pins_.erase(ordinal) == 0) return;
  for (const PairNumber p : pairs(ordinal)) dictionary_.postings(p).add(ordinal);
  all_.add(ordinal);
}

void SeriesIndex::publish_soon(Ordinal ordinal) {
  static constexpr std::size_t kEnough = 4096;
  if (pins_.erase(ordinal) == 0) return;
  unposted_.push_back(ordinal);
  if (unposted_.size() >= kEnough) complete_postings();
}

void SeriesIndex::complete_postings() {
  if (unposted_.empty()) return;
  // Series that are made one after the other share most of their pairs, each at its place: those of one pair
  // are added together.
  std::vector<Ordinal> sharing;
  PairNumber pair = kNoNumber;
  const auto add_sharing = [&] {
    if (!sharing.empty()) dictionary_.postings(pair).add(sharing);
    sharing.clear();
  };
  bool any = true;
  for (std::size_t place = 0; std::exchange(any, false); ++place) {
    for (const Ordinal o : unposted_) {
      const auto own = pairs(o);
      if (place >= own.size()) continue;
      any = true;
      if (own[place] != pair) {
        add_sharing();
        pair = own[place];
      }
      sharing.push_back(o);
    }
    add_sharing();
  }
  all_.addMany(unposted_.size(), unposted_.data());
  unposted_.clear();
}

bool SeriesIndex::unpin(Ordinal ordinal) {
  const auto pin = pins_.find(ordinal);
  if (pin == pins_.end() || --pin->second > 0) return false;
  forget(ordinal);
  return true;
}

void SeriesIndex::forget(Ordinal ordinal) {
  complete_postings();
  const auto own = pairs(ordinal);
  table_.erase(hash(own), ordinal);
  if (pins_.erase(ordinal) == 0) {
    for (const PairNumber p : own) dictionary_.postings(p).remove(ordinal);
    all_.remove(ordinal);
  }
  for (const PairNumber p : own) dictionary_.release(p);
  label_slots_.free(slots_[ordinal]);
  slots_[ordinal] = kNoSlot;
  numbers_[shard_of(ordinal)].free.push_back(ordinal);
}

std::span<const PairNumber> SeriesIndex::pairs(Ordinal ordinal) const {
  const std::byte* at = label_slots_.data(slots_[ordinal]);
  std::uint32_t count;
  std::memcpy(&count, at, sizeof(count));
  return {reinterpret_cast<const PairNumber*>(at + sizeof(count)), count};
}

Labels SeriesIndex::labels(Ordinal ordinal) const {
  std::vector<LabelView> views;
  for (const PairNumber p : pairs(ordinal)) views.push_back(dictionary_.label(p));
  return Labels::from_pairs(std::move(views));
}

PairNumber SeriesIndex::pair_of(Ordinal ordinal, NameNumber name) const {
  for (const PairNumber p : pairs(ordinal)) {
    if (dictionary_.name_of(p) == name) return p;
  }
  return kNoNumber;
}

}  // namespace narthex::tsdb
