#include "scrape/series_cache.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>

using namespace narthex;
using scrape::SeriesCache;
using storage::SeriesRef;

namespace {

// Scrapes a page of series texts; what is new gets the next ref.
struct Driver {
  SeriesCache cache;
  std::map<std::string, std::uint64_t> refs;  // what each text must be known as
  std::map<std::uint64_t, std::string> texts_by_ref;
  std::uint64_t next_ref = 1;
  std::size_t inserted = 0;
  std::size_t fresh = 0;

  void lines(const std::vector<std::string>& page) {
    cache.begin();
    inserted = fresh = 0;
    for (const auto& text : page) {
      SeriesCache::Index i = cache.find(text);
      if (i == SeriesCache::kNone) {
        ++inserted;
        i = cache.insert();
        // An entry that was thrown out comes back under the ref the store knows it by.
        const auto [it, made] = refs.try_emplace(text, next_ref);
        if (made) texts_by_ref[next_ref++] = text;
        cache[i].ref = static_cast<SeriesRef>(it->second);
      }
      SeriesCache::Entry& entry = cache[i];
      CHECK(static_cast<std::uint64_t>(entry.ref) == refs.at(text));
      if (cache.is_new(entry)) ++fresh;
      cache.mark_seen(entry);
      cache.mark_exposed(entry);
    }
  }
  std::set<std::string> names(const std::vector<SeriesRef>& stale) const {
    std::set<std::string> texts;
    for (const SeriesRef ref : stale) texts.insert(texts_by_ref.at(static_cast<std::uint64_t>(ref)));
    CHECK(texts.size() == stale.size());
    return texts;
  }
  std::set<std::string> accept(const std::vector<std::string>& page) {
    lines(page);
    std::vector<SeriesRef> stale;
    cache.take_vanished(stale);
    return names(stale);
  }
  std::set<std::string> refuse(const std::vector<std::string>& page) {
    lines(page);
    std::vector<SeriesRef> stale;
    cache.take_all_exposed(stale);
    return names(stale);
  }
};

using Names = std::set<std::string>;

}  // namespace

TEST_CASE("a page that does not change is found where it was") {
  Driver d;
  CHECK(d.accept({"a", "b", "c"}).empty());
  CHECK(d.inserted == 3);
  CHECK(d.fresh == 3);
  for (int i = 0; i < 5; ++i) {
    CHECK(d.accept({"a", "b", "c"}).empty());
    CHECK(d.inserted == 0);
    CHECK(d.fresh == 0);
  }
}

TEST_CASE("what vanishes is stale once, and new when it comes back") {
  Driver d;
  CHECK(d.accept({"a", "b", "c"}).empty());
  CHECK(d.accept({"a", "c"}) == Names{"b"});
  CHECK(d.accept({"a", "c"}).empty());
  CHECK(d.accept({"a", "b", "c"}).empty());
  CHECK(d.fresh == 1);
  CHECK(d.accept({}) == Names{"a", "b", "c"});
}

TEST_CASE("a refused page makes stale all that was exposed, and nothing twice") {
  Driver d;
  CHECK(d.accept({"a", "b", "c"}).empty());
  CHECK(d.refuse({"a", "x"}) == Names{"a", "b", "c"});
  CHECK(d.refuse({"a"}).empty());
  CHECK(d.accept({"a", "b"}).empty());
  CHECK(d.fresh == 0);  // refusals do not make the known unknown
  CHECK(d.accept({"b"}) == Names{"a"});
}

TEST_CASE("a series that is seen but no longer tracked becomes stale") {
  Driver d;
  d.accept({"a", "b"});
  d.cache.begin();
  for (const char* text : {"a", "b"}) {
    SeriesCache::Entry& entry = d.cache[d.cache.find(text)];
    d.cache.mark_seen(entry);
    if (*text == 'b') d.cache.mark_exposed(entry);
  }
  std::vector<SeriesRef> stale;
  d.cache.take_vanished(stale);
  CHECK(d.names(stale) == Names{"a"});
}

TEST_CASE("collected series lose their ref and nothing else") {
  Driver d;
  d.accept({"a", "b"});
  d.cache.forget_refs({static_cast<SeriesRef>(d.refs["b"])});
  d.cache.begin();
  CHECK(d.cache[d.cache.find("a")].ref != SeriesRef::none);
  CHECK(d.cache[d.cache.find("b")].ref == SeriesRef::none);
}

TEST_CASE("refused pages with ever new lines do not fill the memory") {
  Driver d;
  d.accept({"a"});
  for (int round = 0; round < 20; ++round) {
    std::vector<std::string> page;
    for (int i = 0; i < 500; ++i) page.push_back(std::to_string(round) + "/" + std::to_string(i));
    d.refuse(page);
    CHECK(d.cache.size() <= 1502);
  }
  CHECK(d.cache.forced_flushes() > 0);
}

TEST_CASE("a target whose series change all the time keeps no more than it exposes, and a bit") {
  Driver d;
  for (int round = 0; round < 50; ++round) {
    std::vector<std::string> page;
    for (int i = 0; i < 1000; ++i)
      page.push_back(std::to_string(round / (1 + i % 7)) + "/" + std::to_string(i));
    d.accept(page);
    CHECK(d.cache.size() < 1200);
  }
}

TEST_CASE("whatever a page does, the cache agrees with a simple model") {
  std::mt19937 random(20260301);
  for (int run = 0; run < 40; ++run) {
    CAPTURE(run);
    Driver d;
    Names exposed;
    Names known;
    std::vector<std::string> page;
    for (int scrape = 0; scrape < 30; ++scrape) {
      CAPTURE(scrape);
      // Change the page a little or a lot: remove, insert, move, shuffle, repeat.
      for (auto changes = random() % 20; changes > 0; --changes) {
        const std::size_t at = page.empty() ? 0 : random() % page.size();
        const auto where = page.begin() + static_cast<std::ptrdiff_t>(at);
        switch (random() % 5) {
          case 0:
            if (!page.empty()) page.erase(where);
            break;
          case 1:
            if (!page.empty()) page.insert(where, std::string(page[random() % page.size()]));
            break;
          case 2:
            if (random() % 20 == 0) std::shuffle(page.begin(), page.end(), random);
            break;
          default:
            page.insert(where, "s" + std::to_string(random() % 300));
        }
      }
      const Names now(page.begin(), page.end());
      if (random() % 6 == 0) {
        CHECK(d.refuse(page) == exposed);
        exposed.clear();
        known.insert(now.begin(), now.end());
        continue;
      }
      Names gone;
      std::ranges::set_difference(exposed, now, std::inserter(gone, gone.end()));
      CHECK(d.accept(page) == gone);
      Names fresh;
      std::ranges::set_difference(now, known, std::inserter(fresh, fresh.end()));
      CHECK(d.fresh == fresh.size());
      exposed = known = now;
    }
  }
}
