// The head's own containers, each against a plain one.
#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tsdb/head/id_table.h"
#include "tsdb/head/page_arena.h"
#include "tsdb/head/pair_dictionary.h"
#include "tsdb/head/postings.h"
#include "tsdb/head/series_index.h"
#include "tsdb/head/slab.h"

namespace narthex::tsdb {
namespace {

TEST_CASE("postings: all three forms hold what a set holds") {
  std::mt19937_64 random(3);
  for (const std::uint32_t span : {4U, 40U, 100U, 100'000U}) {
    CAPTURE(span);
    Postings postings;
    std::set<std::uint32_t> model;
    for (int i = 0; i < 2000; ++i) {
      const auto ordinal = static_cast<std::uint32_t>(random() % span);
      if (random() % 3 == 0) {
        postings.remove(ordinal);
        model.erase(ordinal);
      } else if (random() % 20 == 0) {
        std::vector<std::uint32_t> several(random() % 12);
        for (std::uint32_t& o : several) o = static_cast<std::uint32_t>(random() % span);
        postings.add(several);
        model.insert(several.begin(), several.end());
      } else {
        postings.add(ordinal);
        model.insert(ordinal);
      }
      REQUIRE(postings.count() == model.size());
      REQUIRE(postings.contains(ordinal) == model.contains(ordinal));
    }
    std::vector<std::uint32_t> all;
    postings.append_to(all);
    CHECK(std::ranges::equal(all, model));
    Postings moved = std::move(postings);
    CHECK(moved.count() == model.size());
    // NOLINTNEXTLINE(bugprone-use-after-move): what is left behind is promised to be empty.
    CHECK(postings.empty());
  }
}

TEST_CASE("series index: many that are published together are in the postings as if one by one") {
  PageArena arena;
  SeriesIndex one(arena);
  SeriesIndex many(arena);
  std::mt19937_64 random(5);
  for (int i = 0; i < 9000; ++i) {
    std::vector<LabelView> pairs;
    std::vector<std::string> values;
    // Neighbours share some of their labels, and have others or none at the same place.
    for (int label = 0; label < 5; ++label) {
      values.push_back(std::to_string(label == 0 ? i : i / (10 * label) % 50));
      values.push_back("name_" + std::to_string(label));
    }
    for (std::size_t label = 0; label < 5; ++label)
      if (label == 0 || random() % 8 != 0) pairs.push_back({values[2 * label + 1], values[2 * label]});
    const Labels labels = Labels::from_pairs(pairs);
    const std::size_t shard = random() % kShards;
    const auto a = one.acquire(labels, shard);
    const auto b = many.acquire(labels, shard);
    REQUIRE(a);
    REQUIRE(b);
    REQUIRE(a->ordinal == b->ordinal);
    one.publish(a->ordinal);
    many.publish_soon(b->ordinal);
    if (i % 1000 == 999) {
      one.forget(a->ordinal);
      many.forget(b->ordinal);
    }
  }
  many.complete_postings();
  CHECK(one.all() == many.all());
  const PairDictionary& expected = one.dictionary();
  REQUIRE(expected.pairs_end() == many.dictionary().pairs_end());
  for (PairNumber p = 0; p < expected.pairs_end(); ++p) {
    std::vector<std::uint32_t> a;
    std::vector<std::uint32_t> b;
    expected.postings(p).append_to(a);
    many.dictionary().postings(p).append_to(b);
    CHECK(a == b);
  }
}

TEST_CASE("id table: finds what was inserted and not what was erased, also on one chain") {
  std::mt19937_64 random(5);
  IdTable table;
  std::map<std::uint32_t, std::uint64_t> model;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    // Few different homes, so that chains form and wrap around.
    const std::uint64_t hash = (random() % 50) << 32;
    const auto id = static_cast<std::uint32_t>(random() % 300);
    if (const auto at = model.find(id); at != model.end()) {
      table.erase(at->second, id);
      model.erase(at);
    } else {
      table.insert(hash, id);
      model.emplace(id, hash);
    }
    const auto probe = static_cast<std::uint32_t>(random() % 300);
    const auto at = model.find(probe);
    const std::uint64_t probe_hash = at == model.end() ? hash : at->second;
    const auto found = table.find(probe_hash, [&](std::uint32_t x) { return x == probe; });
    REQUIRE(found == (at == model.end() ? IdTable::kNone : probe));
    REQUIRE(table.size() == model.size());
  }
}

TEST_CASE("slab: slots keep their bytes, and empty regions serve any class again") {
  std::mt19937_64 random(9);
  PageArena arena;
  Slab slab(arena);
  std::map<SlotRef, std::vector<std::byte>> model;
  for (int i = 0; i < 30'000; ++i) {
    if (model.size() > 500 || (!model.empty() && random() % 3 == 0)) {
      const auto at = std::next(model.begin(), static_cast<std::ptrdiff_t>(random() % model.size()));
      REQUIRE(std::memcmp(slab.data(at->first), at->second.data(), at->second.size()) == 0);
      slab.free(at->first);
      model.erase(at);
      continue;
    }
    std::vector<std::byte> bytes(1 + random() % (random() % 10 == 0 ? 4096 : 300));
    for (auto& b : bytes) b = static_cast<std::byte>(random());
    const SlotRef ref = slab.allocate(bytes.size());
    REQUIRE(slab.capacity(ref) >= bytes.size());
    REQUIRE(slab.capacity(ref) == Slab::slot_bytes_for(bytes.size()));
    REQUIRE(!model.contains(ref));
    std::memcpy(slab.data(ref), bytes.data(), bytes.size());
    model.emplace(ref, std::move(bytes));
  }
  for (const auto& [ref, bytes] : model) slab.free(ref);
  CHECK(slab.used_bytes() == 0);
  const std::size_t held = slab.size_bytes();
  std::vector<SlotRef> refs;
  for (std::size_t used = 0; used + Slab::kRegionBytes <= held; used += 64) refs.push_back(slab.allocate(64));
  CHECK(slab.size_bytes() == held);
}

TEST_CASE("pair dictionary: one number per pair, gone with its last user") {
  PairDictionary d;
  const PairNumber a = d.acquire("job", "api");
  CHECK(d.acquire("job", "api") == a);
  const PairNumber b = d.acquire("instance", "api");
  CHECK(a != b);
  CHECK(d.find("job", "api") == a);
  CHECK(d.find("job", "db") == kNoNumber);
  CHECK(d.find("nobody", "api") == kNoNumber);
  CHECK(d.label(b) == LabelView{"instance", "api"});
  d.release(a);
  CHECK(d.find("job", "api") == a);
  d.release(a);
  CHECK(d.find("job", "api") == kNoNumber);
  CHECK(d.find_name("job") == kNoNumber);
  CHECK(d.count_pairs() == 1);
}

TEST_CASE("pair dictionary: whatever is guessed, the number is the pair's") {
  PairDictionary d;
  const PairNumber a = d.acquire("job", "api");
  const PairNumber b = d.acquire("job", "db");
  const PairNumber gone = d.acquire("zone", "api");
  d.release(gone);
  for (const PairNumber guess : {a, b, gone, PairNumber{77}, kNoNumber}) {
    CAPTURE(guess);
    CHECK(d.acquire("job", "api", guess) == a);
    const PairNumber fresh = d.acquire("job", "new", guess);
    CHECK(d.label(fresh) == LabelView{"job", "new"});
    d.release(fresh);
    const PairNumber other = d.acquire("instance", "api", guess);
    CHECK(d.label(other) == LabelView{"instance", "api"});
    d.release(other);
  }
  CHECK(d.count_users(a) == 6);
  CHECK(d.count_users(b) == 1);
  CHECK(d.count_pairs() == 2);
}

TEST_CASE("pair dictionary: text survives compaction") {
  PairDictionary d;
  std::vector<PairNumber> pairs;
  for (int i = 0; i < 100'000; ++i)
    pairs.push_back(d.acquire("instance", "some-host-name-" + std::to_string(i)));
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (i % 10 != 0) d.release(pairs[i]);
  }
  const std::size_t before = d.size_bytes();
  d.compact();
  CHECK(d.size_bytes() < before);
  for (std::size_t i = 0; i < pairs.size(); i += 10) {
    REQUIRE(d.find("instance", "some-host-name-" + std::to_string(i)) == pairs[i]);
  }
}

}  // namespace
}  // namespace narthex::tsdb
