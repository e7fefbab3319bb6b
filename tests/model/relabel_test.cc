#include "model/relabel.h"

#include <doctest/doctest.h>

#include <optional>

using namespace narthex;

namespace {

struct Options {
  std::vector<std::string> sources = {};
  std::string_view regex = "(.*)";
  std::string target = {};
  std::string replacement = "$1";
  std::string separator = ";";
  std::uint64_t modulus = 0;
  bool legacy_names = false;
};

RelabelRule rule(RelabelAction action, const Options& o) {
  auto regex = Regex::compile(o.regex);
  REQUIRE(regex.has_value());
  return {.source_labels = o.sources,
          .separator = o.separator,
          .regex = *regex,
          .target_label = o.target,
          .replacement = o.replacement,
          .modulus = o.modulus,
          .action = action,
          .legacy_names = o.legacy_names};
}

std::optional<Labels> relabeled(const Labels& in, const std::vector<RelabelRule>& rules) {
  LabelsBuilder builder(in);
  if (!relabel(builder, rules)) return std::nullopt;
  return builder.labels();
}

const Labels kInput{{"a", "foo"}, {"b", "bar"}, {"c", "baz"}};

}  // namespace

TEST_CASE("every relabel action does what Prometheus' does") {
  using enum RelabelAction;
  const struct {
    std::string_view what;
    RelabelAction action;
    Options options;
    std::optional<Labels> want;
  } rows[] = {
      {"replace",
       replace,
       {.sources = {"a"}, .regex = "f(.*)", .target = "d", .replacement = "ch${1}-ch${1}"},
       Labels{{"a", "foo"}, {"b", "bar"}, {"c", "baz"}, {"d", "choo-choo"}}},
      {"replace joins sources",
       replace,
       {.sources = {"a", "b"}, .regex = "f(.*);(.*)r", .target = "a", .replacement = "b${1}${2}m"},
       Labels{{"a", "boobam"}, {"b", "bar"}, {"c", "baz"}}},
      {"replace without match", replace, {.sources = {"a"}, .regex = "x(.*)", .target = "d"}, kInput},
      {"replace by nothing removes",
       replace,
       {.sources = {"nope"}, .target = "a"},
       Labels{{"b", "bar"}, {"c", "baz"}}},
      {"replace by a constant",
       replace,
       {.target = "d", .replacement = "x"},
       Labels{{"a", "foo"}, {"b", "bar"}, {"c", "baz"}, {"d", "x"}}},
      {"replace with a computed target",
       replace,
       {.sources = {"a"}, .regex = "(f).*", .target = "${1}_x", .replacement = "$1"},
       Labels{{"a", "foo"}, {"b", "bar"}, {"c", "baz"}, {"f_x", "f"}}},
      {"replace with an empty target",
       replace,
       {.sources = {"a"}, .regex = "(x)?.*", .target = "$1"},
       kInput},
      {"replace with a target of UTF-8",
       replace,
       {.sources = {"a"}, .target = "d.${1}"},
       Labels{{"a", "foo"}, {"b", "bar"}, {"c", "baz"}, {"d.foo", "foo"}}},
      {"replace with such a target where names are legacy",
       replace,
       {.sources = {"a"}, .target = "d.${1}", .legacy_names = true},
       kInput},
      {"keep", keep, {.sources = {"a"}, .regex = "foo|x"}, kInput},
      {"keep without match", keep, {.sources = {"a"}, .regex = "x"}, {}},
      {"drop", drop, {.sources = {"a"}, .regex = "f.*"}, {}},
      {"drop without match", drop, {.sources = {"a"}, .regex = "o"}, kInput},
      {"keepequal", keepequal, {.sources = {"a"}, .target = "b"}, {}},
      {"dropequal", dropequal, {.sources = {"a"}, .target = "b"}, kInput},
      {"dropequal of equal labels", dropequal, {.sources = {"a"}, .target = "a"}, {}},
      {"hashmod",
       hashmod,
       {.sources = {"c"}, .target = "d", .modulus = 1000},
       Labels{{"a", "foo"}, {"b", "bar"}, {"c", "baz"}, {"d", "976"}}},
      {"hashmod of several",
       hashmod,
       {.sources = {"a", "b"}, .target = "d", .modulus = 1000},
       Labels{{"a", "foo"}, {"b", "bar"}, {"c", "baz"}, {"d", "750"}}},
      {"labelmap",
       labelmap,
       {.regex = "([ab])", .replacement = "meta_${1}"},
       Labels{{"a", "foo"}, {"b", "bar"}, {"c", "baz"}, {"meta_a", "foo"}, {"meta_b", "bar"}}},
      {"labeldrop", labeldrop, {.regex = "[ab]"}, Labels{{"c", "baz"}}},
      {"labelkeep", labelkeep, {.regex = "[ab]"}, Labels{{"a", "foo"}, {"b", "bar"}}},
      {"uppercase",
       uppercase,
       {.sources = {"a"}, .target = "a"},
       Labels{{"a", "FOO"}, {"b", "bar"}, {"c", "baz"}}},
      {"lowercase",
       lowercase,
       {.sources = {"a", "b"}, .target = "d", .separator = "É"},
       Labels{{"a", "foo"}, {"b", "bar"}, {"c", "baz"}, {"d", "fooébar"}}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    CHECK(relabeled(kInput, {rule(row.action, row.options)}) == row.want);
  }
}

TEST_CASE("rules apply in order, and the first drop ends them") {
  using enum RelabelAction;
  const std::vector<RelabelRule> rules = {
      rule(replace, {.sources = {"a"}, .target = "d"}),
      rule(drop, {.sources = {"d"}, .regex = "foo"}),
      rule(replace, {.target = "e", .replacement = "x"}),
  };
  CHECK_FALSE(relabeled(kInput, rules).has_value());
  CHECK(relabeled({{"a", "x"}}, rules) == Labels{{"a", "x"}, {"d", "x"}, {"e", "x"}});
}
