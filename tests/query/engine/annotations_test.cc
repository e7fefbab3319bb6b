#include <doctest/doctest.h>

#include "tests/query/engine/engine_fixture.h"

namespace narthex::tests {

TEST_CASE("annotations say what and where, as Prometheus words it, each once") {
  EngineFixture f;
  f.load("requests", kMinute, {1, 2, 3, 4});
  f.load("requests_total", kMinute, {1, 2, 3, 4});
  f.load(R"(h_bucket{le="1"})", kMinute, {5, 5, 5, 5});
  f.load(R"(h_bucket{le="2"})", kMinute, {3, 3, 3, 3});
  f.load(R"(h_bucket{le="+Inf"})", kMinute, {9, 9, 9, 9});
  f.load(R"(bad_bucket{le="x"})", kMinute, {9, 9, 9, 9});
  const std::string monotonic =
      "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see "
      "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";
  const struct {
    std::string_view query;
    std::vector<std::string> want;
  } rows[] = {
      {"rate(requests_total[3m])", {}},
      {"rate(requests[3m])",
       {R"(PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: )"
        R"("requests" (1:6))"}},
      // The place that is evaluated last is shown.
      {"rate(requests[3m])\n + increase(requests[2m])",
       {R"(PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: )"
        R"("requests" (2:13))"}},
      {"quantile(1.5, requests)",
       {"PromQL warning: quantile value should be between 0 and 1, got 1.5 (1:10)"}},
      {"quantile_over_time(NaN, requests[3m])",
       {"PromQL warning: quantile value should be between 0 and 1, got NaN (1:20)"}},
      {"limit_ratio(2, requests)",
       {"PromQL warning: ratio value should be between -1 and 1, got 2, capping to 1 (1:13)"}},
      {"histogram_quantile(-1, requests)",
       {"PromQL warning: quantile value should be between 0 and 1, got -1 (1:20)",
        R"(PromQL warning: bucket label "le" is missing or has a malformed value of "" (1:24))"}},
      {"histogram_quantile(0.5, bad_bucket)",
       {R"(PromQL warning: bucket label "le" is missing or has a malformed value of "x" (1:25))"}},
      {"histogram_quantile(0.9, h_bucket)",
       {monotonic +
        ", from buckets 2 to 2, with a max diff of 2, over 1 samples from 1970-01-01T00:03:00Z to "
        "1970-01-01T00:03:00Z (1:25)"}},
      {"requests </ 1",
       {R"(PromQL info: incompatible sample types encountered for binary operator "</": float </ float (1:1))"}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.query);
    CHECK(f.notes(f.instant(row.query, 3 * kMinute)) == row.want);
  }
}

TEST_CASE("annotations of a range query cover all its steps") {
  EngineFixture f;
  f.load(R"(h_bucket{le="1"})", kMinute, {5, 5, 5});
  f.load(R"(h_bucket{le="2"})", kMinute, {3, 4, 3});
  f.load(R"(h_bucket{le="+Inf"})", kMinute, {9, 9, 2});
  CHECK(f.notes(f.range("histogram_quantile(0.9, h_bucket)", 0, 2 * kMinute, kMinute)) ==
        std::vector<std::string>{
            "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see "
            "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile), from "
            "buckets 2 to +Inf, with a max diff of 3, over 3 samples from 1970-01-01T00:00:00Z to "
            "1970-01-01T00:02:00Z (1:25)"});
  CHECK(f.notes(f.range("sort(h_bucket)", 0, 2 * kMinute, kMinute)) ==
        std::vector<std::string>{"PromQL warning: sort is ineffective for range queries since results are "
                                 "always ordered by labels (1:1)"});
}

}  // namespace narthex::tests
