#include "model/labels.h"

#include <doctest/doctest.h>

using namespace narthex;

TEST_CASE("labels are sorted, without empty values, each name once") {
  const Labels labels{{"b", "2"}, {"a", "1"}, {"c", ""}, {"a", "3"}};
  CHECK(labels.bytes() == std::string("\1a\1"
                                      "3"
                                      "\1b\1"
                                      "2"));
  CHECK(labels.count() == 2);
  CHECK(labels.get("a") == "3");
  CHECK(labels.get("b") == "2");
  CHECK(labels.get("c").empty());
  CHECK(labels.has("b"));
  CHECK_FALSE(labels.has("c"));
  CHECK(Labels().empty());
}

TEST_CASE("lengths from 255 on take four bytes") {
  for (const std::size_t size : {1UZ, 254UZ, 255UZ, 256UZ, 70'000UZ}) {
    CAPTURE(size);
    const std::string value(size, 'x');
    const Labels labels{{"name", value}, {"z", "1"}};
    CHECK(labels.get("name") == value);
    CHECK(labels.get("z") == "1");
    CHECK(labels.bytes().size() == 4 + 1 + size + (size < 255 ? 1 : 4) + 4);
  }
}

TEST_CASE("the hash is XXH64 of Prometheus' layout") {
  CHECK(Labels().hash() == 0xef46db3751d8e999U);
  const Labels labels{{"__name__", "up"}, {"job", "x"}};
  CHECK(labels.bytes() == "\10__name__\2up\3job\1x");
  CHECK(labels.hash() == 0x886cd16ff9859d82U);
}

TEST_CASE("labels print as Prometheus prints them") {
  const Labels labels{{"__name__", "up"}, {"job", "a\"b"}, {"my.label", "1"}};
  CHECK(labels.to_string() == R"({__name__="up", job="a\"b", "my.label"="1"})");
  CHECK(labels.to_metric_string() == R"(up{job="a\"b", "my.label"="1"})");
  CHECK(Labels().to_string() == "{}");
  CHECK(Labels().to_metric_string() == "{}");
  CHECK(Labels{{"__name__", "up"}}.to_metric_string() == "up");
  CHECK(Labels{{"__name__", "my.up"}}.to_metric_string() == R"({"my.up"})");
  CHECK(Labels{{"__name__", "my.up"}, {"a", "b"}}.to_metric_string() == R"({"my.up", a="b"})");
}

TEST_CASE("labels are ordered pair by pair") {
  const Labels ordered[] = {
      {},
      {{"a", "1"}},
      {{"a", "1"}, {"b", "2"}},
      {{"a", "1"}, {"c", "0"}},
      {{"a", "2"}},
      {{"a", "\xff"}},
      {{"b", "1"}},
  };
  for (std::size_t i = 0; i < std::size(ordered); ++i)
    for (std::size_t j = 0; j < std::size(ordered); ++j) CHECK((ordered[i] <=> ordered[j]) == (i <=> j));
}

TEST_CASE("a builder edits a copy") {
  const Labels base{{"a", "1"}, {"c", "3"}};
  LabelsBuilder builder(base);
  builder.set("b", "2");
  builder.set("c", "4");
  builder.set("a", "");
  builder.set("d", "5");
  builder.remove("d");
  CHECK(builder.get("b") == "2");
  CHECK(builder.get("a").empty());
  CHECK(builder.labels() == Labels{{"b", "2"}, {"c", "4"}});
  CHECK(base == Labels{{"a", "1"}, {"c", "3"}});
  builder.reset();
  CHECK(builder.labels().empty());
}

TEST_CASE("names are judged by both schemes") {
  const struct {
    std::string_view name;
    bool metric;
    bool label;
    bool utf8;
  } rows[] = {{"up", true, true, true},     {"a:b", true, false, true},   {"_x9", true, true, true},
              {"9x", false, false, true},   {"a.b", false, false, true},  {"", false, false, false},
              {"日本", false, false, true}, {"\xff", false, false, false}};
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(is_legacy_metric_name(row.name) == row.metric);
    CHECK(is_legacy_label_name(row.name) == row.label);
    CHECK(is_utf8_name(row.name) == row.utf8);
  }
}
