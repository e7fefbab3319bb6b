#include "tsdb/block/block_meta.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <span>

namespace narthex::tsdb {
namespace {

namespace json = boost::json;

/// A meta.json is a few KiB; one that lists the parents of a very large compaction some more.
constexpr std::size_t kMaxMetaBytes = 64 << 20;

std::unexpected<Error> bad_meta(std::string_view what) {
  return fail(Code::corruption, fmt::format("meta.json: {}", what));
}

// ---- Reading

/// Finds the text of one top-level member. The text must be well-formed JSON: it has been
/// parsed before.
class MemberFinder {
 public:
  explicit MemberFinder(std::string_view text) : text_(text) {}

  [[nodiscard]] std::string_view find(std::string_view name) {
    at_ = text_.find('{') + 1;
    while (at_ < text_.size()) {
      at_ = text_.find_first_of("\"}", at_);
      if (at_ >= text_.size() || text_[at_] == '}') return {};
      const std::string_view key = take_string();
      at_ = text_.find_first_not_of(" \t\r\n:", at_);
      const std::size_t start = at_;
      skip_value();
      if (key.substr(1, key.size() - 2) == name) return text_.substr(start, at_ - start);
    }
    return {};
  }

 private:
  std::string_view take_string() {
    const std::size_t start = at_++;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_ + 1, text_.size());
    return text_.substr(start, at_ - start);
  }
  void skip_value() {
    int depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (depth == 0 && (c == ',' || c == '}' || c == ' ' || c == '\t' || c == '\r' || c == '\n')) return;
      if (c == '"') {
        take_string();
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      ++at_;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

/// Reads members of the types that the format says; remembers the first that is of another.
class Fields {
 public:
  Fields(const json::object& object, std::string& fault) : object_(object), fault_(fault) {}

  template <class Number>
  void read(const char* name, Number& out) const {
    const json::value* value = object_.if_contains(name);
    if (value == nullptr || value->is_null()) return;
    boost::system::error_code error;
    out = value->to_number<Number>(error);
    if (error) reject(name, "is no whole number in range");
  }
  void read(const char* name, bool& out) const {
    const json::value* value = object_.if_contains(name);
    if (value == nullptr || value->is_null()) return;
    if (value->is_bool())
      out = value->get_bool();
    else
      reject(name, "is neither true nor false");
  }
  void read(const char* name, std::string& out) const {
    const json::value* value = object_.if_contains(name);
    if (value == nullptr || value->is_null()) return;
    if (value->is_string())
      out = value->get_string();
    else
      reject(name, "is no text");
  }
  void read_ulid(const char* name, std::string& out) const {
    read(name, out);
    if (!is_ulid(out)) reject(name, "is no ULID");
  }
  [[nodiscard]] const json::array& array(const char* name) const {
    static const json::array kNone;
    const json::value* value = object_.if_contains(name);
    if (value == nullptr || value->is_null()) return kNone;
    if (value->is_array()) return value->get_array();
    reject(name, "is no list");
    return kNone;
  }
  [[nodiscard]] const json::object& object(const char* name) const {
    static const json::object kNone;
    const json::value* value = object_.if_contains(name);
    if (value == nullptr || value->is_null()) return kNone;
    if (value->is_object()) return value->get_object();
    reject(name, "is no object");
    return kNone;
  }
  [[nodiscard]] bool are_known(std::span<const std::string_view> names) const {
    return std::ranges::all_of(object_, [&](const json::key_value_pair& member) {
      return std::ranges::find(names, std::string_view(member.key())) != names.end();
    });
  }
  void reject(const char* name, const char* why) const {
    if (fault_.empty()) fault_ = fmt::format("\"{}\" {}", name, why);
  }

 private:
  const json::object& object_;
  std::string& fault_;
};

void read_texts(const Fields& fields, const char* name, std::vector<std::string>& out) {
  for (const json::value& value : fields.array(name)) {
    if (value.is_string())
      out.emplace_back(value.get_string());
    else
      fields.reject(name, "holds something that is no text");
  }
}

bool is_known_hint(std::string_view hint) {
  return hint == kFromOutOfOrder || hint == kFromStaleSeries || hint == kFromSelectedSeries;
}

void read_compaction(const json::object& object, BlockMeta& meta, std::string& fault) {
  static constexpr std::string_view kMembers[] = {"level",   "deletable", "failed",
                                                  "sources", "parents",   "hints"};
  const Fields compaction(object, fault);
  compaction.read("level", meta.level);
  compaction.read("deletable", meta.deletable);
  compaction.read("failed", meta.failed);
  read_texts(compaction, "sources", meta.sources);
  read_texts(compaction, "hints", meta.hints);
  meta.unclear =
      meta.level < 1 || !compaction.are_known(kMembers) || !std::ranges::all_of(meta.hints, is_known_hint);
  for (const std::string& source : meta.sources)
    if (!is_ulid(source)) compaction.reject("sources", "holds something that is no ULID");
  for (const json::value& value : compaction.array("parents")) {
    if (!value.is_object()) {
      compaction.reject("parents", "holds something that is no object");
      continue;
    }
    const Fields parent(value.get_object(), fault);
    BlockDescription& description = meta.parents.emplace_back();
    parent.read_ulid("ulid", description.ulid);
    parent.read("minTime", description.mint);
    parent.read("maxTime", description.maxt);
  }
}

// ---- Writing

std::string quoted(std::string_view text) {
  return json::serialize(json::string(text));
}

/// Members of an object that are written only if they say something, as Go's "omitempty".
class Members {
 public:
  explicit Members(int depth) : indent_(static_cast<std::size_t>(depth), '\t') {}

  void add(std::string_view name, std::string_view text) {
    text_ += fmt::format("{}\n{}\t\"{}\": {}", text_.empty() ? "" : ",", indent_, name, text);
  }
  void add_number(std::string_view name, std::int64_t value) { add(name, std::to_string(value)); }
  void add_count(std::string_view name, std::uint64_t value) {
    if (value != 0) add(name, std::to_string(value));
  }
  void add_flag(std::string_view name, bool value) {
    if (value) add(name, "true");
  }
  void add_list(std::string_view name, const std::vector<std::string>& items) {
    if (items.empty()) return;
    std::string list = "[";
    for (const std::string& item : items)
      list += fmt::format("{}\n{}\t\t{}", list.size() == 1 ? "" : ",", indent_, item);
    add(name, list + "\n" + indent_ + "\t]");
  }
  [[nodiscard]] std::string object() const {
    return text_.empty() ? "{}" : fmt::format("{{{}\n{}}}", text_, indent_);
  }

 private:
  std::string indent_;
  std::string text_;
};

std::string write_stats(const BlockMeta& meta) {
  Members stats(1);
  stats.add_count("numSamples", meta.num_samples);
  stats.add_count("numFloatSamples", meta.num_float_samples);
  stats.add_count("numHistogramSamples", meta.num_histogram_samples);
  stats.add_count("numSeries", meta.num_series);
  stats.add_count("numChunks", meta.num_chunks);
  stats.add_count("numTombstones", meta.num_tombstones);
  return stats.object();
}

std::vector<std::string> quote_all(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  out.reserve(texts.size());
  for (const std::string& text : texts) out.push_back(quoted(text));
  return out;
}

std::string write_compaction(const BlockMeta& meta) {
  Members compaction(1);
  compaction.add_number("level", meta.level);
  compaction.add_list("sources", quote_all(meta.sources));
  compaction.add_flag("deletable", meta.deletable);
  std::vector<std::string> parents;
  for (const BlockDescription& description : meta.parents) {
    Members parent(3);
    parent.add("ulid", quoted(description.ulid));
    parent.add_number("minTime", description.mint);
    parent.add_number("maxTime", description.maxt);
    parents.push_back(parent.object());
  }
  compaction.add_list("parents", parents);
  compaction.add_flag("failed", meta.failed);
  compaction.add_list("hints", quote_all(meta.hints));
  return compaction.object();
}

}  // namespace

bool has_hint(const BlockMeta& meta, std::string_view hint) {
  return std::ranges::find(meta.hints, hint) != meta.hints.end();
}

void add_hint(BlockMeta& meta, std::string_view hint) {
  if (has_hint(meta, hint)) return;
  meta.hints.emplace_back(hint);
  std::ranges::sort(meta.hints);
}

Result<BlockMeta> parse_block_meta(std::string_view text) {
  if (text.size() > kMaxMetaBytes) return bad_meta("longer than 64 MiB");
  boost::system::error_code error;
  const json::value root = json::parse(text, error);
  if (error) return bad_meta(error.message());
  if (!root.is_object()) return bad_meta("no JSON object");
  BlockMeta meta;
  std::string fault;
  const Fields fields(root.get_object(), fault);
  fields.read("version", meta.version);
  if (fault.empty() && (meta.version != 1 || root.get_object().if_contains("version") == nullptr))
    return bad_meta(fmt::format("version {} is not known", meta.version));
  fields.read_ulid("ulid", meta.ulid);
  fields.read("minTime", meta.mint);
  fields.read("maxTime", meta.maxt);
  const Fields stats(fields.object("stats"), fault);
  stats.read("numSamples", meta.num_samples);
  stats.read("numFloatSamples", meta.num_float_samples);
  stats.read("numHistogramSamples", meta.num_histogram_samples);
  stats.read("numSeries", meta.num_series);
  stats.read("numChunks", meta.num_chunks);
  stats.read("numTombstones", meta.num_tombstones);
  meta.level = 0;
  read_compaction(fields.object("compaction"), meta, fault);
  if (!fault.empty()) return bad_meta(fault);
  meta.thanos_json = MemberFinder(text).find("thanos");
  return meta;
}

std::string write_block_meta(const BlockMeta& meta) {
  Members members(0);
  members.add("ulid", quoted(meta.ulid));
  members.add_number("minTime", meta.mint);
  members.add_number("maxTime", meta.maxt);
  members.add("stats", write_stats(meta));
  members.add("compaction", write_compaction(meta));
  members.add_number("version", meta.version);
  if (!meta.thanos_json.empty()) members.add("thanos", meta.thanos_json);
  return members.object();
}

bool is_cut_from_head(const BlockMeta& meta) {
  return meta.hints.empty() && !meta.unclear;
}

}  // namespace narthex::tsdb
