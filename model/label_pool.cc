#include "model/label_pool.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstring>

namespace narthex {

namespace {

/// Blocks of text grow with what the query selects: most have a few series, some a million.
constexpr std::size_t kFirstArenaBlock = std::size_t{4} << 10U;
constexpr std::size_t kLastArenaBlock = std::size_t{64} << 10U;
/// The labels of a few series: so many are found sooner by looking at each than in a table.
constexpr std::size_t kFewNames = 16;
constexpr std::size_t kFewPairs = 32;

std::uint64_t hash_text(std::string_view text, std::uint64_t seed) {
  return XXH3_64bits_withSeed(text.data(), text.size(), seed);
}

struct NameKey {
  std::string_view text;
  std::uint64_t hash;
};

struct PairKey {
  NameId name;
  std::string_view value;
  std::uint64_t hash;
};

}  // namespace

/// Two sets of ids that compare by what the ids stand for, empty while there are few. Hashes are kept beside,
/// so that growing the tables does not read the text again.
struct LabelPool::Index {
  using NameHashes = boost::container::small_vector<std::uint64_t, kFewNames>;
  using PairHashes = boost::container::small_vector<std::uint64_t, kFewPairs>;

  template <class Hashes>
  struct HashOf {
    using is_transparent = void;
    const Hashes* hashes;
    // The hash is XXH3's already: no further mixing.
    using is_avalanching = void;
    std::size_t operator()(std::uint32_t id) const { return (*hashes)[id]; }
    std::size_t operator()(const NameKey& key) const { return key.hash; }
    std::size_t operator()(const PairKey& key) const { return key.hash; }
  };
  struct SameName {
    using is_transparent = void;
    const std::vector<std::string_view>* names;
    bool operator()(std::uint32_t a, std::uint32_t b) const { return a == b; }
    bool operator()(std::uint32_t id, const NameKey& key) const { return (*names)[id] == key.text; }
    bool operator()(const NameKey& key, std::uint32_t id) const { return (*names)[id] == key.text; }
  };
  struct SamePair {
    using is_transparent = void;
    const std::vector<Pair>* pairs;
    bool operator()(std::uint32_t a, std::uint32_t b) const { return a == b; }
    bool operator()(std::uint32_t id, const PairKey& key) const {
      return (*pairs)[id].name == key.name && (*pairs)[id].value == key.value;
    }
    bool operator()(const PairKey& key, std::uint32_t id) const { return (*this)(id, key); }
  };

  explicit Index(const LabelPool& pool)
      : names(0, HashOf<NameHashes>{&name_hashes}, SameName{&pool.names_}),
        pairs(0, HashOf<PairHashes>{&pair_hashes}, SamePair{&pool.pairs_}) {}

  /// @return  the id, or kNone
  template <class Table, class Hashes, class Key>
  static std::uint32_t find(const Table& table, const Hashes& hashes, const Key& key) {
    if (!table.empty()) {
      const auto known = table.find(key);
      return known == table.end() ? kNone : *known;
    }
    for (std::uint32_t id = 0; id < hashes.size(); ++id)
      if (hashes[id] == key.hash && table.key_eq()(id, key)) return id;
    return kNone;
  }
  /// Of the id behind the last one.
  template <class Table, class Hashes>
  static void add(Table& table, Hashes& hashes, std::uint64_t hash, std::size_t few) {
    const auto id = static_cast<std::uint32_t>(hashes.size());
    hashes.push_back(hash);
    if (hashes.size() <= few) return;
    if (table.empty())
      for (std::uint32_t before = 0; before < id; ++before) table.insert(before);
    table.insert(id);
  }

  static constexpr std::uint32_t kNone = 0xffff'ffff;
  NameHashes name_hashes;
  PairHashes pair_hashes;
  boost::unordered_flat_set<std::uint32_t, HashOf<NameHashes>, SameName> names;
  boost::unordered_flat_set<std::uint32_t, HashOf<PairHashes>, SamePair> pairs;
};

LabelPool::LabelPool() : index_(std::make_unique<Index>(*this)) {
  names_.reserve(kFewNames);
  pairs_.reserve(kFewPairs);
}
LabelPool::~LabelPool() = default;

PairId LabelPool::pair(std::string_view name_text, std::string_view value) {
  return pair(name(name_text), value);
}

PairId LabelPool::pair(NameId name, std::string_view value) {
  const PairKey key{name, value, hash_text(value, static_cast<std::uint64_t>(name) + 1)};
  const auto known = Index::find(index_->pairs, index_->pair_hashes, key);
  if (known != Index::kNone) return PairId{known};
  const auto id = static_cast<std::uint32_t>(pairs_.size());
  pairs_.push_back({name, store(value)});
  Index::add(index_->pairs, index_->pair_hashes, key.hash, kFewPairs);
  return PairId{id};
}

NameId LabelPool::name(std::string_view text) {
  const NameKey key{text, hash_text(text, 0)};
  const auto known = Index::find(index_->names, index_->name_hashes, key);
  if (known != Index::kNone) return NameId{known};
  const auto id = static_cast<std::uint32_t>(names_.size());
  names_.push_back(store(text));
  Index::add(index_->names, index_->name_hashes, key.hash, kFewNames);
  return NameId{id};
}

std::size_t LabelPool::size_bytes() const {
  // A flat set has 4 bytes a slot and one of metadata.
  constexpr std::size_t kSlot = sizeof(std::uint32_t) + 1;
  return arena_bytes_ + pairs_.capacity() * sizeof(Pair) + names_.capacity() * sizeof(std::string_view) +
         (index_->pair_hashes.capacity() + index_->name_hashes.capacity()) * sizeof(std::uint64_t) +
         (index_->pairs.bucket_count() + index_->names.bucket_count()) * kSlot;
}

LabelIds LabelPool::ids(const Labels& labels) {
  LabelIds ids;
  for (const LabelView label : labels) ids.push_back(pair(label.name, label.value));
  return ids;
}

std::size_t LabelPool::count_text(std::span<const PairId> ids) const {
  std::size_t size = 0;
  for (const PairId id : ids) size += text(name_of(id)).size() + value(id).size();
  return size;
}

Labels LabelPool::labels(std::span<const PairId> ids) const {
  constexpr std::size_t kLengths = 2;  // of most names and values
  std::string bytes;
  bytes.reserve(count_text(ids) + kLengths * ids.size());
  for (const PairId id : ids)
    if (!value(id).empty()) Labels::append_pair(bytes, text(name_of(id)), value(id));
  return Labels::from_bytes(std::move(bytes));
}

std::strong_ordering LabelPool::compare(std::span<const PairId> a, std::span<const PairId> b) const {
  const std::size_t shared = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < shared; ++i) {
    if (a[i] == b[i]) continue;
    const NameId name_a = name_of(a[i]);
    const NameId name_b = name_of(b[i]);
    if (name_a != name_b) return text(name_a) <=> text(name_b);
    return value(a[i]) <=> value(b[i]);
  }
  return a.size() <=> b.size();
}

std::string_view LabelPool::get(std::span<const PairId> ids, NameId name) const {
  for (const PairId id : ids)
    if (name_of(id) == name) return value(id);
  return {};
}

void LabelPool::set(LabelIds& ids, NameId name, std::string_view value) {
  if (value.empty()) return remove(ids, name);
  const PairId wanted = pair(name, value);
  const std::string_view wanted_name = text(name);
  auto at = ids.begin();
  while (at != ids.end() && text(name_of(*at)) < wanted_name) ++at;
  if (at != ids.end() && name_of(*at) == name)
    *at = wanted;
  else
    ids.insert(at, wanted);
}

void LabelPool::remove(LabelIds& ids, NameId name) const {
  std::erase_if(ids, [&](PairId id) { return name_of(id) == name; });
}

std::string_view LabelPool::store(std::string_view text) {
  if (text.empty()) return {};
  if (arena_size_ - arena_used_ < text.size()) {
    arena_size_ = std::max(std::clamp(2 * arena_size_, kFirstArenaBlock, kLastArenaBlock), text.size());
    arena_.push_back(std::make_unique_for_overwrite<char[]>(arena_size_));
    arena_bytes_ += arena_size_;
    arena_used_ = 0;
  }
  char* const place = arena_.back().get() + arena_used_;
  std::memcpy(place, text.data(), text.size());
  arena_used_ += text.size();
  return {place, text.size()};
}

}  // namespace narthex
