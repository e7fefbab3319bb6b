// The storage section: retention, exemplars, and the settings of parts that are to come.
#include <fmt/format.h>

#include <array>

#include "config/readers.h"
#include "model/value.h"

namespace narthex::config {

namespace {

constexpr std::int64_t kDefaultExemplars = 100'000;

YamlOut write_retention(const RetentionConfig& retention) {
  YamlOut yaml = YamlOut::mapping();
  yaml.add_if(retention.time != 0, "time", YamlOut::duration(retention.time));
  yaml.add_if(retention.size_bytes != 0, "size", YamlOut::byte_size(retention.size_bytes));
  yaml.add_if(retention.percentage != 0, "percentage", YamlOut::number(retention.percentage));
  return yaml;
}

void read_retention(const ReadContext& context, const Section& tsdb, Read<TsdbConfig>& out) {
  RetentionConfig& retention = out.value.retention;
  if (!tsdb.given("retention")) {
    retention = context.options.retention;
    out.yaml.add("retention", write_retention(retention));
    return;
  }
  static constexpr std::array<std::string_view, 3> kKnown = {"time", "size", "percentage"};
  const Section section(context.findings, *tsdb.find("retention"), tsdb.path_of("retention"), {kKnown, {}});
  std::int64_t size = 0;
  section.duration("time", retention.time);
  section.byte_size("size", size);
  section.number("percentage", retention.percentage);
  if (size < 0)
    section.refuse(
        "size",
        fmt::format("'storage.tsdb.retention.size' must be greater than or equal to 0, got {}", size));
  if (!(retention.percentage >= 0 && retention.percentage <= 100)) {
    section.refuse("percentage",
                   fmt::format("'storage.tsdb.retention.percentage' must be in the range [0, 100], got {}",
                               format_general(retention.percentage)));
  }
  retention.size_bytes = static_cast<std::uint64_t>(size < 0 ? 0 : size);
  out.yaml.add("retention", write_retention(retention));
}

/// @return  "" or the encoding of float chunks
std::string read_chunk_encoding(const ReadContext& context, const Section& tsdb) {
  std::string floats;
  if (!tsdb.given("chunk_encoding")) return floats;
  static constexpr std::array<std::string_view, 1> kKnown = {"floats"};
  const Section section(context.findings, *tsdb.find("chunk_encoding"), tsdb.path_of("chunk_encoding"),
                        {kKnown, {}});
  section.text("floats", floats);
  if (!floats.empty() && floats != "xor" && floats != "xor2") {
    section.refuse("floats",
                   fmt::format("'storage.tsdb.chunk_encoding.floats' must be 'xor' or 'xor2', or the field "
                               "must be omitted entirely, got {}",
                               quote(floats)));
  }
  return floats;
}

void read_tsdb(const ReadContext& context, const YamlNode& node, Read<TsdbConfig>& out) {
  static constexpr std::array<std::string_view, 4> kKnown = {
      "out_of_order_time_window", "stale_series_compaction_threshold", "chunk_encoding", "retention"};
  const Section section(context.findings, node, "storage.tsdb", {kKnown, {}});
  DurationMs window = 0;
  double threshold = 0;
  section.duration("out_of_order_time_window", window);
  if (window != 0) section.not_supported("out_of_order_time_window");
  section.number("stale_series_compaction_threshold", threshold);
  if (threshold != 0) section.not_supported("stale_series_compaction_threshold");
  out.yaml.add("outofordertimewindow", YamlOut::number(std::uint64_t{0}));
  const std::string floats = read_chunk_encoding(context, section);
  if (!floats.empty()) {
    out.value.xor2_floats = floats == "xor2";
    YamlOut encoding = YamlOut::mapping();
    encoding.add("floats", YamlOut::text(floats));
    out.yaml.add("chunk_encoding", std::move(encoding));
  }
  read_retention(context, section, out);
}

/// storage.exemplars: counts only with the feature exemplar-storage.
void read_exemplars(const ReadContext& context, const Section& storage, Read<TsdbConfig>& out) {
  static constexpr std::array<std::string_view, 1> kKnown = {"max_exemplars"};
  std::int64_t most = kDefaultExemplars;
  if (storage.given("exemplars")) {
    const Section section(context.findings, *storage.find("exemplars"), "storage.exemplars", {kKnown, {}});
    most = 0;
    section.signed_number("max_exemplars", most);
  } else if (!context.options.exemplar_storage) {
    return;
  }
  const std::uint64_t kept = most > 0 ? static_cast<std::uint64_t>(most) : 0;
  if (context.options.exemplar_storage) out.value.max_exemplars = kept;
  YamlOut yaml = YamlOut::mapping();
  yaml.add_if(most != 0, "max_exemplars",
              most > 0 ? YamlOut::number(kept) : YamlOut::number(static_cast<double>(most)));
  out.yaml.add("exemplars", std::move(yaml));
}

}  // namespace

Read<TsdbConfig> read_storage(const ReadContext& context, const YamlNode& node) {
  static constexpr std::array<std::string_view, 2> kKnown = {"tsdb", "exemplars"};
  static const YamlNode kNothing;
  const Section section(context.findings, node, "storage", {kKnown, {}});
  Read<TsdbConfig> tsdb;
  read_tsdb(context, section.given("tsdb") ? *section.find("tsdb") : kNothing, tsdb);
  Read<TsdbConfig> out{.value = tsdb.value};
  out.yaml.add("tsdb", std::move(tsdb.yaml));
  read_exemplars(context, section, out);
  return out;
}

}  // namespace narthex::config
