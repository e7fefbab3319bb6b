#include "query/engine/query_log.h"

#include "model/json_writer.h"
#include "query/engine/stats_json.h"
#include "telemetry/log_line.h"

namespace narthex::query {

namespace {

void write_params(JsonWriter& json, const QueryRequest& request) {
  json.begin_object();
  json.key("end").plain_string(telemetry::time_with_ms(request.step == 0 ? request.start : request.end));
  json.key("query").plain_string(request.query);
  json.key("start").plain_string(telemetry::time_with_ms(request.start));
  json.key("step").number(request.step / 1000);
  json.end_object();
}

void write_origin(JsonWriter& json, const QueryOrigin& origin) {
  switch (origin.kind) {
    case QueryOrigin::Kind::unknown:
      break;
    case QueryOrigin::Kind::http:
      json.key("httpRequest").begin_object().key("clientIP").plain_string(origin.client);
      json.key("method").plain_string(origin.method).key("path").plain_string(origin.path).end_object();
      break;
    case QueryOrigin::Kind::rule:
      json.key("ruleGroup").begin_object().key("file").plain_string(origin.file);
      json.key("name").plain_string(origin.group).end_object();
      break;
  }
}

}  // namespace

Result<std::shared_ptr<QueryLog>> QueryLog::open(io::FileSystem& fs, const std::string& path,
                                                 const Clock& clock) {
  auto file = fs.open_writable(path, io::OpenMode::append);
  if (!file) return pass(file, "opening query_log_file");
  return std::shared_ptr<QueryLog>(new QueryLog(std::move(*file), clock));
}

Result<void> QueryLog::write(const QueryRequest& request, const QueryStats& stats, const Error* error) {
  std::string line =
      telemetry::log_line(telemetry::LogFormat::json, {.time = clock_.now(),
                                                       .level = telemetry::LogLevel::info,
                                                       .message = "promql query logged",
                                                       .fields = {},
                                                       .where = std::source_location::current()});
  line.back() = ',';  // the object goes on
  JsonWriter json(line);
  write_params(json.key("params"), request);
  if (error != nullptr) json.key("error").plain_string(error->text);
  json.key("stats").raw(stats_json(stats));
  // Nothing is traced; Prometheus writes these two all the same.
  json.key("spanID").string("0000000000000000").key("traceID").string("00000000000000000000000000000000");
  write_origin(json, request.origin);
  line += "}\n";
  const sync::MutexLock lock(mutex_);
  return file_->append(io::as_bytes(line));
}

}  // namespace narthex::query
