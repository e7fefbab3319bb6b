#include "model/label_pool.h"

#include <doctest/doctest.h>

using namespace narthex;

TEST_CASE("equal text has one id, different text has two") {
  LabelPool pool;
  const PairId a = pool.pair("job", "x");
  CHECK(a == pool.pair(pool.name("job"), "x"));
  CHECK(a != pool.pair("job", "y"));
  CHECK(a != pool.pair("instance", "x"));
  CHECK(pool.value(a) == "x");
  CHECK(pool.text(pool.name_of(a)) == "job");
  CHECK(pool.count_pairs() == 3);
}

TEST_CASE("text stays where it is while the pool grows") {
  LabelPool pool;
  const std::string_view first = pool.value(pool.pair("n", "first"));
  const std::size_t before = pool.size_bytes();
  for (int i = 0; i < 50'000; ++i) pool.pair("n", "value-" + std::to_string(i));
  CHECK(pool.value(pool.pair("n", std::string(200'000, 'x'))).size() == 200'000);
  CHECK(first == "first");
  CHECK(pool.value(pool.pair("n", "value-49999")) == "value-49999");
  CHECK(pool.count_pairs() == 50'002);
  CHECK(pool.size_bytes() > before + 50'000 * 10);
}

TEST_CASE("labels go in and come out") {
  LabelPool pool;
  const Labels labels{{"__name__", "up"}, {"job", "x"}};
  const LabelIds ids = pool.ids(labels);
  CHECK(pool.labels(ids) == labels);
  CHECK(pool.get(ids, pool.name("job")) == "x");
  CHECK(pool.get(ids, pool.name("nope")).empty());
}

TEST_CASE("ids are edited in the order of names") {
  LabelPool pool;
  LabelIds ids = pool.ids({{"a", "1"}, {"c", "3"}});
  pool.set(ids, pool.name("b"), "2");
  pool.set(ids, pool.name("c"), "4");
  pool.set(ids, pool.name("d"), "5");
  CHECK(pool.labels(ids) == Labels{{"a", "1"}, {"b", "2"}, {"c", "4"}, {"d", "5"}});
  CHECK(pool.text(pool.name_of(ids[1])) == "b");
  pool.set(ids, pool.name("d"), "");
  pool.remove(ids, pool.name("a"));
  CHECK(pool.labels(ids) == Labels{{"b", "2"}, {"c", "4"}});
}

TEST_CASE("ids compare as their labels do") {
  LabelPool pool;
  // Made in another order than that of the text.
  const Labels all[] = {{{"b", "1"}}, {{"a", "2"}}, {{"a", "1"}, {"b", "2"}}, {}, {{"a", "1"}}};
  for (const Labels& x : all)
    for (const Labels& y : all) CHECK(pool.compare(pool.ids(x), pool.ids(y)) == (x <=> y));
}
