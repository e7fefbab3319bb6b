#include "tsdb/head/series_index.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

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
  if (const auto known = acquire_known(labels)) return *known;
  return acquire_new(labels, shard);
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
  const auto pin = pins_.find(known);
  if (pin == pins_.end()) return Acquired{known, false, false};
  ++pin->second;
  return Acquired{known, false, true};
}

Result<SeriesIndex::Acquired, storage::AppendFault> SeriesIndex::acquire_new(const Labels& labels,
                                                                             std::size_t shard) {
  if (labels.empty()) return std::unexpected(storage::AppendFault::invalid_labels);
  if (labels.count() > kMostLabels) return std::unexpected(storage::AppendFault::limit);
  const Ordinal made = create(labels, shard);
  pins_.emplace(made, 1);
  return Acquired{made, true, true};
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

Ordinal SeriesIndex::create(const Labels& labels, std::size_t shard) {
  scratch_.clear();
  for (const LabelView label : labels) scratch_.push_back(dictionary_.acquire(label.name, label.value));
  const Ordinal ordinal = draw_ordinal(shard);
  const auto count = static_cast<std::uint32_t>(scratch_.size());
  const SlotRef slot = label_slots_.allocate(sizeof(count) + scratch_.size() * sizeof(PairNumber));
  std::byte* at = label_slots_.data(slot);
  std::memcpy(at, &count, sizeof(count));
  std::memcpy(at + sizeof(count), scratch_.data(), scratch_.size() * sizeof(PairNumber));
  slots_[ordinal] = slot;
  table_.insert(hash(scratch_), ordinal);
  return ordinal;
}

void SeriesIndex::publish(Ordinal ordinal) {
  if (pins_.erase(ordinal) == 0) return;
  for (const PairNumber p : pairs(ordinal)) dictionary_.postings(p).add(ordinal);
  all_.add(ordinal);
}

bool SeriesIndex::unpin(Ordinal ordinal) {
  const auto pin = pins_.find(ordinal);
  if (pin == pins_.end() || --pin->second > 0) return false;
  forget(ordinal);
  return true;
}

void SeriesIndex::forget(Ordinal ordinal) {
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
