#include "tsdb/block/block_meta.h"

#include <doctest/doctest.h>

#include "tests/tsdb/why.h"

#include <set>

namespace narthex::tsdb {
namespace {

constexpr std::string_view kFull = R"({
	"ulid": "01DXXFZDYD1MQW6079WK0K6EDQ",
	"minTime": -5,
	"maxTime": 7200000,
	"stats": {
		"numSamples": 102,
		"numFloatSamples": 100,
		"numHistogramSamples": 2,
		"numSeries": 7,
		"numChunks": 8,
		"numTombstones": 3
	},
	"compaction": {
		"level": 2,
		"sources": [
			"01DXXFZDYD1MQW6079WK0K6EDQ",
			"01DXXFZDYD1MQW6079WK0K6EDR"
		],
		"deletable": true,
		"parents": [
			{
				"ulid": "01DXXFZDYD1MQW6079WK0K6EDR",
				"minTime": 0,
				"maxTime": 1
			}
		],
		"failed": true,
		"hints": [
			"from-out-of-order"
		]
	},
	"version": 1
})";

}  // namespace

TEST_CASE("meta.json: only a block that says so in known words tells up to where the head was written") {
  const struct {
    const char* compaction;
    bool cut;
  } rows[] = {
      {R"({"level": 1})", true},
      {R"({"level": 3, "sources": ["01DXXFZDYD1MQW6079WK0K6EDQ"], "hints": []})", true},
      {R"({"level": 1, "hints": ["from-out-of-order"]})", false},
      {R"({"level": 1, "hints": ["from-stale-series"]})", false},
      {R"({"level": 1, "hints": ["from-selected-series"]})", false},
      {R"({"level": 1, "hints": ["from-out-of-ordes"]})", false},
      {R"({"level": 1, "hhnts": ["from-out-of-order"]})", false},
      {R"({"sources": []})", false},
      {"null", false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.compaction);
    const auto meta = parse_block_meta(
        std::string(R"({"ulid": "01DXXFZDYD1MQW6079WK0K6EDQ", "version": 1, "compaction": )") +
        row.compaction + "}");
    REQUIRE_MESSAGE(meta, why(meta));
    CHECK(is_cut_from_head(*meta) == row.cut);
  }
}

TEST_CASE("meta.json: all fields are read and written as Prometheus writes them") {
  const auto meta = parse_block_meta(kFull);
  REQUIRE_MESSAGE(meta, why(meta));
  CHECK(meta->ulid == "01DXXFZDYD1MQW6079WK0K6EDQ");
  CHECK(meta->mint == -5);
  CHECK(meta->maxt == 7'200'000);
  CHECK(meta->num_samples == 102);
  CHECK(meta->num_float_samples == 100);
  CHECK(meta->num_histogram_samples == 2);
  CHECK(meta->num_series == 7);
  CHECK(meta->num_chunks == 8);
  CHECK(meta->num_tombstones == 3);
  CHECK(meta->level == 2);
  CHECK(meta->sources.size() == 2);
  CHECK(meta->deletable);
  CHECK(meta->failed);
  REQUIRE(meta->parents.size() == 1);
  CHECK(meta->parents[0].maxt == 1);
  CHECK(meta->hints == std::vector<std::string>{"from-out-of-order"});
  CHECK(write_block_meta(*meta) == kFull);
}

TEST_CASE("meta.json: empty fields are left out, but for stats") {
  BlockMeta meta;
  meta.ulid = "01DXXFZDYD1MQW6079WK0K6EDQ";
  CHECK(write_block_meta(meta) == R"({
	"ulid": "01DXXFZDYD1MQW6079WK0K6EDQ",
	"minTime": 0,
	"maxTime": 0,
	"stats": {},
	"compaction": {
		"level": 1
	},
	"version": 1
})");
}

TEST_CASE("meta.json: Thanos' member is kept to the byte, other unknown ones are dropped") {
  const std::string thanos =
      R"({"labels": {"a\"}": "x, }"}, "n": [1.0, {"k": null}],	"downsample":{"resolution":0}})";
  const std::string text =
      R"({"other": {"thanos": 1}, "version":1,"ulid":"01DXXFZDYD1MQW6079WK0K6EDQ", "thanos" : )" + thanos +
      R"( , "minTime": 1, "maxTime": 2, "compaction": {"level": 1}})";
  const auto meta = parse_block_meta(text);
  REQUIRE_MESSAGE(meta, why(meta));
  CHECK(meta->thanos_json == thanos);
  const std::string written = write_block_meta(*meta);
  CHECK(written.find("\n\t\"thanos\": " + thanos + "\n}") != std::string::npos);
  CHECK(parse_block_meta(written)->thanos_json == thanos);
  CHECK(written.find("other") == std::string::npos);
}

TEST_CASE("meta.json: what contradicts the format is refused, and the member is named") {
  const struct {
    std::string_view text, wanted;
  } rows[] = {
      {"", "meta.json"},
      {"[]", "no JSON object"},
      {"{", "meta.json"},
      {R"({"ulid":"01DXXFZDYD1MQW6079WK0K6EDQ"})", "version"},
      {R"({"version":2,"ulid":"01DXXFZDYD1MQW6079WK0K6EDQ"})", "version 2"},
      {R"({"version":1})", "ulid"},
      {R"({"version":1,"ulid":"x"})", "ulid"},
      {R"({"version":1,"ulid":5})", "ulid"},
      {R"({"version":1,"ulid":"01DXXFZDYD1MQW6079WK0K6EDQ","minTime":"5"})", "minTime"},
      {R"({"version":1,"ulid":"01DXXFZDYD1MQW6079WK0K6EDQ","minTime":1.5})", "minTime"},
      {R"({"version":1,"ulid":"01DXXFZDYD1MQW6079WK0K6EDQ","stats":{"numSamples":-1}})", "numSamples"},
      {R"({"version":1,"ulid":"01DXXFZDYD1MQW6079WK0K6EDQ","stats":[]})", "stats"},
      {R"({"version":1,"ulid":"01DXXFZDYD1MQW6079WK0K6EDQ","compaction":{"sources":["a"]}})", "sources"},
      {R"({"version":1,"ulid":"01DXXFZDYD1MQW6079WK0K6EDQ","compaction":{"failed":1}})", "failed"},
      {R"({"version":1,"ulid":"01DXXFZDYD1MQW6079WK0K6EDQ","compaction":{"parents":[1]}})", "parents"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto meta = parse_block_meta(row.text);
    REQUIRE(!meta);
    CHECK(meta.error().code == Code::corruption);
    CHECK(meta.error().text.find(row.wanted) != std::string::npos);
  }
}

TEST_CASE("meta.json cut at any byte is refused or read, and no more") {
  for (std::size_t size = 0; size < kFull.size(); ++size) CHECK(!parse_block_meta(kFull.substr(0, size)));
}

TEST_CASE("ULID: carries its millisecond, sorts by it, and is never the same") {
  std::set<std::string> seen;
  for (const Timestamp now :
       {Timestamp{0}, Timestamp{1}, Timestamp{1'700'000'000'123}, (Timestamp{1} << 48) - 1}) {
    const std::string ulid = make_ulid(now);
    CHECK(is_ulid(ulid));
    CHECK(ulid_time(ulid) == now);
    CHECK(seen.insert(ulid).second);
    CHECK(seen.insert(make_ulid(now)).second);
    CHECK(make_ulid(now).substr(0, 10) == ulid.substr(0, 10));
  }
  CHECK(ulid_time("01DXXFZDYD1MQW6079WK0K6EDQ") == 1'578'316'576'717);
}

TEST_CASE("ULID: 26 characters of Crockford's alphabet, the first at most 7") {
  const struct {
    std::string_view name;
    bool want;
  } rows[] = {{"01DXXFZDYD1MQW6079WK0K6EDQ", true},
              {"7ZZZZZZZZZZZZZZZZZZZZZZZZZ", true},
              {"8ZZZZZZZZZZZZZZZZZZZZZZZZZ", false},
              {"01DXXFZDYD1MQW6079WK0K6ED", false},
              {"01DXXFZDYD1MQW6079WK0K6EDQQ", false},
              {"01DXXFZDYD1MQW6079WK0K6EDU", false},
              {"01DXXFZDYD1MQW6079WK0K6EDI", false},
              {"01DXXFZDYD1MQW6079WK0K6ED-", false},
              {"", false},
              {"wal", false}};
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(is_ulid(row.name) == row.want);
    if (!row.want) CHECK(ulid_time(row.name) == 0);
  }
}

}  // namespace narthex::tsdb
