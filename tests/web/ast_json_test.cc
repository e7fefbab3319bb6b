#include "web/api/ast_json.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>

#include "query/promql/parser.h"

using namespace narthex;

TEST_CASE("syntax trees are the JSON that Prometheus 3.14 gives") {
  const char* root = std::getenv("NARTHEX_SOURCE_ROOT");
  REQUIRE(root);
  std::ifstream golden(std::string(root) + "/tests/web/golden/parse_query-3.14.tsv");
  const query::ParserOptions everything{true, true, true, true};
  std::size_t seen = 0;
  for (std::string line; std::getline(golden, line); ++seen) {
    const std::size_t tab = line.find('\t');
    const std::string text = line.substr(0, tab);
    CAPTURE(text);
    const auto e = query::parse(text, everything);
    REQUIRE(e.has_value());
    CHECK(web::ast_json(**e) == line.substr(tab + 1));
  }
  CHECK(seen == 65);
}
