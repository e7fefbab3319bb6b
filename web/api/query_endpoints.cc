// /query, /query_range, /query_exemplars, /format_query, /parse_query.
#include <algorithm>

#include "model/value.h"
#include "query/engine/profile.h"
#include "query/engine/stats_json.h"
#include "query/histogram/buckets.h"
#include "query/promql/ast.h"
#include "query/promql/parser.h"
#include "web/api/ast_json.h"
#include "web/api/endpoints.h"
#include "web/api/json_writer.h"

namespace narthex::web {

namespace {

constexpr std::int64_t kMaxSteps = 11'000;
constexpr std::size_t kAnnotationsShown = 10;
/// A piece ends with the series that makes it as large as this.
constexpr std::size_t kPieceBytes = 64 * 1024;

std::string_view type_name(query::ValueType type) {
  switch (type) {
    case query::ValueType::vector:
      return "vector";
    case query::ValueType::matrix:
      return "matrix";
    case query::ValueType::scalar:
      return "scalar";
    case query::ValueType::string:
      return "string";
    case query::ValueType::none:
      break;
  }
  return "none";
}

void quoted_value(JsonWriter& json, double v) {
  std::string text = "\"";
  append_json_value(text, v);
  text += '"';
  json.raw(text);
}

/// `[1435781430.781,{"count":"3","sum":"2.5","buckets":[[0,"0.5","1","3"]]}]`; the first number
/// of a bucket says which bounds belong to it: 0 (l,u], 1 [l,u), 2 (l,u), 3 [l,u].
void write_histogram(JsonWriter& json, Timestamp t, const FloatHistogram& h) {
  std::string time;
  append_json_time(time, t);
  json.begin_array().raw(time).begin_object();
  quoted_value(json.key("count"), h.count);
  quoted_value(json.key("sum"), h.sum);
  bool any = false;
  for (const query::Bucket& b : query::all_buckets(h)) {
    if (b.count == 0) continue;
    if (!any) json.key("buckets").begin_array();
    any = true;
    const std::uint64_t bounds = b.holds_lower ? (b.holds_upper ? 3 : 1) : (b.holds_upper ? 0 : 2);
    json.begin_array().number(bounds);
    for (const double v : {b.lower, b.upper, b.count}) quoted_value(json, v);
    json.end_array();
  }
  if (any) json.end_array();
  json.end_object().end_array();
}

void write_series(JsonWriter& json, const query::QueryResult& result, std::size_t number) {
  const query::ResultSeries& series = result.series[number];
  const query::ValueType type = result.type;
  json.begin_object().key("metric");
  if (result.pool)
    json.labels(result.labels_of(number));
  else
    json.labels(series.labels);
  if (type == query::ValueType::vector) {
    if (series.histograms.empty())
      json.key("value").sample(series.t.front(), series.v.front());
    else
      write_histogram(json.key("histogram"), series.histograms.front().first,
                      series.histograms.front().second);
  } else {
    // A series has at least one kind of samples; an empty list is left out.
    if (!series.t.empty()) {
      json.key("values").begin_array();
      for (std::size_t i = 0; i < series.t.size(); ++i) json.sample(series.t[i], series.v[i]);
      json.end_array();
    }
    if (!series.histograms.empty()) {
      json.key("histograms").begin_array();
      for (const auto& [t, h] : series.histograms) write_histogram(json, t, h);
      json.end_array();
    }
  }
  json.end_object();
}

/// Encodes a finished result piece by piece, series by series, letting each go once it is out.
class ResultEncoder {
 public:
  /// @param extra  members of the JSON object behind the result: `,"stats":{...}`
  ResultEncoder(query::QueryResult result, std::string extra)
      : result_(std::move(result)), extra_(std::move(extra)) {}

  bool next(std::string& out) {
    JsonWriter json(out);
    if (!opened_) {
      opened_ = true;
      json.begin_object().key("resultType").string(type_name(result_.type)).key("result");
      if (result_.profile && result_.profile->level() == query::ProfileLevel::plan) {
        out += "[]";
        return finish(out);
      }
      if (result_.type == query::ValueType::scalar) {
        write_scalar(out);
        return finish(out);
      }
      if (result_.type == query::ValueType::string) {
        write_string(out);
        return finish(out);
      }
      out += '[';
    }
    const std::size_t enough = out.size() + kPieceBytes;
    while (next_ < result_.series.size() && out.size() < enough) {
      if (next_ > 0) out += ',';
      JsonWriter item(out);
      write_series(item, result_, next_);
      if (result_.pool) result_.label_ids[next_] = {};
      result_.series[next_++] = {};
    }
    if (next_ < result_.series.size()) return true;
    out += ']';
    return finish(out);
  }

 private:
  void write_time(std::string& out) const {
    // Scalars and strings carry their time as the shortest float of seconds.
    out += '[';
    out += format_plain(static_cast<double>(result_.scalar_t) / 1000);
    out += ',';
  }
  void write_scalar(std::string& out) const {
    write_time(out);
    out += '"';
    out += format_plain(result_.scalar);
    out += "\"]";
  }
  void write_string(std::string& out) const {
    write_time(out);
    JsonWriter(out).string(result_.string);
    out += ']';
  }
  bool finish(std::string& out) const {
    out += extra_;
    out += '}';
    return false;
  }

  query::QueryResult result_;
  std::string extra_;
  bool opened_ = false;
  std::size_t next_ = 0;
};

/// `true` or `false` or nothing. Errors: invalid.
Result<bool> switched_on(const Parameters& parameters, std::string_view name) {
  const std::string_view text = parameters.get(name);
  if (text.empty() || text == "false") return false;
  if (text == "true") return true;
  return std::unexpected(
      in_parameter({Code::invalid, "expected true or false, got " + quote(text), {}}, name));
}

/// The client's address without its port.
std::string host_of(std::string_view peer) {
  const std::size_t colon = peer.rfind(':');
  std::string_view host = peer.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return std::string(host);
}

/// @param path  as Prometheus logs it
Result<query::QueryRequest> common_request(const Call& call, std::string_view path) {
  const Parameters& parameters = call.parameters;
  if (auto fits = query::check_length(parameters.get("query")); !fits)
    return std::unexpected(in_parameter(std::move(fits).error(), "query"));
  query::QueryRequest request;
  request.origin.kind = query::QueryOrigin::Kind::http;
  request.origin.client = host_of(call.request.peer);
  request.origin.method = call.request.method;
  request.origin.path = path;
  auto explain = switched_on(parameters, "explain");
  if (!explain) return pass(explain);
  auto profile = switched_on(parameters, "profile");
  if (!profile) return pass(profile);
  if (*profile) request.profile = query::ProfileLevel::measured;
  if (*explain) request.profile = query::ProfileLevel::plan;
  request.query = parameters.get("query");
  if (const auto text = parameters.get("timeout"); !text.empty()) {
    auto timeout = parse_api_duration(text);
    if (!timeout) return std::unexpected(in_parameter(std::move(timeout).error(), "timeout"));
    request.timeout = *timeout;
  }
  if (const auto text = parameters.get("lookback_delta"); !text.empty()) {
    auto lookback = parse_api_duration(text);
    if (!lookback) return pass(lookback, "error parsing lookback delta duration");
    request.lookback = *lookback;
  }
  request.per_step_stats = parameters.get("stats") == "all";
  request.may_keep_ids = true;
  return request;
}

/// What a call of one of the two query endpoints asks for.
struct Wanted {
  query::QueryRequest request;
  std::size_t limit = 0;  ///< of series; 0: none
};

Result<Answer> answer_of(const Call& call, const Wanted& wanted, Result<query::QueryResult> result) {
  if (!result) {
    if (result.error().code == Code::invalid)
      return std::unexpected(in_parameter(std::move(result).error(), "query"));
    return pass(result);
  }
  Answer answer;
  answer.warnings = result->annotations.texts(query::AnnotationKind::warning, kAnnotationsShown);
  answer.infos = result->annotations.texts(query::AnnotationKind::info, kAnnotationsShown);
  if (wanted.limit > 0 && result->series.size() > wanted.limit) {
    result->series.resize(wanted.limit);
    answer.warnings.emplace_back(kTruncated);
  }
  const std::string_view stats = call.parameters.get("stats");
  if (!stats.empty() && stats != "true" && stats != "all") {
    answer.warnings.push_back("value " + quote(stats) +
                              " for parameter \"stats\" is deprecated and will be rejected in the next major "
                              "release, use \"true\" or \"all\"");
  }
  std::string extra;
  if (!stats.empty()) extra += R"(,"stats":)" + query::stats_json(result->stats);
  if (result->profile) {
    const bool measured = result->profile->level() == query::ProfileLevel::measured;
    extra += measured ? R"(,"profile":)" : R"(,"explain":)";
    extra += query::profile_json(*result->profile, wanted.request.query);
  }
  auto encoder = std::make_shared<ResultEncoder>(std::move(*result), std::move(extra));
  answer.data = [encoder](std::string& out) { return encoder->next(out); };
  return answer;
}

Result<Answer> run(const ApiSources& sources, const Call& call, Result<Wanted> wanted) {
  if (!wanted) return pass(wanted);
  return answer_of(call, *wanted, sources.engine.run(sources.db, wanted->request, call.request.stop));
}

std::optional<Result<Answer>> run_if_small(const ApiSources& sources, const Call& call,
                                           Result<Wanted> wanted) {
  if (!wanted) return pass(wanted);
  auto result = sources.engine.run_if_small(sources.db, wanted->request, call.request.stop);
  if (!result) return std::nullopt;
  return answer_of(call, *wanted, std::move(*result));
}

void write_exemplars(std::string& out, const std::vector<storage::SeriesExemplars>& found) {
  JsonWriter json(out);
  json.begin_array();
  for (const storage::SeriesExemplars& series : found) {
    json.begin_object().key("seriesLabels").labels(series.series).key("exemplars").begin_array();
    for (const storage::Exemplar& e : series.exemplars) {
      std::string time;
      append_json_time(time, e.t);
      std::string value = "\"";
      append_json_value(value, e.v);
      value += '"';
      json.begin_object().key("labels").labels(e.labels).key("value").raw(value);
      json.key("timestamp").raw(time).end_object();
    }
    json.end_array().end_object();
  }
  json.end_array();
}

/// A required time parameter. Errors: invalid, with Prometheus' text.
Result<Timestamp> required_time(const Parameters& parameters, std::string_view name) {
  auto t = parse_api_time(parameters.get(name));
  if (!t) return std::unexpected(in_parameter(std::move(t).error(), name));
  return *t;
}

Result<Wanted> wanted_of_instant(const ApiSources& sources, const Call& call) {
  auto limit = call.parameters.limit();
  if (!limit) return pass(limit);
  auto t = call.parameters.time("time", sources.clock.now());
  if (!t) return pass(t);
  auto request = common_request(call, "/api/v1/query");
  if (!request) return pass(request);
  request->start = request->end = *t;
  return Wanted{std::move(*request), *limit};
}

Result<Wanted> wanted_of_range(const Call& call) {
  auto limit = call.parameters.limit();
  if (!limit) return pass(limit);
  auto start = required_time(call.parameters, "start");
  if (!start) return pass(start);
  auto end = required_time(call.parameters, "end");
  if (!end) return pass(end);
  if (*end < *start) {
    return std::unexpected(
        in_parameter({Code::invalid, "end timestamp must not be before start time", {}}, "end"));
  }
  auto step = parse_api_duration(call.parameters.get("step"));
  if (!step) return std::unexpected(in_parameter(std::move(step).error(), "step"));
  if (*step <= 0) {
    return std::unexpected(in_parameter(
        {Code::invalid,
         "zero or negative query resolution step widths are not accepted. Try a positive integer",
         {}},
        "step"));
  }
  // The difference cannot overflow what is compared: both ends are within the API's bounds.
  if (static_cast<double>(*end) - static_cast<double>(*start) >= 9.2e18 ||
      (*end - *start) / *step > kMaxSteps) {
    return fail(Code::invalid,
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
                "resolution (?step=XX)");
  }
  auto request = common_request(call, "/api/v1/query_range");
  if (!request) return pass(request);
  request->start = *start;
  request->end = *end;
  request->step = *step;
  return Wanted{std::move(*request), *limit};
}

}  // namespace

Result<Answer> instant_query(const ApiSources& sources, const Call& call) {
  return run(sources, call, wanted_of_instant(sources, call));
}

std::optional<Result<Answer>> small_instant_query(const ApiSources& sources, const Call& call) {
  return run_if_small(sources, call, wanted_of_instant(sources, call));
}

Result<Answer> range_query(const ApiSources& sources, const Call& call) {
  return run(sources, call, wanted_of_range(call));
}

std::optional<Result<Answer>> small_range_query(const ApiSources& sources, const Call& call) {
  return run_if_small(sources, call, wanted_of_range(call));
}

Result<Answer> query_exemplars(const ApiSources& sources, const Call& call) {
  auto range = call.parameters.range();
  if (!range) return pass(range);
  if (range->maxt < range->mint)
    return fail(Code::invalid, "end timestamp must not be before start timestamp");
  auto expression = query::parse(call.parameters.get("query"), sources.engine.options().parser);
  if (!expression) return pass(expression);
  const auto selectors = query::selectors_of(*expression);
  if (selectors.empty()) return Answer{};
  auto found = sources.db.exemplars(*range, selectors);
  if (!found) return pass(found);
  std::string json;
  write_exemplars(json, *found);
  return Answer::of(std::move(json));
}

Result<Answer> format_query(const ApiSources& sources, const Call& call) {
  auto expression = query::parse(call.parameters.get("query"), sources.engine.options().parser);
  if (!expression) return std::unexpected(in_parameter(std::move(expression).error(), "query"));
  std::string json;
  JsonWriter(json).string(query::pretty_print(**expression));
  return Answer::of(std::move(json));
}

Result<Answer> parse_query(const ApiSources& sources, const Call& call) {
  auto expression = query::parse(call.parameters.get("query"), sources.engine.options().parser);
  if (!expression) return std::unexpected(in_parameter(std::move(expression).error(), "query"));
  return Answer::of(ast_json(**expression));
}

}  // namespace narthex::web
