#include "apps/narthextool/query_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/value.hpp>
#include <cmath>
#include <vector>

#include "model/json_writer.h"
#include "model/value.h"

namespace narthex::apps {

namespace json = boost::json;

namespace {

std::unexpected<Error> unexpected_answer() {
  return fail(Code::execution, "bad_response: the server's answer is not what the API promises");
}

struct HistogramBucket {
  std::int64_t bounds = 0;  ///< 0 (l,u], 1 [l,u), 2 (l,u), 3 [l,u]
  double lower = 0;
  double upper = 0;
  double count = 0;
};
struct Sample {
  Timestamp t = 0;
  double v = 0;
  bool is_histogram = false;
  double count = 0;
  double sum = 0;
  std::vector<HistogramBucket> buckets;
};

Result<double> number_of(const json::value& v) {
  if (v.is_string()) {
    const auto parsed = parse_float(std::string_view(v.get_string()));
    return parsed ? Result<double>(*parsed) : unexpected_answer();
  }
  boost::system::error_code ec;
  const double number = v.to_number<double>(ec);
  if (ec) return unexpected_answer();
  return number;
}

Result<std::vector<double>> numbers_of(const json::value& v, std::size_t count) {
  const json::array* list = v.if_array();
  if (!list || list->size() != count) return unexpected_answer();
  std::vector<double> out;
  for (const json::value& one : *list) {
    auto number = number_of(one);
    if (!number) return pass(number);
    out.push_back(*number);
  }
  return out;
}

Timestamp to_ms(double seconds) {
  return std::llround(seconds * 1000);
}

/// `[t,"v"]`
Result<Sample> float_sample(const json::value& pair) {
  auto numbers = numbers_of(pair, 2);
  if (!numbers) return pass(numbers);
  Sample out;
  out.t = to_ms((*numbers)[0]);
  out.v = (*numbers)[1];
  return out;
}

/// `[t,{"count":...,"sum":...,"buckets":[[0,"0.5","1","3"]]}]`
Result<Sample> histogram_sample(const json::value& pair) {
  const json::array* list = pair.if_array();
  const json::object* h = list && list->size() == 2 ? (*list)[1].if_object() : nullptr;
  const json::value* count = h ? h->if_contains("count") : nullptr;
  const json::value* sum = h ? h->if_contains("sum") : nullptr;
  if (!count || !sum) return unexpected_answer();
  auto t = number_of((*list)[0]);
  auto n = number_of(*count);
  auto total = number_of(*sum);
  if (!t || !n || !total) return unexpected_answer();
  Sample out;
  out.t = to_ms(*t);
  out.is_histogram = true;
  out.count = *n;
  out.sum = *total;
  const json::value* buckets = h->if_contains("buckets");
  if (!buckets) return out;
  if (!buckets->is_array()) return unexpected_answer();
  for (const json::value& one : buckets->get_array()) {
    auto numbers = numbers_of(one, 4);
    if (!numbers) return pass(numbers);
    out.buckets.push_back(
        {static_cast<std::int64_t>((*numbers)[0]), (*numbers)[1], (*numbers)[2], (*numbers)[3]});
  }
  return out;
}

struct Series {
  Labels labels;
  std::vector<Sample> floats;
  std::vector<Sample> histograms;
};

Result<void> read_samples(const json::object& from, std::string_view name, bool is_list,
                          Result<Sample> (*read)(const json::value&), std::vector<Sample>& into) {
  const json::value* found = from.if_contains(name);
  if (!found) return {};
  if (is_list && !found->is_array()) return unexpected_answer();
  const auto add = [&](const json::value& one) -> Result<void> {
    auto sample = read(one);
    if (!sample) return pass(sample);
    into.push_back(std::move(*sample));
    return {};
  };
  if (!is_list) return add(*found);
  for (const json::value& one : found->get_array())
    if (auto added = add(one); !added) return added;
  return {};
}

Result<std::vector<Series>> read_series(const json::value& result, bool is_matrix) {
  if (!result.is_array()) return unexpected_answer();
  std::vector<Series> out;
  for (const json::value& one : result.get_array()) {
    const json::object* object = one.if_object();
    const json::value* metric = object ? object->if_contains("metric") : nullptr;
    if (!metric) return unexpected_answer();
    auto labels = labels_of(*metric);
    if (!labels) return pass(labels);
    Series series{std::move(*labels), {}, {}};
    auto read = read_samples(*object, is_matrix ? "values" : "value", is_matrix, float_sample, series.floats);
    if (read)
      read = read_samples(*object, is_matrix ? "histograms" : "histogram", is_matrix, histogram_sample,
                          series.histograms);
    if (!read) return pass(read);
    if (!is_matrix && series.floats.empty() && series.histograms.empty()) return unexpected_answer();
    out.push_back(std::move(series));
  }
  return out;
}

std::string time_text(Timestamp t) {
  return format_plain(static_cast<double>(t) / 1000);
}

std::string bucket_text(const HistogramBucket& b) {
  const bool holds_lower = b.bounds == 1 || b.bounds == 3;
  const bool holds_upper = b.bounds == 0 || b.bounds == 3;
  return fmt::format("{}{},{}{}:{}", holds_lower ? '[' : '(', format_general(b.lower),
                     format_general(b.upper), holds_upper ? ']' : ')', format_plain(b.count));
}

std::string sample_text(const Sample& s) {
  if (!s.is_histogram) return fmt::format("{} @[{}]", format_plain(s.v), time_text(s.t));
  std::vector<std::string> buckets;
  for (const HistogramBucket& b : s.buckets) buckets.push_back(bucket_text(b));
  return fmt::format("Count: {:.6f}, Sum: {:.6f}, Buckets: [{}] @[{}]", s.count, s.sum,
                     fmt::join(buckets, " "), time_text(s.t));
}

std::string text_of_vector(const std::vector<Series>& vector) {
  std::string out;
  for (const Series& series : vector) {
    const Sample& s = series.histograms.empty() ? series.floats.front() : series.histograms.front();
    if (!out.empty()) out += '\n';
    out += metric_text(series.labels) + " => " + sample_text(s);
  }
  return out + '\n';
}

std::string text_of_matrix(std::vector<Series> matrix) {
  std::ranges::stable_sort(matrix, {}, &Series::labels);
  std::string out;
  for (const Series& series : matrix) {
    if (!out.empty()) out += '\n';
    out += metric_text(series.labels) + " =>\n";
    std::string separator;
    for (const auto* samples : {&series.floats, &series.histograms})
      for (const Sample& s : *samples) {
        out += separator + sample_text(s);
        separator = "\n";
      }
  }
  return out + '\n';
}

void write_float(JsonWriter& out, double v) {
  out.string(format_plain(v));
}

void write_sample(JsonWriter& out, const Sample& s) {
  out.begin_array().raw(time_text(s.t));
  if (!s.is_histogram) {
    write_float(out, s.v);
  } else {
    out.begin_object();
    write_float(out.key("count"), s.count);
    write_float(out.key("sum"), s.sum);
    out.key("buckets");
    if (s.buckets.empty()) out.null();
    if (!s.buckets.empty()) {
      out.begin_array();
      for (const HistogramBucket& b : s.buckets) {
        out.begin_array().number(b.bounds);
        for (const double v : {b.lower, b.upper, b.count}) write_float(out, v);
        out.end_array();
      }
      out.end_array();
    }
    out.end_object();
  }
  out.end_array();
}

void write_labels(JsonWriter& out, const Labels& labels) {
  out.begin_object();
  for (const LabelView label : labels) out.key(label.name).string(label.value);
  out.end_object();
}

void write_list(JsonWriter& out, std::string_view key, const std::vector<Sample>& samples) {
  out.key(key).begin_array();
  for (const Sample& s : samples) write_sample(out, s);
  out.end_array();
}

std::string json_of(const std::vector<Series>& list, bool is_matrix) {
  std::string text;
  JsonWriter out(text);
  out.begin_array();
  for (const Series& series : list) {
    out.begin_object();
    write_labels(out.key("metric"), series.labels);
    if (!is_matrix) {
      const bool is_float = series.histograms.empty();
      write_sample(out.key(is_float ? "value" : "histogram"),
                   is_float ? series.floats.front() : series.histograms.front());
    } else {
      if (!series.floats.empty() || series.histograms.empty()) write_list(out, "values", series.floats);
      if (!series.histograms.empty()) write_list(out, "histograms", series.histograms);
    }
    out.end_object();
  }
  out.end_array();
  return text + '\n';
}

Result<std::string> print_scalar(const json::value& result, QueryFormat format) {
  auto sample = float_sample(result);
  if (!sample) return pass(sample);
  if (format == QueryFormat::promql)
    return fmt::format("scalar: {} @[{}]\n", format_plain(sample->v), time_text(sample->t));
  std::string text;
  JsonWriter out(text);
  write_sample(out, *sample);
  return text + '\n';
}

Result<std::string> print_string(const json::value& result, QueryFormat format) {
  const json::array* pair = result.if_array();
  if (!pair || pair->size() != 2 || !(*pair)[1].is_string()) return unexpected_answer();
  const std::string value((*pair)[1].get_string());
  if (format == QueryFormat::promql) return value + '\n';
  auto t = number_of((*pair)[0]);
  if (!t) return pass(t);
  std::string text;
  JsonWriter(text).begin_array().raw(time_text(to_ms(*t))).string(value).end_array();
  return text + '\n';
}

}  // namespace

Result<Labels> labels_of(const json::value& object) {
  if (!object.is_object()) return unexpected_answer();
  LabelsBuilder labels;
  for (const auto& member : object.get_object()) {
    if (!member.value().is_string()) return unexpected_answer();
    labels.set(std::string_view(member.key()), std::string_view(member.value().get_string()));
  }
  return labels.labels();
}

std::string metric_text(const Labels& labels) {
  std::string inner;
  for (const LabelView label : labels) {
    if (label.name == kMetricName) continue;
    if (!inner.empty()) inner += ", ";
    inner += std::string(label.name) + '=' + quote(label.value);
  }
  const std::string name(labels.get(kMetricName));
  if (inner.empty()) return name.empty() ? "{}" : name;
  return name + '{' + inner + '}';
}

Result<std::string> print_value(const json::value& data, QueryFormat format) {
  const json::object* object = data.if_object();
  const json::value* type = object ? object->if_contains("resultType") : nullptr;
  const json::value* result = object ? object->if_contains("result") : nullptr;
  if (!type || !type->is_string() || !result) return unexpected_answer();
  const std::string_view kind(type->get_string());
  if (kind == "scalar") return print_scalar(*result, format);
  if (kind == "string") return print_string(*result, format);
  const bool is_matrix = kind == "matrix";
  if (!is_matrix && kind != "vector") return unexpected_answer();
  auto series = read_series(*result, is_matrix);
  if (!series) return pass(series);
  if (format == QueryFormat::json) return json_of(*series, is_matrix);
  return is_matrix ? text_of_matrix(std::move(*series)) : text_of_vector(*series);
}

Result<std::string> print_series(const json::value& data, QueryFormat format) {
  if (!data.is_array()) return unexpected_answer();
  std::string text;
  JsonWriter out(text);
  if (format == QueryFormat::json) out.begin_array();
  for (const json::value& one : data.get_array()) {
    auto labels = labels_of(one);
    if (!labels) return pass(labels);
    if (format == QueryFormat::json)
      write_labels(out, *labels);
    else
      text += labels->to_string() + '\n';
  }
  if (format == QueryFormat::json) {
    out.end_array();
    text += '\n';
  }
  return text;
}

Result<std::string> print_label_values(const json::value& data, QueryFormat format) {
  if (!data.is_array()) return unexpected_answer();
  std::string text;
  JsonWriter out(text);
  if (format == QueryFormat::json) out.begin_array();
  for (const json::value& one : data.get_array()) {
    if (!one.is_string()) return unexpected_answer();
    if (format == QueryFormat::json)
      out.string(std::string_view(one.get_string()));
    else
      text.append(one.get_string()).append("\n");
  }
  if (format == QueryFormat::json) {
    out.end_array();
    text += '\n';
  }
  return text;
}

}  // namespace narthex::apps
