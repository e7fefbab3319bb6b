#include "query/promql/language_features.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>

#include "model/json_writer.h"

namespace narthex::query {

TEST_CASE("the parts of the language are told as Prometheus 3.14 tells them") {
  const char* root = std::getenv("NARTHEX_SOURCE_ROOT");
  REQUIRE(root);
  std::ifstream golden(std::string(root) + "/tests/query/promql/golden/language_features-3.14.json");
  for (const ParserOptions& options : {ParserOptions{}, ParserOptions{true, true, true, true}}) {
    std::string want;
    REQUIRE(std::getline(golden, want));
    std::string got;
    JsonWriter json(got);
    json.begin_object();
    for (const auto& [category, names] : language_features(options)) {
      json.key(category).begin_object();
      for (const auto& [name, on] : names) json.plain_key(name).boolean(on);
      json.end_object();
    }
    json.end_object();
    CHECK(got == want);
  }
}

}  // namespace narthex::query
