// /status/queries: what the query engine is busy with, and ending it. Not in Prometheus.
#include <charconv>

#include "web/api/endpoints.h"
#include "web/api/json_writer.h"

namespace narthex::web {

namespace {

void write_origin(JsonWriter& json, const query::QueryOrigin& origin) {
  json.begin_object();
  switch (origin.kind) {
    case query::QueryOrigin::Kind::unknown:
      json.key("kind").string("unknown");
      break;
    case query::QueryOrigin::Kind::http:
      json.key("kind").string("http").key("client").string(origin.client);
      json.key("method").string(origin.method).key("path").string(origin.path);
      break;
    case query::QueryOrigin::Kind::rule:
      json.key("kind").string("rule").key("file").string(origin.file).key("group").string(origin.group);
      break;
  }
  json.end_object();
}

void write_query(JsonWriter& json, const query::RunningQuery& q, Timestamp now) {
  json.begin_object().key("id").string(std::to_string(q.id)).key("query").string(q.query);
  json.key("kind").string(q.step == 0 ? "instant" : "range");
  json.key("start").number(static_cast<double>(q.start) / 1000);
  json.key("end").number(static_cast<double>(q.end) / 1000);
  json.key("step").number(static_cast<double>(q.step) / 1000);
  json.key("state").string(q.is_cancelled ? "cancelled" : q.is_running ? "running" : "waiting");
  json.key("since").time_or_zero(q.since);
  json.key("seconds").number(static_cast<double>(now - q.since) / 1000);
  write_origin(json.key("by"), q.origin);
  json.key("series").number(q.series).key("samples").number(q.samples);
  json.key("bytes").number(q.bytes).key("peakBytes").number(q.peak_bytes).end_object();
}

}  // namespace

Result<Answer> status_queries(const ApiSources& sources, const Call& /*call*/) {
  const Timestamp now = sources.clock.now();
  const query::EngineOptions& limits = sources.engine.options();
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("queries").begin_array();
  for (const query::RunningQuery& q : sources.engine.running().list()) write_query(json, q, now);
  json.end_array().key("maxConcurrency").number(static_cast<std::uint64_t>(limits.max_concurrency));
  json.key("bytes").number(sources.engine.memory_used());
  json.key("maxBytes").number(limits.max_memory).key("maxBytesPerQuery").number(limits.max_bytes);
  json.end_object();
  return Answer::of(std::move(out));
}

Result<Answer> cancel_query(const ApiSources& sources, const Call& call) {
  std::uint64_t id = 0;
  const auto [end, ec] = std::from_chars(call.tail.data(), call.tail.data() + call.tail.size(), id);
  if (ec != std::errc() || end != call.tail.data() + call.tail.size())
    return fail(Code::invalid, "a query's id is a number, as /api/v1/status/queries gives it");
  if (!sources.engine.running().cancel(id))
    return fail(Code::not_found, "no query " + std::to_string(id) + " is running or waiting");
  return Answer{};
}

}  // namespace narthex::web
