#include "query/promqltest/script.h"

#include <doctest/doctest.h>

#include <string>

using namespace narthex;
using namespace narthex::query;

namespace {

template <class T>
const T& only(const std::vector<Command>& commands) {
  REQUIRE(commands.size() == 1);
  REQUIRE(std::holds_alternative<T>(commands[0]));
  return std::get<T>(commands[0]);
}

std::string refusal(std::string_view script) {
  const auto commands = parse_script(script);
  for (const Command& c : commands)
    if (const auto* bad = std::get_if<BadBlock>(&c)) return bad->text;
  return "";
}

}  // namespace

TEST_CASE("a script is a sequence of commands; comments and indentation mean nothing") {
  const auto commands =
      parse_script("# a script\nclear\nload 1m\n  a 1\n# end\n\n   eval instant at 0 a\n  a 1\n");
  REQUIRE(commands.size() == 3);
  CHECK(std::holds_alternative<ClearCommand>(commands[0]));
  CHECK(std::get<LoadCommand>(commands[1]).line == 3);
  CHECK(std::get<EvalCommand>(commands[2]).line == 7);
}

TEST_CASE("a load places values by its step from time 0") {
  const auto commands = parse_script("load 30s\n a{x=\"y\"} 1 _ 3\n b 5\n a{x=\"y\"} 7 8\n");
  const auto& load = only<LoadCommand>(commands);
  REQUIRE(load.series.size() == 2);
  // The last line for a series wins.
  CHECK(load.series[0].labels == Labels{{"__name__", "a"}, {"x", "y"}});
  REQUIRE(load.series[0].samples.size() == 2);
  CHECK(load.series[0].samples[1].t == 30'000);
  CHECK(load.series[0].samples[1].v == 8);
  CHECK_FALSE(load.with_nhcb);
}

TEST_CASE("an @st line gives start timestamps to the line behind it") {
  const auto commands =
      parse_script("load_with_nhcb 1m\n a{x=\"y\"}@st -1m _ 0sx1 -2m+30sx1\n a{x=\"y\"} 1x5\n");
  const auto& load = only<LoadCommand>(commands);
  CHECK(load.with_nhcb);
  REQUIRE(load.series.size() == 1);
  std::vector<Timestamp> starts;
  for (const LoadedSample& s : load.series[0].samples) starts.push_back(s.st);
  CHECK(starts == std::vector<Timestamp>{-60'000, 0, 120'000, 180'000, 120'000, 210'000});
}

TEST_CASE("an eval knows its query, its times and what is expected") {
  const auto commands = parse_script(
      "eval range from 1m to 2m step 30s sum(a) + 1\n expect no_info\n expect warn msg: some text \n"
      " expect warn regex: a+.b\n {} 1 _ 3\n x{y=\"z\"} 1\n");
  const auto& eval = only<EvalCommand>(commands);
  CHECK(eval.is_range);
  CHECK(eval.query == "sum(a) + 1");
  CHECK(eval.start == 60'000);
  CHECK(eval.end == 120'000);
  CHECK(eval.step == 30'000);
  CHECK(eval.no_info);
  REQUIRE(eval.warn.size() == 2);
  CHECK(eval.warn[0].matches("some text"));
  CHECK_FALSE(eval.warn[0].matches("some text."));
  CHECK(eval.warn[1].matches("xx aaXb yy"));
  CHECK_FALSE(eval.warn[1].matches("a\nb"));
  REQUIRE(eval.series.size() == 2);
  CHECK(eval.series[0].values.size() == 3);
}

TEST_CASE("a bare number ends the block, so the next line is a command") {
  const auto commands = parse_script(
      "eval instant at 5s 1 + 1\n 2\neval_fail instant at 0 a\n"
      " expected_fail_message oh no\n");
  REQUIRE(commands.size() == 2);
  CHECK(std::get<EvalCommand>(commands[0]).scalar == 2);
  const auto& second = std::get<EvalCommand>(commands[1]);
  REQUIRE(second.fail);
  CHECK(second.fail->matches("oh no"));
  CHECK_FALSE(second.fail->matches("oh no!"));
}

TEST_CASE("an instant query may be expected to return a string or a range vector") {
  CHECK(*only<EvalCommand>(parse_script("eval instant at 0 \"a\"\n expect string \"a\\n\"\n")).string ==
        "a\n");
  const auto commands =
      parse_script("eval instant at 1m a[1m]\n expect range vector from 10s to 1m step 10s\n a 1 2 3\n");
  const auto& eval = only<EvalCommand>(commands);
  REQUIRE(eval.range_vector);
  CHECK(eval.range_vector->start == 10'000);
  CHECK(eval.start == 60'000);
}

TEST_CASE("a block that is wrong is refused with its line, and the next one is read") {
  const struct {
    std::string_view script;
    std::string_view want;
  } rows[] = {
      {"foo\n", "invalid command \"foo\""},
      {"load\n a 1\n", "line 1: invalid load command. (load[_with_nhcb] <step:duration>)"},
      {"load 1x\n a 1\n", "line 1: invalid step definition \"1x\": unknown unit \"x\" in duration \"1x\""},
      {"load 1m\n a 1\n a b\n",
       "line 3: 1:3: parse error: unexpected identifier \"b\" in series values, expected number or "
       "\"stale\""},
      {"load 1m\n a@st -1m\n", "line 2: @st line has no following sample line"},
      {"load 1m\n a@st -1m\n b 1\n", "line 2: @st metric does not match the following sample line metric"},
      {"load 1m\n a@st -1m 0s\n a 1\n", "line 2: @st line has 2 values but sample line has 1"},
      {"load 1m\n a@st 1mx\n a 1\n",
       "line 2: invalid @st sequence: invalid ST item \"1mx\": invalid repeat count"},
      {"eval instant a\n", "line 1: invalid evaluation command: `at T` is missing"},
      {"eval instant at 0 sum(\n", "line 1: 1:5: parse error: unclosed left parenthesis"},
      {"eval range from 2m to 1m step 1m a\n", "line 1: end timestamp is before start timestamp"},
      {"eval instant at 0 a\n expect warn\n expect no_warn\n",
       "line 3: invalid expect lines, warn and no_warn cannot be used together"},
      {"eval instant at 0 a\n expect fail\n expect fail\n",
       "line 3: invalid expect lines, multiple expect fail lines are not allowed"},
      {"eval instant at 0 a\n expect foo\n", "line 2: invalid expected error/annotation type foo"},
      {"eval instant at 0 a\n a 1 2\n",
       "line 2: an instant evaluation has exactly one value a series: use `expect range vector` where the "
       "query returns a range vector"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.script);
    CHECK(refusal(row.script) == row.want);
    const auto commands = parse_script(std::string(row.script) + "\n\nclear\n");
    REQUIRE(commands.size() == 2);
    CHECK(std::holds_alternative<ClearCommand>(commands[1]));
  }
}
