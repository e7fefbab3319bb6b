// /status/*, /features.
#include <charconv>
#include <cmath>

#include "web/api/build_info.h"
#include "web/api/endpoints.h"
#include "web/api/json_writer.h"

namespace narthex::web {

namespace {

constexpr std::size_t kDefaultTableRows = 10;
constexpr std::size_t kMaxTableRows = 10'000;

void write_table(JsonWriter& json, std::string_view key, const std::vector<tsdb::NamedCount>& rows) {
  json.key(key).begin_array();
  for (const tsdb::NamedCount& row : rows) {
    json.begin_object().key("name").string(row.name).key("value").number(row.count).end_object();
  }
  json.end_array();
}

/// Only where it is not 0, as Prometheus leaves such fields out.
void write_if_any(JsonWriter& json, std::string_view key, std::uint64_t count) {
  if (count > 0) json.key(key).number(count);
}

void write_block(JsonWriter& json, const tsdb::BlockMeta& meta) {
  json.begin_object().key("ulid").string(meta.ulid);
  json.key("minTime").number(meta.mint).key("maxTime").number(meta.maxt);
  json.key("stats").begin_object();
  write_if_any(json, "numSamples", meta.num_samples);
  write_if_any(json, "numFloatSamples", meta.num_float_samples);
  write_if_any(json, "numHistogramSamples", meta.num_histogram_samples);
  write_if_any(json, "numSeries", meta.num_series);
  write_if_any(json, "numChunks", meta.num_chunks);
  write_if_any(json, "numTombstones", meta.num_tombstones);
  json.end_object();
  json.key("compaction").begin_object().key("level").number(static_cast<std::int64_t>(meta.level));
  const auto strings = [&](std::string_view key, const std::vector<std::string>& list) {
    if (list.empty()) return;
    json.key(key).begin_array();
    for (const std::string& one : list) json.string(one);
    json.end_array();
  };
  strings("sources", meta.sources);
  if (!meta.parents.empty()) {
    json.key("parents").begin_array();
    for (const tsdb::BlockDescription& parent : meta.parents) {
      json.begin_object().key("ulid").string(parent.ulid);
      json.key("minTime").number(parent.mint).key("maxTime").number(parent.maxt).end_object();
    }
    json.end_array();
  }
  strings("hints", meta.hints);
  json.end_object().key("version").number(static_cast<std::int64_t>(meta.version)).end_object();
}

void write_memory(JsonWriter& json, const tsdb::HeadMemory& head, std::uint64_t scrape_caches) {
  json.key("narthexMemoryBytes").begin_object();
  json.key("headLabels").number(head.labels).key("headPostings").number(head.postings);
  json.key("headSeries").number(head.series).key("headOpenChunks").number(head.open_chunks);
  json.key("headFullChunks").number(head.full_chunks).key("headLookup").number(head.lookup);
  json.key("headMetadata").number(head.metadata).key("headExemplars").number(head.exemplars);
  json.key("headBatches").number(head.batches).key("headLogBuffers").number(head.log_buffers);
  json.key("scrapeCaches").number(scrape_caches).end_object();
}

/// Ceilings are 0 where there is none.
void write_ceilings(JsonWriter& json, const tsdb::HeadCeilings& ceilings, const tsdb::CeilingStats& stats) {
  const auto refused = [&](tsdb::CeilingKind kind) { return stats.refused[static_cast<std::size_t>(kind)]; };
  json.key("narthexCeilings").begin_object();
  json.key("maxSeries").number(ceilings.series);
  json.key("maxSeriesPerJob").number(ceilings.series_per_job);
  json.key("maxHeadMemoryBytes").number(ceilings.memory_bytes);
  json.key("refusedBySeries").number(refused(tsdb::CeilingKind::series));
  json.key("refusedBySeriesPerJob").number(refused(tsdb::CeilingKind::series_per_job));
  json.key("refusedByMemory").number(refused(tsdb::CeilingKind::memory));
  json.key("lastRefusedJob").string(stats.last_refused_job);
  json.key("fastestGrowingLabel").string(stats.fastest_label);
  json.key("fastestGrowingLabelValues").number(stats.fastest_label_values).end_object();
}

void write_disk(JsonWriter& json, const tsdb::DiskState& disk) {
  json.key("narthexDisk").begin_object().key("readOnly").boolean(disk.read_only);
  json.key("freeBytes").number(disk.free_bytes).key("reserveBytes").number(disk.reserve_bytes).end_object();
}

}  // namespace

Result<Answer> status_config(const ApiSources& sources, const Call& /*call*/) {
  std::string out;
  JsonWriter(out).begin_object().key("yaml").string(sources.config()->yaml).end_object();
  return Answer::of(std::move(out));
}

Result<Answer> status_flags(const ApiSources& sources, const Call& /*call*/) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  for (const auto& [name, value] : sources.flags) json.key(name).string(value);
  json.end_object();
  return Answer::of(std::move(out));
}

Result<Answer> features(const ApiSources& sources, const Call& /*call*/) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  for (const auto& [category, names] : sources.features) {
    json.key(category).begin_object();
    // Operators are names here, and shall be readable.
    for (const auto& [name, on] : names) json.plain_key(name).boolean(on);
    json.end_object();
  }
  json.end_object();
  return Answer::of(std::move(out));
}

Result<Answer> status_build_info(const ApiSources& /*sources*/, const Call& /*call*/) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("version").string(kVersion).key("revision").string(kRevision);
  json.key("branch").string(kBranch).key("buildUser").string("narthex").key("buildDate").string("");
  json.key("goVersion").string(kGoVersion).end_object();
  return Answer::of(std::move(out));
}

Result<Answer> status_runtime_info(const ApiSources& sources, const Call& /*call*/) {
  const RuntimeStatus status = sources.runtime();
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("startTime").time_or_zero(status.start_time);
  json.key("CWD").string(status.working_directory);
  json.key("hostname").string(status.hostname);
  json.key("serverTime").time_or_zero(sources.clock.now());
  json.key("reloadConfigSuccess").boolean(status.reload_succeeded);
  json.key("lastConfigTime").time_or_zero(status.last_reload);
  json.key("corruptionCount").number(sources.db.count_corruptions());
  // Go's words: our threads stand for goroutines and for its limit on them.
  json.key("goroutineCount").number(static_cast<std::uint64_t>(status.threads));
  json.key("GOMAXPROCS").number(static_cast<std::uint64_t>(status.threads));
  json.key("GOMEMLIMIT").number(std::int64_t{0});
  json.key("GOGC").string("").key("GODEBUG").string("");
  json.key("storageRetention").string(status.storage_retention);
  json.end_object();
  return Answer::of(std::move(out));
}

Result<Answer> status_tsdb(const ApiSources& sources, const Call& call) {
  std::size_t rows = kDefaultTableRows;
  if (const auto text = call.parameters.get("limit"); !text.empty()) {
    std::int64_t number = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (ec != std::errc() || end != text.data() + text.size() || number < 1) {
      return fail(Code::invalid, "limit must be a positive number");
    }
    rows = static_cast<std::size_t>(number);
    if (rows > kMaxTableRows)
      return fail(Code::invalid, "limit must not exceed " + std::to_string(kMaxTableRows));
  }
  const tsdb::HeadStats head = sources.db.head_stats();
  const tsdb::CardinalityStats tables = sources.db.cardinality(rows);
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("headStats").begin_object();
  json.key("numSeries").number(head.series);
  json.key("numLabelPairs").number(head.label_pairs);
  json.key("chunkCount").number(head.chunks);
  json.key("minTime").number(head.mint);
  json.key("maxTime").number(head.maxt);
  json.end_object();
  write_table(json, "seriesCountByMetricName", tables.series_by_metric_name);
  write_table(json, "labelValueCountByLabelName", tables.values_by_label_name);
  write_table(json, "memoryInBytesByLabelName", tables.bytes_by_label_name);
  write_table(json, "seriesCountByLabelValuePair", tables.series_by_label_pair);
  write_memory(json, head.memory, sources.scrape.cache_bytes());
  write_ceilings(json, sources.db.ceilings(), sources.db.ceiling_stats());
  write_disk(json, sources.db.disk_state());
  json.end_object();
  return Answer::of(std::move(out));
}

Result<Answer> status_tsdb_blocks(const ApiSources& sources, const Call& /*call*/) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("blocks").begin_array();
  for (const tsdb::BlockMeta& meta : sources.db.blocks()) write_block(json, meta);
  json.end_array().end_object();
  return Answer::of(std::move(out));
}

}  // namespace narthex::web
