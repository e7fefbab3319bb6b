#include "scrape/target.h"

#include <doctest/doctest.h>

#include "scrape/target_url.h"

using namespace narthex;
using namespace narthex::scrape;

namespace {

config::ScrapeConfig job() {
  config::ScrapeConfig job;
  job.job_name = std::string("j");
  job.interval = 15'000;
  job.timeout = 10'000;
  return job;
}

RelabelRule replace(const char* target, const char* replacement) {
  return RelabelRule{{}, ";", *Regex::compile("(.*)"), target, replacement, 0, RelabelAction::replace, false};
}

std::string error_of(const config::ScrapeConfig& job, const Labels& group_labels) {
  const auto labels = target_labels(job, discovered_labels(job, {{"a:1"}, group_labels, "0"}, "a:1"));
  return labels ? "" : labels.error().text;
}

}  // namespace

TEST_CASE("a target begins with what its job and its group say") {
  config::ScrapeConfig config = job();
  config.params = {{"module", {"http_2xx", "x"}}, {"none", {}}};
  const config::TargetGroup group{
      {"a:1"}, {{"env", "prod"}, {"__scheme__", "https"}, {"__meta_x", "y"}}, "0"};
  const Labels discovered = discovered_labels(config, group, "a:1");
  CHECK(discovered.to_string() ==
        R"({__address__="a:1", __always_scrape_classic_histograms__="false", )"
        R"(__convert_classic_histograms_to_nhcb__="false", __meta_x="y", __metrics_path__="/metrics", )"
        R"(__param_module="http_2xx", __scheme__="https", __scrape_interval__="15s", )"
        R"(__scrape_native_histograms__="false", __scrape_timeout__="10s", env="prod", job="j"})");
  const auto labels = target_labels(config, discovered);
  REQUIRE(labels);
  REQUIRE(*labels);
  CHECK(!(*labels)->has("__meta_x"));
  CHECK((*labels)->get("instance") == "a:1");
  const Target target(**labels, std::make_shared<const config::ScrapeConfig>(config),
                      std::make_shared<const config::TargetGroup>(group), 0);
  CHECK(target.public_labels().to_string() == R"({env="prod", instance="a:1", job="j"})");
  CHECK(target.url() == "https://a:1/metrics?module=http_2xx&module=x");
  const auto status = target.status("");
  CHECK(status.discovered == discovered);
  CHECK(status.pool == "j");
  CHECK(status.health == Health::unknown);
  CHECK(status.interval == 15'000);
}

TEST_CASE("relabeling may move a target, and is checked") {
  config::ScrapeConfig config = job();
  config.relabel = {replace("__address__", "b:2"), replace("__metrics_path__", "/x y"),
                    replace("__param_m", "v w")};
  const auto labels = target_labels(config, discovered_labels(config, {{"a:1"}, {}, "0"}, "a:1"));
  REQUIRE(labels);
  REQUIRE(*labels);
  CHECK((*labels)->get("instance") == "b:2");
  CHECK(target_url(config, **labels) == "http://b:2/x%20y?m=v+w");

  CHECK(error_of(job(), {{"__scrape_interval__", "x"}}) ==
        "error parsing scrape interval: not a valid duration string: \"x\"");
  CHECK(error_of(job(), {{"__scrape_interval__", "0s"}}) == "scrape interval cannot be 0");
  CHECK(error_of(job(), {{"__scrape_timeout__", "0"}}) == "scrape timeout cannot be 0");
  CHECK(error_of(job(), {{"__scrape_timeout__", "1m"}}) ==
        "scrape timeout cannot be greater than scrape interval (\"1m\" > \"15s\")");
  CHECK(error_of(job(), {{"__scrape_native_histograms__", "maybe"}})
            .starts_with("error parsing scrape native"));
  config.relabel = {replace("__address__", "http://b/")};
  CHECK(error_of(config, {}) == "\"http://b/\" is not a valid hostname");
  config.relabel = {replace("__address__", "")};
  CHECK(error_of(config, {}) == "no address");
}

TEST_CASE("the hash of a target is Prometheus' own") {
  // FNV-1a of the label hash in decimal and the URL.
  const auto config = std::make_shared<const config::ScrapeConfig>(job());
  const auto group = std::make_shared<const config::TargetGroup>(config::TargetGroup{{"a:1"}, {}, "0"});
  const auto labels = target_labels(*config, discovered_labels(*config, *group, "a:1"));
  const Target one(**labels, config, group, 0);
  const Target same(**labels, config, group, 0);
  CHECK(one.hash() == same.hash());
  const auto other_labels = target_labels(*config, discovered_labels(*config, *group, "a:2"));
  CHECK(Target(**other_labels, config, group, 0).hash() != one.hash());
}

TEST_CASE("local addresses are shown under the server's own name") {
  const std::string outside = "https://prom.example.org:8443/prefix";
  CHECK(global_url("http://localhost:9100/metrics", outside) == "http://prom.example.org:9100/metrics");
  CHECK(global_url("http://127.0.0.1:9100/m?x=1", outside) == "http://prom.example.org:9100/m?x=1");
  CHECK(global_url("http://[::1]:9100/m", outside) == "http://prom.example.org:9100/m");
  CHECK(global_url("http://localhost/m", outside) == "http://localhost/m");
  CHECK(global_url("http://node:9100/m", outside) == "http://node:9100/m");
  CHECK(global_url("http://localhost:9100/m", "") == "http://localhost:9100/m");
}
