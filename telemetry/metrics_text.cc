#include "telemetry/metrics_text.h"

#include <prometheus/metric_family.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "model/value.h"

namespace narthex::telemetry {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

void append_escaped(std::string& out, std::string_view text, bool quotes_too) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes_too) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

std::string_view type_name(MetricType type) {
  switch (type) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Gauge:
      return "gauge";
    case MetricType::Summary:
      return "summary";
    case MetricType::Histogram:
      return "histogram";
    case MetricType::Untyped:
      break;
  }
  return "untyped";
}

/// Writes the lines of one metric of a family.
class SeriesWriter {
 public:
  SeriesWriter(std::string& out, const std::string& name, const ClientMetric& metric)
      : out_(out), name_(name), metric_(metric) {}

  void write(std::string_view suffix, double value, std::string_view extra_name = {},
             const std::string& extra_value = {}) {
    out_ += name_;
    out_ += suffix;
    char separator = '{';
    for (const auto& label : metric_.label) write_label(separator, label.name, label.value);
    if (!extra_name.empty()) write_label(separator, extra_name, extra_value);
    if (separator == ',') out_ += '}';
    out_ += ' ';
    out_ += format_general(value);
    if (metric_.timestamp_ms != 0) {
      out_ += ' ';
      out_ += std::to_string(metric_.timestamp_ms);
    }
    out_ += '\n';
  }

 private:
  void write_label(char& separator, std::string_view name, std::string_view value) {
    out_ += std::exchange(separator, ',');
    out_ += name;
    out_ += "=\"";
    append_escaped(out_, value, true);
    out_ += '"';
  }

  std::string& out_;
  const std::string& name_;
  const ClientMetric& metric_;
};

void write_histogram(SeriesWriter& writer, const ClientMetric::Histogram& histogram) {
  bool has_infinity = false;
  for (const auto& bucket : histogram.bucket) {
    writer.write("_bucket", static_cast<double>(bucket.cumulative_count), "le",
                 format_general(bucket.upper_bound));
    has_infinity = has_infinity || std::isinf(bucket.upper_bound);
  }
  if (!has_infinity) writer.write("_bucket", static_cast<double>(histogram.sample_count), "le", "+Inf");
  writer.write("_sum", histogram.sample_sum);
  writer.write("_count", static_cast<double>(histogram.sample_count));
}

void write_summary(SeriesWriter& writer, const ClientMetric::Summary& summary) {
  for (const auto& q : summary.quantile) writer.write("", q.value, "quantile", format_general(q.quantile));
  writer.write("_sum", summary.sample_sum);
  writer.write("_count", static_cast<double>(summary.sample_count));
}

void write_metric(std::string& out, const MetricFamily& family, const ClientMetric& metric) {
  SeriesWriter writer(out, family.name, metric);
  switch (family.type) {
    case MetricType::Counter:
      return writer.write("", metric.counter.value);
    case MetricType::Gauge:
      return writer.write("", metric.gauge.value);
    case MetricType::Untyped:
      return writer.write("", metric.untyped.value);
    case MetricType::Histogram:
      return write_histogram(writer, metric.histogram);
    case MetricType::Summary:
      return write_summary(writer, metric.summary);
  }
}

}  // namespace

std::string metrics_text(const prometheus::Registry& registry) {
  std::vector<MetricFamily> families = registry.Collect();
  std::sort(families.begin(), families.end(),
            [](const MetricFamily& a, const MetricFamily& b) { return a.name < b.name; });
  std::string out;
  for (MetricFamily& family : families) {
    if (family.metric.empty()) continue;
    out += "# HELP " + family.name + " ";
    append_escaped(out, family.help, false);
    out += "\n# TYPE " + family.name + " ";
    out += type_name(family.type);
    out += '\n';
    for (ClientMetric& metric : family.metric) std::sort(metric.label.begin(), metric.label.end());
    std::sort(family.metric.begin(), family.metric.end(),
              [](const ClientMetric& a, const ClientMetric& b) { return a.label < b.label; });
    for (const ClientMetric& metric : family.metric) write_metric(out, family, metric);
  }
  return out;
}

}  // namespace narthex::telemetry
