// Random queries over random series, each asked in several ways that must agree to the last bit.
#include <string>

#include "tests/query/metamorphic/random_case.h"
#include "tests/query/promqltest/model_script_store.h"
#include "tests/query/random/laws.h"

namespace narthex::tests {

namespace {

constexpr std::uint64_t kSome = 320;
constexpr std::uint64_t kMany = 20'000;

/// Calls law(laws, choices, query) for each case and reports what it tells.
template <class Law>
void uphold(const RandomQueryOptions& shape, Law law) {
  std::unique_ptr<ModelScriptStore> store;
  std::uint64_t loaded = ~std::uint64_t{0};
  const ManualClock clock{0};
  for (const RandomCase& c : random_cases(kSome, kMany)) {
    if (c.store() != loaded) {
      store = std::make_unique<ModelScriptStore>();
      REQUIRE(store->load(c.data()));
      loaded = c.store();
    }
    query::Engine engine(c.options(), clock, nullptr);
    Laws laws(engine, store->queryable());
    Choices choices = c.choices();
    const std::string query = random_query(choices, shape);
    if (const auto broken = law(laws, choices, query)) FAIL_CHECK(query, "\n  ", *broken, "\n  ", replay(c));
    CHECK_MESSAGE(engine.memory_used() == 0, query, replay(c));
  }
}

}  // namespace

TEST_CASE("a random range query gives at each step what an instant query gives there") {
  const RandomQueryOptions shape = {.size = 9, .depend_on_other_steps = false};
  uphold(shape, [](Laws& laws, Choices& choices, const std::string& query) {
    return laws.range_equals_instants(query, random_times(choices));
  });
}

TEST_CASE("a random query, printed and read again, means the same") {
  uphold({.size = 12, .query_times = true}, [](Laws& laws, Choices& choices, const std::string& query) {
    return laws.printed_means_the_same(query, random_times(choices));
  });
}

TEST_CASE("a random query that is pinned by @ gives the same at any time") {
  uphold({.size = 9}, [](Laws& laws, Choices& choices, const std::string& query) {
    return laws.pinned_is_the_same_everywhere(query, random_times(choices).start);
  });
}

TEST_CASE("a random query gives the same inside a subquery of one step") {
  uphold({.size = 9, .query_times = true}, [](Laws& laws, Choices& choices, const std::string& query) {
    return laws.subquery_of_one_step_is_the_query(query, choices.below(32) * 60'000);
  });
}

TEST_CASE("limits refuse a random query or change nothing, and give all memory back") {
  uphold({.size = 12, .query_times = true}, [](Laws& laws, Choices& choices, const std::string& query) {
    const RandomTimes times = random_times(choices);
    return laws.limits_refuse_or_change_nothing(query, times, choices);
  });
}

TEST_CASE("parts of a random query that are written twice and evaluated once change nothing") {
  uphold({.size = 8, .query_times = true}, [](Laws& laws, Choices& choices, const std::string& query) {
    const RandomTimes times = random_times(choices);
    return laws.repeated_parts_change_nothing(query, times, choices);
  });
}

TEST_CASE("the result of a random query is sorted and has each series and each time once") {
  uphold({.size = 12, .query_times = true}, [](Laws& laws, Choices& choices, const std::string& query) {
    return laws.result_is_well_formed(query, random_times(choices));
  });
}

}  // namespace narthex::tests
