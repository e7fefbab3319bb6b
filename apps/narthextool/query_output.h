// Answers of the API as promtool prints them: for people, or as JSON.
//
// Threads: any.
// Source: Prometheus cmd/promtool/main.go (printers), prometheus/common model/value.go
#pragma once

#include <cstdint>
#include <string>

#include "model/labels.h"
#include "model/result.h"

namespace boost::json {
class value;
}

namespace narthex::apps {

enum class QueryFormat : std::uint8_t { promql, json };

/// The labels of a JSON object. Errors: execution (it is none).
Result<Labels> labels_of(const boost::json::value& object);
/// `up{job="x"}`, `{}` without labels, as prometheus/common writes a Metric.
std::string metric_text(const Labels& labels);

/// `data` of an instant or range query, with a newline.
/// Errors: execution (it is not what the API promises; so for all here).
Result<std::string> print_value(const boost::json::value& data, QueryFormat format);
/// `data` of /series: a line each.
Result<std::string> print_series(const boost::json::value& data, QueryFormat format);
/// `data` of /label/x/values.
Result<std::string> print_label_values(const boost::json::value& data, QueryFormat format);

}  // namespace narthex::apps
