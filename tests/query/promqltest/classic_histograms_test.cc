#include "query/promqltest/classic_histograms.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

using namespace narthex;
using namespace narthex::query;

namespace {

Result<std::vector<LoadedSeries>> native(std::string_view lines) {
  const auto commands = parse_script(fmt::format("load_with_nhcb 1m\n{}", lines));
  REQUIRE(commands.size() == 1);
  REQUIRE(std::holds_alternative<LoadCommand>(commands[0]));
  return native_from_classic(std::get<LoadCommand>(commands[0]).series);
}

}  // namespace

TEST_CASE("buckets, count and sum of one classic histogram become a native one") {
  const auto made = native(
      "h_bucket{le=\"1\",x=\"y\"} 1 2\n h_bucket{le=\"2\",x=\"y\"} 1 5\n h_bucket{le=\"+Inf\",x=\"y\"} 4 9\n"
      " h_count{x=\"y\"} 4 9\n h_sum{x=\"y\"} 10 20\n other 1\n h_bucket{le=\"zero\",x=\"y\"} 3\n");
  REQUIRE(made);
  REQUIRE(made->size() == 1);
  CHECK((*made)[0].labels == Labels{{"__name__", "h"}, {"x", "y"}});
  REQUIRE((*made)[0].samples.size() == 2);
  const FloatHistogram& h = *(*made)[0].samples[0].histogram;
  CHECK(h.schema == kCustomBucketsSchema);
  CHECK(h.count == 4);
  CHECK(h.sum == 10);
  CHECK(h.custom_values == std::vector<double>{1, 2});
  // The empty bucket between is left out.
  CHECK(h.positive_spans == std::vector<HistogramSpan>{{0, 1}, {1, 1}});
  CHECK(h.positive_buckets == std::vector<double>{1, 3});
}

TEST_CASE("without +Inf or count the highest bucket counts everything") {
  const auto made = native("h_bucket{le=\"1\"} 3\n");
  REQUIRE(made);
  const FloatHistogram& h = *(*made)[0].samples[0].histogram;
  CHECK(h.count == 3);
  CHECK(h.positive_buckets == std::vector<double>{3});
}

TEST_CASE("counts that contradict each other are refused") {
  CHECK_FALSE(native("h_bucket{le=\"1\"} 3\n h_bucket{le=\"2\"} 2\n"));
  CHECK_FALSE(native("h_bucket{le=\"1\"} 3\n h_bucket{le=\"+Inf\"} 4\n h_count 5\n"));
  CHECK_FALSE(native("h_bucket{le=\"1\"} -3\n"));
}
