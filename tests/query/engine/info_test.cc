#include <doctest/doctest.h>

#include "tests/query/engine/engine_fixture.h"

namespace narthex::tests {

TEST_CASE("info() finds info series within the lookback, however narrow its argument's window is") {
  EngineFixture f;
  f.load(R"(m{job="a", instance="1"})", kMinute, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  f.load(R"(target_info{job="a", instance="1", version="2"})", kMinute,
         {kGap, kGap, kGap, kGap, kGap, kGap, 1});
  const struct {
    std::string_view query;
    std::string_view want;
  } rows[] = {
      {"info(m)", R"(m{instance="1", job="a", version="2"} 10@600)"},
      {"info(last_over_time(m[90s]))", R"(m{instance="1", job="a", version="2"} 10@600)"},
      {"info(last_over_time(m[90s] @ 600))", R"(m{instance="1", job="a", version="2"} 10@600)"},
      {"info(last_over_time(m[90s] offset -30s))", R"(m{instance="1", job="a", version="2"} 10@600)"},
      {"info(max_over_time(m[90s:1m]))", R"({instance="1", job="a", version="2"} 10@600)"},
      {"info(max_over_time(m[90s:1m] @ 600))", R"({instance="1", job="a", version="2"} 10@600)"},
      {"max_over_time(info(last_over_time(m[90s]))[2m:1m])",
       R"({instance="1", job="a", version="2"} 10@600)"},
      {"last_over_time(info(last_over_time(m[90s]))[1m:1m] @ 600)",
       R"(m{instance="1", job="a", version="2"} 10@600)"},
      {"info(last_over_time(m[90s] offset 5m))", R"(m{instance="1", job="a"} 5@600)"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    CHECK(f.at(row.query, 10 * kMinute) == row.want);
  }
}

}  // namespace narthex::tests
