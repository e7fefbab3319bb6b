#include "query/engine/stats_json.h"

#include "model/json_writer.h"
#include "model/value.h"

namespace narthex::query {

namespace {

void write_steps(JsonWriter& json, std::string_view key,
                 const std::vector<std::pair<Timestamp, std::uint64_t>>& steps) {
  if (steps.empty()) return;
  json.key(key).begin_array();
  for (const auto& [t, count] : steps) {
    std::string time;
    append_json_time(time, t);
    json.begin_array().raw(time).number(count).end_array();
  }
  json.end_array();
}

}  // namespace

std::string stats_json(const QueryStats& stats) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("timings").begin_object();
  json.key("evalTotalTime").number(stats.eval_total_seconds);
  json.key("resultSortTime").number(stats.result_sort_seconds);
  json.key("queryPreparationTime").number(stats.preparation_seconds);
  json.key("innerEvalTime").number(stats.inner_eval_seconds);
  json.key("execQueueTime").number(stats.queue_seconds);
  json.key("execTotalTime").number(stats.exec_total_seconds);
  json.end_object().key("samples").begin_object();
  write_steps(json, "totalQueryableSamplesPerStep", stats.total_per_step);
  write_steps(json, "samplesReadPerStep", stats.read_per_step);
  json.key("totalQueryableSamples").number(stats.total_queryable_samples);
  json.key("samplesRead").number(stats.samples_read);
  json.key("peakSamples").number(stats.peak_samples);
  json.end_object().end_object();
  return out;
}

}  // namespace narthex::query
