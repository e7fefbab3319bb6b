#include "telemetry/metrics_text.h"

#include <doctest/doctest.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/summary.h>

#include "telemetry/process_metrics.h"

using namespace narthex::telemetry;

TEST_CASE("families are sorted and every digit is kept") {
  prometheus::Registry registry;
  auto& gauges =
      prometheus::BuildGauge().Name("z_gauge").Help("A \\ and a\nnewline \"q\".").Register(registry);
  gauges.Add({{"x", "2"}}).Set(0.1 + 0.2);
  gauges.Add({{"x", "1"}, {"a", "q\"\\\n"}}).Set(1e6);
  prometheus::BuildCounter().Name("a_total").Help("Counts.").Register(registry).Add({}).Increment(3);
  prometheus::BuildCounter().Name("no_series_total").Help("Empty.").Register(registry);
  auto& histogram = prometheus::BuildHistogram().Name("h").Help("H.").Register(registry).Add(
      {{"p", "v"}}, prometheus::Histogram::BucketBoundaries{0.5, 1});
  histogram.Observe(0.25);
  histogram.Observe(7);
  CHECK(metrics_text(registry) ==
        "# HELP a_total Counts.\n"
        "# TYPE a_total counter\n"
        "a_total 3\n"
        "# HELP h H.\n"
        "# TYPE h histogram\n"
        "h_bucket{p=\"v\",le=\"0.5\"} 1\n"
        "h_bucket{p=\"v\",le=\"1\"} 1\n"
        "h_bucket{p=\"v\",le=\"+Inf\"} 2\n"
        "h_sum{p=\"v\"} 7.25\n"
        "h_count{p=\"v\"} 2\n"
        "# HELP z_gauge A \\\\ and a\\nnewline \"q\".\n"
        "# TYPE z_gauge gauge\n"
        "z_gauge{a=\"q\\\"\\\\\\n\",x=\"1\"} 1e+06\n"
        "z_gauge{x=\"2\"} 0.30000000000000004\n");
}

TEST_CASE("a summary without observations has NaN quantiles") {
  prometheus::Registry registry;
  prometheus::BuildSummary().Name("s").Help("S.").Register(registry).Add(
      {}, prometheus::Summary::Quantiles{{0.5, 0.05}, {0.99, 0.001}});
  CHECK(metrics_text(registry) ==
        "# HELP s S.\n"
        "# TYPE s summary\n"
        "s{quantile=\"0.5\"} NaN\n"
        "s{quantile=\"0.99\"} NaN\n"
        "s_sum 0\n"
        "s_count 0\n");
}

TEST_CASE("the process tells about itself") {
  prometheus::Registry registry;
  ProcessMetrics process(registry);
  process.refresh();
  const std::string text = metrics_text(registry);
  for (const std::string name :
       {"process_cpu_seconds_total", "process_open_fds", "process_max_fds", "process_virtual_memory_bytes",
        "process_virtual_memory_max_bytes", "process_resident_memory_bytes", "process_start_time_seconds",
        "process_network_receive_bytes_total", "process_network_transmit_bytes_total"}) {
    CAPTURE(name);
    CHECK(text.find("\n" + name + " ") != std::string::npos);
  }
  CHECK(text.find("process_resident_memory_bytes 0\n") == std::string::npos);
  CHECK(text.find("process_start_time_seconds 0\n") == std::string::npos);
  CHECK(text.find("process_open_fds 0\n") == std::string::npos);
}
