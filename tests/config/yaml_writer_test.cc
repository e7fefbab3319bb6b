#include "config/yaml_writer.h"

#include <doctest/doctest.h>

#include "config/byte_size.h"
#include "config/yaml_tree.h"

using namespace narthex;
using namespace narthex::config;

TEST_CASE("texts are quoted as go-yaml quotes them") {
  const struct {
    std::string_view text;
    std::string_view want;
  } rows[] = {
      {"plain", "plain"},
      {"", "\"\""},
      {"1", "\"1\""},
      {"yes", "\"yes\""},
      {"null", "\"null\""},
      {"2026-02-03", "\"2026-02-03\""},
      {"1:30", "\"1:30\""},
      {",", "','"},
      {";", ";"},
      {"$1", "$1"},
      {"${1}:${2}", "${1}:${2}"},
      {"(.*)some-[regex]", "(.*)some-[regex]"},
      {"[abc]", "'[abc]'"},
      {"a: b", "'a: b'"},
      {"a #b", "'a #b'"},
      {"a#b", "a#b"},
      {"it's", "it's"},
      {"'it", "'''it'"},
      {" lead", "' lead'"},
      {"- x", "'- x'"},
      {"-x", "-x"},
      {"*", "'*'"},
      {"tab\there", "\"tab\\there\""},
      {"two\nlines", "|-\n  two\n  lines"},
      {"two\nlines\n", "|\n  two\n  lines"},
      {"x\n\n", "|+\n  x\n"},
      {" x\ny", "|2-\n   x\n  y"},
      {"trailing \nx", "\"trailing \\nx\""},
      {"測試", "測試"},
      {"\xF0\x9F\x98\x80", "\"\\U0001F600\""},
      {"<secret>", "<secret>"},
      {"---", "'---'"},
      {"<<", "\"<<\""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    YamlOut root = YamlOut::mapping();
    root.add("k", YamlOut::text(row.text));
    const std::string written = write_yaml(root);
    CHECK(written == "k: " + std::string(row.want) + "\n");
    const auto read = parse_yaml(written, "f");
    REQUIRE(read);
    CHECK(read->root.find("k")->text == row.text);
  }
}

TEST_CASE("sequences stand under their field, mappings are indented, lists of names flow") {
  YamlOut inner = YamlOut::mapping();
  inner.add("source_labels", YamlOut::flow_texts({"a", "b,c", "1"}));
  inner.add("labels", YamlOut::labels({{"b", "2"}, {"a10", "x"}, {"a9", "y"}}));
  YamlOut list = YamlOut::sequence();
  list.add(std::move(inner));
  YamlOut root = YamlOut::mapping();
  root.add("list", std::move(list));
  root.add("none", YamlOut::sequence());
  root.add("nothing", YamlOut::mapping());
  CHECK(write_yaml(root) ==
        "list:\n"
        "- source_labels: [a, 'b,c', \"1\"]\n"
        "  labels:\n"
        "    a9: \"y\"\n"
        "    a10: x\n"
        "    b: \"2\"\n"
        "none: []\n"
        "nothing: {}\n");
}

TEST_CASE("byte sizes are powers of 1024 with a unit") {
  const struct {
    std::string_view text;
    std::int64_t want;
  } good[] = {{"0", 0},        {"15MB", 15 << 20}, {"1KiB", 1024}, {"1GB512MB", (1LL << 30) + (512LL << 20)},
              {"1.5KB", 1536}, {"7B", 7},          {"-1B", -1}};
  for (const auto& row : good) {
    CAPTURE(row.text);
    REQUIRE(parse_byte_size(row.text));
    CHECK(*parse_byte_size(row.text) == row.want);
  }
  CHECK(parse_byte_size("100").error().text == "units: unknown unit  in 100");
  CHECK(parse_byte_size("1kB").error().text == "units: unknown unit kB in 1kB");
  CHECK(parse_byte_size("x").error().text == "units: invalid x");
  CHECK(!parse_byte_size("9999999999999EB"));
  CHECK(format_byte_size(15 << 20) == "15MiB");
  CHECK(format_byte_size(1536) == "1KiB512B");
  CHECK(format_byte_size(0) == "0B");
}
