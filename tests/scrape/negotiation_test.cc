#include "scrape/negotiation.h"

#include <doctest/doctest.h>

using namespace narthex;
using namespace narthex::scrape;

TEST_CASE("the Accept header lists the job's protocols with falling weights") {
  config::ScrapeConfig job;
  job.protocols = {"OpenMetricsText1.0.0", "OpenMetricsText0.0.1", "PrometheusText1.0.0",
                   "PrometheusText0.0.4"};
  CHECK(accept_header(job) ==
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        "application/openmetrics-text;version=0.0.1;q=0.5,"
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
        "text/plain;version=0.0.4;q=0.3,*/*;q=0.2");
  job.protocols = {"PrometheusProto", "PrometheusText1.0.0"};
  job.escaping_scheme = "underscores";
  CHECK(accept_header(job) == "text/plain;version=1.0.0;escaping=underscores;q=0.6,*/*;q=0.5");
}

TEST_CASE("the Content-Type picks the parser, the fallback steps in") {
  const struct {
    std::string_view content_type, fallback, want;
  } rows[] = {
      {"text/plain", "", "text"},
      {"Text/Plain; version=0.0.4; charset=utf-8", "", "text"},
      {"application/openmetrics-text; version=1.0.0; charset=utf-8", "", "open_metrics"},
      {"", "PrometheusText0.0.4", "text"},
      {"", "OpenMetricsText1.0.0", "open_metrics"},
      {"text/html", "PrometheusText1.0.0", "text"},
      {"nonsense", "PrometheusText1.0.0", "text"},
      {"", "",
       "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for "
       "target"},
      {"text/html", "",
       "received unsupported Content-Type \"text/html\" and no fallback_scrape_protocol specified for "
       "target"},
      {"nonsense", "", "cannot parse Content-Type \"nonsense\" and no fallback_scrape_protocol for target"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.content_type);
    CAPTURE(row.fallback);
    const auto format = exposition_format(row.content_type, row.fallback);
    const std::string got = !format ? format.error().text : *format == Format::text ? "text" : "open_metrics";
    CHECK(got == row.want);
  }
}
