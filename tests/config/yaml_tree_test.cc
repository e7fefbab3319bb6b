#include "config/yaml_tree.h"

#include <doctest/doctest.h>

#include "config/yaml_scalar.h"

using namespace narthex;
using namespace narthex::config;

namespace {

YamlNode tree(std::string_view text) {
  auto document = parse_yaml(text, "f.yml");
  if (!document) FAIL(document.error().text);
  return std::move(document->root);
}

}  // namespace

TEST_CASE("a tree keeps texts, styles and the places of keys and values") {
  const YamlNode root = tree("a: 010\nb:\n  - \"010\"\n  - ~\n");
  REQUIRE(root.entries.size() == 2);
  CHECK(root.entries[0].key == "a");
  CHECK((root.entries[0].key_at == Mark{1, 1}));
  CHECK((root.entries[0].value.at == Mark{1, 4}));
  CHECK(root.entries[0].value.plain);
  const YamlNode* list = root.find("b");
  REQUIRE(list != nullptr);
  REQUIRE(list->items.size() == 2);
  CHECK(!list->items[0].plain);
  CHECK(list->items[0].text == "010");
  CHECK((list->items[0].at == Mark{3, 5}));
  CHECK(list->items[1].kind == NodeKind::null);
}

TEST_CASE("what is not YAML, or more than it should be, is refused with its place") {
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string last = std::to_string(i - 1);
    std::string line =
        std::string("a").append(std::to_string(i)).append(": &a").append(std::to_string(i)) + " [";
    for (int k = 0; k < 10; ++k) line += (k > 0 ? ", *a" : "*a") + last;
    laughs += line + "]\n";
  }
  const struct {
    std::string text;
    std::string want;
  } rows[] = {
      {"a: 1\nb: 2\na: 3\n", "f.yml:3:1: field a already set in line 1"},
      {"a: b: c\n", "f.yml:1:5: not valid YAML: illegal map value"},
      {"a: [1, 2\n", "f.yml:2:1: not valid YAML: end of sequence flow not found"},
      {"a: *nothing\n", "f.yml:1:4: not valid YAML: the referenced anchor is not defined"},
      {"a: &x [*x]\n", "f.yml:1:8: not valid YAML: an anchor may not contain itself"},
      {"? [a]\n: b\n", "f.yml:1:3: a mapping's key must be a text"},
      {"a: !!binary \"*\"\n", "f.yml:1:4: !!binary value contains invalid base64 data"},
      {"<<: 3\n", "f.yml:1:5: << must be given a mapping or a sequence of mappings"},
      {"a: \x01\n", "f.yml:1:4: not valid YAML: control characters are not allowed"},
      {"a: ok\nb: \xff\n", "f.yml:2:1: not valid YAML: the line is not valid UTF-8"},
      {laughs,
       "f.yml:6:45: aliases expand to more than 1000000 nodes or 67108864 bytes: write out less by alias"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto document = parse_yaml(row.text, "f.yml");
    REQUIRE(!document);
    CHECK(document.error().text == row.want);
    CHECK(document.error().at.has_value());
  }
  YamlLimits small;
  small.text_bytes = 3;
  CHECK(parse_yaml("a: 1", "f.yml", small).error().code == Code::limit);
}

TEST_CASE("aliases copy their anchor and merge keys give way to what is written") {
  const YamlNode root = tree(
      "base: &base {a: 1, b: 2}\nmore: &more {b: 3, c: 4}\nuse:\n  <<: [*base, *more]\n  a: 9\nalso: "
      "*base\n");
  const YamlNode* use = root.find("use");
  REQUIRE(use != nullptr);
  CHECK(use->entries.size() == 3);
  CHECK(use->find("a")->text == "9");
  CHECK(use->find("b")->text == "2");
  CHECK(use->find("c")->text == "4");
  CHECK((root.find("also")->at == Mark{6, 7}));
  CHECK(root.find("also")->find("b")->text == "2");
}

TEST_CASE("only the first document counts, and that there were more is told") {
  CHECK(!parse_yaml("a: 1\n", "f")->more_documents);
  const auto two = parse_yaml("a: 1\n---\nb: 2\n", "f");
  CHECK(two->more_documents);
  CHECK(two->root.find("a") != nullptr);
  CHECK(parse_yaml("", "f")->root.kind == NodeKind::null);
}

TEST_CASE("plain scalars mean what go-yaml makes of them") {
  using S = ScalarValue;
  const struct {
    std::string_view text;
    ScalarValue want;
  } rows[] = {
      {"", S(std::monostate{})},
      {"~", S(std::monostate{})},
      {"null", S(std::monostate{})},
      {"yes", S(true)},
      {"On", S(true)},
      {"N", S(false)},
      {"oN", S(std::string_view("oN"))},
      {"12", S(std::int64_t{12})},
      {"-12", S(std::int64_t{-12})},
      {"010", S(std::int64_t{8})},
      {"0o10", S(std::int64_t{8})},
      {"0x1F", S(std::int64_t{31})},
      {"0b11", S(std::int64_t{3})},
      {"1_000", S(std::int64_t{1000})},
      {"18446744073709551615", S(std::uint64_t{18446744073709551615U})},
      {"1e3", S(1000.0)},
      {"1.5", S(1.5)},
      {".5", S(0.5)},
      {"08", S(8.0)},
      {"1m", S(std::string_view("1m"))},
      {"1.2.3.4:9093", S(std::string_view("1.2.3.4:9093"))},
      {"2026-02-03", S(DateText{})},
      {"2026-02-03T04:05:06Z", S(DateText{})},
      {"2026-02-33", S(std::string_view("2026-02-33"))},
      {"-", S(std::string_view("-"))},
      {"+Inf", S(std::string_view("+Inf"))},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK((resolve_plain(row.text) == row.want));
  }
  CHECK(is_base60("1:30"));
  CHECK(is_base60("-190:20:30.15"));
  CHECK(!is_base60("1:60"));
  CHECK(!is_base60("localhost:90"));
}
