#include "scrape/sample_labels.h"

#include <doctest/doctest.h>

using namespace narthex;
using namespace narthex::scrape;

namespace {

std::string stored(const Labels& exposed, const Labels& target, const config::ScrapeConfig& job) {
  const auto labels = sample_labels(exposed, target, job);
  if (!labels) return "error: " + labels.error().text;
  return *labels ? (*labels)->to_metric_string() : "dropped";
}

RelabelRule rule(RelabelAction action, const char* regex) {
  return RelabelRule{{"__name__"}, ";", *Regex::compile(regex), "", "$1", 0, action, false};
}

}  // namespace

TEST_CASE("the target's labels are added, and win unless honor_labels says otherwise") {
  const Labels target{{"instance", "i"}, {"job", "j"}};
  config::ScrapeConfig job;
  const struct {
    Labels exposed;
    bool honor;
    std::string want;
  } rows[] = {
      {{{"__name__", "m"}}, false, R"(m{instance="i", job="j"})"},
      {{{"__name__", "m"}, {"job", "x"}}, false, R"(m{exported_job="x", instance="i", job="j"})"},
      {{{"__name__", "m"}, {"job", "x"}}, true, R"(m{instance="i", job="x"})"},
      {{{"__name__", "m"}, {"job", "x"}, {"exported_job", "y"}},
       false,
       R"(m{exported_exported_job="x", exported_job="y", instance="i", job="j"})"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.want);
    job.honor_labels = row.honor;
    CHECK(stored(row.exposed, target, job) == row.want);
  }
}

TEST_CASE("conflicting labels find their places shortest first") {
  const Labels target{{"exported_job", "t2"}, {"job", "t1"}};
  CHECK(stored({{"__name__", "m"}, {"job", "x"}, {"exported_job", "y"}}, target, {}) ==
        R"(m{exported_exported_exported_job="y", exported_exported_job="x", exported_job="t2", job="t1"})");
}

TEST_CASE("metric relabeling may drop a series or spoil it") {
  config::ScrapeConfig job;
  job.metric_relabel = {rule(RelabelAction::drop, "go_.*")};
  CHECK(stored({{"__name__", "go_info"}}, {}, job) == "dropped");
  CHECK(stored({{"__name__", "up"}}, {}, job) == "up");
  job.metric_relabel = {rule(RelabelAction::labeldrop, "__name__")};
  CHECK(stored({{"__name__", "m"}, {"a", "b"}}, {}, job) == "error: missing metric name (__name__ label)");
}

TEST_CASE("names follow the job's scheme") {
  config::ScrapeConfig job;
  CHECK(stored({{"__name__", "a.b"}, {"x y", "1"}}, {}, job) == R"({"a.b", "x y"="1"})");
  job.legacy_names = true;
  CHECK(stored({{"__name__", "a.b"}}, {}, job).starts_with("error: invalid metric name or label names: {"));
  CHECK(stored({{"__name__", "a"}, {"x.y", "1"}}, {}, job).starts_with("error: invalid metric name"));
  CHECK(stored({{"__name__", "a:b"}}, {}, job) == "a:b");
}

TEST_CASE("label limits name what is too much") {
  const Labels exposed{{"__name__", "m"}, {"long_name", "long value"}};
  config::ScrapeConfig job;
  job.limits.labels = 1;
  CHECK(stored(exposed, {}, job) == "error: label_limit exceeded (metric: m, number of labels: 2, limit: 1)");
  job.limits.labels = 2;
  job.limits.label_name_length = 8;
  CHECK(stored(exposed, {}, job) ==
        "error: label_name_length_limit exceeded (metric: m, label name: long_name, length: 9, limit: 8)");
  job.limits.label_name_length = 9;
  job.limits.label_value_length = 9;
  CHECK(stored(exposed, {}, job) ==
        "error: label_value_length_limit exceeded (metric: m, label name: long_name, value: \"long value\", "
        "length: 10, limit: 9)");
  job.limits.label_value_length = 10;
  CHECK(stored(exposed, {}, job) == R"(m{long_name="long value"})");
}

TEST_CASE("report series carry the target's labels") {
  CHECK(report_labels("up", {{"instance", "i"}, {"job", "j"}}).to_metric_string() ==
        R"(up{instance="i", job="j"})");
}
