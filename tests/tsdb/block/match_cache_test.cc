#include "tsdb/block/match_cache.h"

#include <doctest/doctest.h>

#include "tests/tsdb/block/block_fixture.h"

namespace narthex::tsdb {

namespace {

std::shared_ptr<const SeriesRefs> refs(std::size_t count) {
  return std::make_shared<const SeriesRefs>(count, 7);
}

}  // namespace

TEST_CASE("match cache: an answer is known for exactly the matchers that asked") {
  const MatchCache cache;
  const auto found = refs(3);
  const std::vector<Matcher> asked{matcher(MatchOp::equal, "job", "api"),
                                   matcher(MatchOp::regex, "path", "/a.*")};
  CHECK(cache.find(asked) == nullptr);
  cache.add(asked, found);
  CHECK(cache.find(asked) == found);
  const std::vector<std::vector<Matcher>> others{
      {},
      {asked[0]},
      {asked[1], asked[0]},
      {matcher(MatchOp::not_equal, "job", "api"), asked[1]},
      {matcher(MatchOp::equal, "job", "apis"), asked[1]},
      {matcher(MatchOp::equal, "jobs", "api"), asked[1]},
      {asked[0], matcher(MatchOp::not_regex, "path", "/a.*")},
  };
  for (const auto& other : others) CHECK(cache.find(other) == nullptr);
  const auto again = refs(1);
  cache.add(asked, again);
  CHECK(cache.find(asked) == again);
}

TEST_CASE("match cache: what is too large is not kept, and what was asked long ago goes") {
  const MatchCache cache;
  const std::vector<Matcher> wide{matcher(MatchOp::equal, "job", "api")};
  cache.add(wide, refs(MatchCache::kMostSeries + 1));
  CHECK(cache.find(wide) == nullptr);
  const std::vector<Matcher> wordy{matcher(MatchOp::equal, "job", std::string(MatchCache::kMostText, 'x'))};
  cache.add(wordy, refs(1));
  CHECK(cache.find(wordy) == nullptr);

  cache.add(wide, refs(MatchCache::kMostSeries));
  CHECK(cache.find(wide) != nullptr);
  std::size_t known = 0;
  constexpr int kMany = 10'000;
  for (int i = 0; i < kMany; ++i) {
    const std::vector<Matcher> one{matcher(MatchOp::equal, "pod", std::to_string(i))};
    cache.add(one, refs(1));
    CHECK(cache.find(one) != nullptr);
  }
  for (int i = 0; i < kMany; ++i) {
    const std::vector<Matcher> one{matcher(MatchOp::equal, "pod", std::to_string(i))};
    known += cache.find(one) ? 1U : 0U;
  }
  CHECK(known > 32);
  CHECK(known <= 64);
  CHECK(cache.find(wide) == nullptr);
}

}  // namespace narthex::tsdb
