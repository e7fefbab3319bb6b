#include "apps/narthextool/tsdb_analyze.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cmath>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "apps/narthextool/chunk_statistics.h"
#include "apps/narthextool/go_text.h"
#include "model/labels.h"
#include "query/promql/parser.h"
#include "tsdb/block/block_querier.h"
#include "tsdb/block/matching.h"
#include "tsdb/read_only.h"

namespace narthex::apps {
namespace {

using tsdb::BlockFiles;
using tsdb::BlockMeta;

/// One line of a list.
struct Line {
  std::uint64_t number = 0;
  std::string key;
};

std::string list_text(std::string_view title, std::vector<Line> lines, int limit) {
  std::ranges::sort(lines, [](const Line& a, const Line& b) {
    return a.number != b.number ? a.number > b.number : a.key < b.key;
  });
  std::string out = fmt::format("\n{}:\n", title);
  for (std::size_t i = 0; i < lines.size() && static_cast<std::int64_t>(i) < limit; ++i) {
    out += fmt::format("{} {}\n", lines[i].number, lines[i].key);
  }
  return out;
}

/// Time that series do not cover, as so many times the whole block.
std::uint64_t in_blocks(std::uint64_t uncovered, std::uint64_t duration) {
  const double share = static_cast<double>(uncovered) / static_cast<double>(duration);
  constexpr double kBeyond = 1.8e19;
  return share < kBeyond ? static_cast<std::uint64_t>(share) : 0;
}

/// Counts of label pairs and names over the selected series, by symbol number.
class Census {
 public:
  Census(const BlockFiles& files, const tsdb::SymbolTable& symbols, const BlockMeta& meta)
      : files_(files),
        symbols_(symbols),
        duration_(static_cast<std::uint64_t>(meta.maxt) - static_cast<std::uint64_t>(meta.mint)) {}

  Result<void> add(std::uint32_t ref) {
    auto entry = files_.index->series(ref);
    if (!entry) return pass(entry);
    chunks_.clear();
    if (auto listed = entry->chunks(chunks_); !listed) return listed;
    if (chunks_.empty()) {
      return fail(Code::corruption, fmt::format("index: series {} has no chunks", ref));
    }
    const std::uint64_t uncovered = duration_ - (static_cast<std::uint64_t>(chunks_.back().maxt) -
                                                 static_cast<std::uint64_t>(chunks_.front().mint));
    return entry->each_label([&](std::uint64_t name, std::uint64_t value) {
      Pair& pair = pairs_[{name, value}];
      ++pair.count;
      pair.uncovered += uncovered;
      ++entries_;
    });
  }

  /// Texts of all symbols. Before the lists are asked for. Errors: corruption.
  Result<void> name_everything() {
    for (const auto& [key, pair] : pairs_) {
      auto name = symbols_.text(key.first);
      if (!name) return pass(name);
      auto value = symbols_.text(key.second);
      if (!value) return pass(value);
      named_.push_back({*name, *value, pair});
    }
    for (const Named& n : named_) {
      Name& name = names_[n.name];
      name.uncovered += n.pair.uncovered;
      ++name.values;
      name.value_bytes += n.value.size();
    }
    return {};
  }

  [[nodiscard]] std::size_t count_names() const { return names_.size(); }
  [[nodiscard]] std::size_t count_pairs() const { return named_.size(); }
  [[nodiscard]] std::uint64_t count_entries() const { return entries_; }

  [[nodiscard]] std::vector<Line> churning_pairs() const {
    return of_pairs([this](const Named& n) { return in_blocks(n.pair.uncovered, duration_); });
  }
  [[nodiscard]] std::vector<Line> common_pairs() const {
    return of_pairs([](const Named& n) { return n.pair.count; });
  }
  [[nodiscard]] std::vector<Line> churning_names() const {
    return of_names([this](const Name& n) { return in_blocks(n.uncovered, duration_); });
  }
  [[nodiscard]] std::vector<Line> longest_names() const {
    return of_names([](const Name& n) { return n.value_bytes; });
  }
  [[nodiscard]] std::vector<Line> widest_names() const {
    return of_names([](const Name& n) { return n.values; });
  }
  [[nodiscard]] std::vector<Line> metrics() const {
    std::vector<Line> lines;
    for (const Named& n : named_) {
      if (n.name == kMetricName) lines.push_back({n.pair.count, std::string(n.value)});
    }
    return lines;
  }

 private:
  struct Pair {
    std::uint64_t count = 0;
    std::uint64_t uncovered = 0;  ///< milliseconds
  };
  struct Named {
    std::string_view name;
    std::string_view value;
    Pair pair;
  };
  struct Name {
    std::uint64_t uncovered = 0;
    std::uint64_t values = 0;
    std::uint64_t value_bytes = 0;
  };

  template <class Number>
  [[nodiscard]] std::vector<Line> of_pairs(Number number) const {
    std::vector<Line> lines;
    lines.reserve(named_.size());
    for (const Named& n : named_) lines.push_back({number(n), fmt::format("{}={}", n.name, n.value)});
    return lines;
  }
  template <class Number>
  [[nodiscard]] std::vector<Line> of_names(Number number) const {
    std::vector<Line> lines;
    for (const auto& [text, name] : names_) lines.push_back({number(name), std::string(text)});
    return lines;
  }

  const BlockFiles& files_;
  const tsdb::SymbolTable& symbols_;
  std::uint64_t duration_;
  boost::unordered_flat_map<std::pair<std::uint64_t, std::uint64_t>, Pair> pairs_;
  std::vector<Named> named_;
  boost::unordered_flat_map<std::string_view, Name> names_;
  std::uint64_t entries_ = 0;
  std::vector<tsdb::ChunkMeta> chunks_;
};

Result<void> analyze_chunks(const BlockFiles& files, const tsdb::SeriesRefs& refs, const Print& print) {
  ChunkStatistics statistics;
  std::vector<tsdb::ChunkMeta> chunks;
  for (const std::uint32_t ref : refs) {
    auto entry = files.index->series(ref);
    if (!entry) return pass(entry);
    chunks.clear();
    if (auto listed = entry->chunks(chunks); !listed) return listed;
    for (const tsdb::ChunkMeta& meta : chunks) {
      auto chunk = files.chunks.chunk(meta.ref);
      if (!chunk) return pass(chunk);
      if (auto added = statistics.add(*chunk); !added) return added;
    }
  }
  print(statistics.text());
  return {};
}

Result<void> analyze_block(const tsdb::Block& block, const AnalyzeOptions& options,
                           std::span<const Matcher> matchers, const Print& print) {
  const BlockMeta& meta = block.meta();
  const auto files = block.files();
  print(fmt::format("Block ID: {}\nDuration: {}\nTotal Series: {}\n", meta.ulid,
                    go_duration_between(meta.mint, meta.maxt), meta.num_series));
  if (!options.selector.empty()) print(fmt::format("Matcher: {}\n", options.selector));
  auto symbols = files->index->symbols();
  if (!symbols) return pass(symbols);
  auto refs = tsdb::match_series(*files->index, matchers);
  if (!refs) return pass(refs);
  Census census(*files, **symbols, meta);
  for (const std::uint32_t ref : *refs) {
    if (auto added = census.add(ref); !added) return added;
  }
  if (auto named = census.name_everything(); !named) return named;

  print(fmt::format("Label names: {}\n", census.count_names()));
  if (!options.selector.empty()) print(fmt::format("Matched series: {}\n", refs->size()));
  print(fmt::format("Postings (unique label pairs): {}\n", census.count_pairs()));
  print(fmt::format("Postings entries (total label pairs): {}\n", census.count_entries()));
  print(list_text("Label pairs most involved in churning", census.churning_pairs(), options.limit));
  print(list_text("Label names most involved in churning", census.churning_names(), options.limit));
  print(list_text("Most common label pairs", census.common_pairs(), options.limit));
  print(list_text("Label names with highest cumulative label value length", census.longest_names(),
                  options.limit));
  print(list_text("Highest cardinality labels", census.widest_names(), options.limit));
  print(list_text("Highest cardinality metric names", census.metrics(), options.limit));
  return options.extended ? analyze_chunks(*files, *refs, print) : Result<void>();
}

}  // namespace

Result<void> analyze(io::FileSystem& fs, const AnalyzeOptions& options, const Print& print) {
  std::vector<Matcher> matchers;
  if (!options.selector.empty()) {
    auto parsed = query::parse_selector(options.selector);
    if (!parsed) return pass(parsed);
    matchers = *std::move(parsed);
  }
  const auto db = tsdb::ReadOnlyDb::open(fs, options.directory);
  if (!db) return std::unexpected(db.error());
  std::string ulid = options.block;
  if (ulid.empty()) {
    auto last = db->last_block();
    if (!last) return pass(last);
    ulid = *std::move(last);
  }
  const auto block = db->block(ulid);
  if (!block) return std::unexpected(block.error());
  auto analyzed = analyze_block(**block, options, matchers, print);
  if (!analyzed) return pass(analyzed, "block " + ulid);
  return {};
}

}  // namespace narthex::apps
