#include "tsdb/block/block_querier.h"

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <unordered_set>

#include "storage/merge_querier.h"
#include "tsdb/block/matching.h"
#include "tsdb/chunk/chunk_samples.h"

namespace narthex::tsdb {
namespace {

using Files = std::shared_ptr<const BlockFiles>;

TimeRange overlap(const TimeRange& a, const TimeRange& b) {
  return {std::max(a.mint, b.mint), std::min(a.maxt, b.maxt)};
}

/// Most series have no more labels.
template <class T>
using PerLabel = boost::container::small_vector<T, 16>;

/// Label pairs of one index as ids of one query's pool.
class PairTranslator {
 public:
  PairTranslator(const SymbolTable& symbols, LabelPool& pool, const storage::SelectOptions& options)
      : symbols_(symbols), pool_(pool), wanted_(options.wanted_labels) {}

  /// Appends the ids of a series' labels, of those that are wanted. Errors: corruption.
  Result<void> append(const SeriesEntry& series, PerLabel<PairId>& out) {
    Result<void> fault;
    std::size_t position = 0;
    auto read = series.each_label([&](std::uint64_t name, std::uint64_t value) {
      if (!fault) return;
      // Neighbours in an index share most of their pairs.
      if (position >= last_.size()) last_.push_back({~std::uint64_t{0}, ~std::uint64_t{0}, PairId{}});
      Last& last = last_[position++];
      if (last.name != name || last.value != value) {
        auto id = translate(name, value);
        if (!id) {
          fault = pass(id);
          return;
        }
        last = {name, value, *id};
      }
      if (last.id != kNotWanted) out.push_back(last.id);
    });
    keeps_ids_ = true;
    return read ? fault : read;
  }

 private:
  static constexpr PairId kNotWanted{0xffff'ffff};
  struct Last {
    std::uint64_t name;
    std::uint64_t value;
    PairId id;
  };

  Result<PairId> translate(std::uint64_t name, std::uint64_t value) {
    if ((name | value) >> 32) return fail(Code::corruption, "index: a symbol number beyond 32 bits");
    const std::uint64_t key = name << 32 | value;
    if (const auto known = ids_.find(key); known != ids_.end()) return known->second;
    auto name_text = symbols_.text(name);
    if (!name_text) return pass(name_text);
    auto value_text = symbols_.text(value);
    if (!value_text) return pass(value_text);
    const bool is_wanted = !wanted_ || std::ranges::find(*wanted_, *name_text) != wanted_->end();
    const PairId id = is_wanted ? pool_.pair(*name_text, *value_text) : kNotWanted;
    if (keeps_ids_) ids_.emplace(key, id);
    return id;
  }

  const SymbolTable& symbols_;
  LabelPool& pool_;
  std::optional<std::span<const std::string>> wanted_;
  bool keeps_ids_ = false;  ///< not of the first series, which is the only one of many selects
  boost::unordered_flat_map<std::uint64_t, PairId> ids_;
  PerLabel<Last> last_;
};

// ---- Samples of one series

/// Forgets the samples from `size` on.
void truncate(storage::SampleColumns& out, std::size_t size) {
  out.t.resize(size);
  out.v.resize(size);
  if (!out.st.empty()) out.st.resize(size);
  while (!out.histograms.empty() && out.histograms.back().index >= size) out.histograms.pop_back();
}

void remove_deleted(storage::SampleColumns& out, std::size_t first, std::span<const Stone> stones) {
  std::size_t kept = first;
  auto histogram = std::ranges::lower_bound(out.histograms, first, {}, &storage::HistogramSample::index);
  auto kept_histogram = histogram;
  for (std::size_t i = first; i < out.t.size(); ++i) {
    const Timestamp t = out.t[i];
    const bool is_histogram = histogram != out.histograms.end() && histogram->index == i;
    if (std::ranges::none_of(stones, [t](const Stone& s) { return s.range.contains(t); })) {
      if (is_histogram) *kept_histogram++ = {kept, std::move(histogram->value)};
      out.t[kept] = t;
      out.v[kept] = out.v[i];
      if (!out.st.empty()) out.st[kept] = out.st[i];
      ++kept;
    }
    if (is_histogram) ++histogram;
  }
  out.histograms.erase(kept_histogram, out.histograms.end());
  truncate(out, kept);
}

/// Appends the samples of the chunks in `range`, without deleted ones.
Result<void> read_chunks(const BlockFiles& files, std::span<const ChunkMeta> chunks,
                         std::span<const Stone> stones, TimeRange range, storage::SampleColumns& out) {
  const std::size_t first = out.t.size();
  for (const ChunkMeta& meta : chunks) {
    const TimeRange own{meta.mint, meta.maxt};
    if (!own.overlaps(range) || covers(stones, own)) continue;
    auto chunk = files.chunks.chunk(meta.ref);
    if (!chunk) return pass(chunk);
    const std::size_t before = out.t.size();
    if (auto decoded = decode_chunk(chunk->encoding, chunk->data, range, out); !decoded) return decoded;
    // Only in blocks whose chunks overlap, which nothing writes any more.
    if (first < before && before < out.t.size() && out.t[before] <= out.t[before - 1])
      storage::merge_appended(out, first, before);
  }
  if (!stones.empty()) remove_deleted(out, first, stones);
  return {};
}

class BlockSeriesSet final : public storage::SeriesSet {
 public:
  BlockSeriesSet(Files files, TimeRange range) : files_(std::move(files)), range_(range) {}

  void add(std::uint32_t ref, std::span<const PairId> pairs) {
    refs_.push_back(ref);
    ids_.insert(ids_.end(), pairs.begin(), pairs.end());
    ends_.push_back(ids_.size());
  }

  [[nodiscard]] std::size_t size_bytes() const {
    return refs_.capacity() * sizeof(std::uint32_t) + ids_.capacity() * sizeof(PairId) +
           ends_.capacity() * sizeof(std::size_t);
  }
  [[nodiscard]] std::size_t size() const override { return refs_.size(); }
  [[nodiscard]] std::span<const PairId> labels(std::size_t i) const override {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::span(ids_).subspan(begin, ends_[i] - begin);
  }
  Result<void> samples(std::size_t i, TimeRange range, storage::SampleColumns& out) const override {
    const std::size_t before = out.t.size();
    auto series = files_->index->series(refs_[i]);
    if (!series) return pass(series, "block " + files_->directory);
    // Kept per thread: a query over a million series must not allocate for each.
    static thread_local std::vector<ChunkMeta> chunks;
    chunks.clear();
    auto read = series->chunks(chunks);
    if (read) {
      read = read_chunks(*files_, chunks, files_->tombstones.of(refs_[i]), overlap(range, range_), out);
    }
    if (read) return {};
    truncate(out, before);
    return pass(read, "block " + files_->directory);
  }

 private:
  Files files_;
  TimeRange range_;
  std::vector<std::uint32_t> refs_;
  std::vector<PairId> ids_;  ///< of all series, one after the other
  std::vector<std::size_t> ends_;
};

class BlockQuerier final : public storage::Querier {
 public:
  BlockQuerier(Files files, TimeRange range) : files_(std::move(files)), range_(range) {}

  Result<std::unique_ptr<storage::SeriesSet>> select(TimeRange range, std::span<const Matcher> matchers,
                                                     LabelPool& pool,
                                                     const storage::SelectOptions& options) override {
    auto set = select_here(overlap(range, range_), matchers, pool, options);
    if (!set) return in_block(set);
    return set;
  }
  Result<std::vector<std::string>> label_names(std::span<const Matcher> matchers,
                                               std::size_t limit) override {
    auto names = matchers.empty() ? all_names() : names_of_matching(matchers);
    if (!names) return in_block(names);
    return take(*std::move(names), limit);
  }
  Result<std::vector<std::string>> label_values(std::string_view name, std::span<const Matcher> matchers,
                                                std::size_t limit) override {
    const bool others = std::ranges::any_of(matchers, [&](const Matcher& m) { return m.name() != name; });
    auto values = others ? values_of_matching(name, matchers) : matching_values(name, matchers);
    if (!values) return in_block(values);
    return take(*std::move(values), limit);
  }

 private:
  template <class T>
  std::unexpected<Error> in_block(Result<T>& failed) const {
    return pass(failed, "block " + files_->directory);
  }
  static std::vector<std::string> take(std::vector<std::string> texts, std::size_t limit) {
    if (limit != 0 && texts.size() > limit) texts.resize(limit);
    return texts;
  }

  Result<std::unique_ptr<storage::SeriesSet>> select_here(TimeRange range, std::span<const Matcher> matchers,
                                                          LabelPool& pool,
                                                          const storage::SelectOptions& options) const;
  Result<std::shared_ptr<const SeriesRefs>> matching_series(std::span<const Matcher> matchers) const;
  Result<bool> has_samples(std::uint32_t ref, const SeriesEntry& series, TimeRange range,
                           std::vector<ChunkMeta>& chunks) const;
  Result<std::vector<std::string>> all_names() const;
  Result<std::vector<std::string>> names_of_matching(std::span<const Matcher> matchers) const;
  Result<std::vector<std::string>> matching_values(std::string_view name,
                                                   std::span<const Matcher> matchers) const;
  Result<std::vector<std::string>> values_of_matching(std::string_view name,
                                                      std::span<const Matcher> matchers) const;
  /// Texts of the symbols that pick(name symbol, value symbol) gives for labels of matching series.
  template <class Pick>
  Result<std::vector<std::string>> texts_of_matching(std::span<const Matcher> matchers, Pick pick) const;

  Files files_;
  TimeRange range_;
};

Result<std::shared_ptr<const SeriesRefs>> BlockQuerier::matching_series(
    std::span<const Matcher> matchers) const {
  if (auto known = files_->matched.find(matchers)) return known;
  auto matching = match_series(*files_->index, matchers);
  if (!matching) return pass(matching);
  auto found = std::make_shared<const SeriesRefs>(std::move(*matching));
  files_->matched.add(matchers, found);
  return found;
}

Result<bool> BlockQuerier::has_samples(std::uint32_t ref, const SeriesEntry& series, TimeRange range,
                                       std::vector<ChunkMeta>& chunks) const {
  chunks.clear();
  if (auto read = series.chunks(chunks); !read) return pass(read);
  const auto stones = files_->tombstones.of(ref);
  return std::ranges::any_of(chunks, [&](const ChunkMeta& c) {
    const TimeRange own{c.mint, c.maxt};
    return own.overlaps(range) && (stones.empty() || !covers(stones, overlap(own, range)));
  });
}

/// An index lists its series in the order of their labels, so `options.sorted` asks for nothing.
Result<std::unique_ptr<storage::SeriesSet>> BlockQuerier::select_here(
    TimeRange range, std::span<const Matcher> matchers, LabelPool& pool,
    const storage::SelectOptions& options) const {
  auto set = std::make_unique<BlockSeriesSet>(files_, range);
  if (range.mint > range.maxt) return set;
  const IndexReader& index = *files_->index;
  auto refs = matching_series(matchers);
  if (!refs) return pass(refs);
  auto symbols = index.symbols();
  if (!symbols) return pass(symbols);
  PairTranslator translator(**symbols, pool, options);
  storage::SelectMeter meter(options.budget, pool);
  std::vector<ChunkMeta> chunks;
  PerLabel<PairId> pairs;
  for (const std::uint32_t ref : **refs) {
    auto series = index.series(ref);
    if (!series) return pass(series);
    auto wanted = has_samples(ref, *series, range, chunks);
    if (!wanted) return pass(wanted);
    if (!*wanted) continue;
    pairs.clear();
    if (auto translated = translator.append(*series, pairs); !translated) return pass(translated);
    set->add(ref, pairs);
    if (auto fits = meter.series_added(set->size_bytes()); !fits) return pass(fits);
    if (options.limit != 0 && set->size() == options.limit) break;
  }
  if (auto fits = meter.settle(set->size_bytes()); !fits) return pass(fits);
  return set;
}

Result<std::vector<std::string>> BlockQuerier::all_names() const {
  auto table = files_->index->postings_table();
  if (!table) return pass(table);
  const auto names = (*table)->names();
  return std::vector<std::string>(names.begin(), names.end());
}

template <class Pick>
Result<std::vector<std::string>> BlockQuerier::texts_of_matching(std::span<const Matcher> matchers,
                                                                 Pick pick) const {
  const IndexReader& index = *files_->index;
  auto refs = match_series(index, matchers);
  if (!refs) return pass(refs);
  std::unordered_set<std::uint64_t> numbers;
  for (const std::uint32_t ref : *refs) {
    auto series = index.series(ref);
    if (!series) return pass(series);
    auto read = series->each_label([&](std::uint64_t name, std::uint64_t value) {
      if (const std::optional<std::uint64_t> number = pick(name, value)) numbers.insert(*number);
    });
    if (!read) return pass(read);
  }
  auto symbols = index.symbols();
  if (!symbols) return pass(symbols);
  std::vector<std::string> texts;
  for (const std::uint64_t number : numbers) {
    auto text = (*symbols)->text(number);
    if (!text) return pass(text);
    texts.emplace_back(*text);
  }
  std::sort(texts.begin(), texts.end());
  return texts;
}

Result<std::vector<std::string>> BlockQuerier::names_of_matching(std::span<const Matcher> matchers) const {
  return texts_of_matching(matchers, [](std::uint64_t name, std::uint64_t) { return std::optional(name); });
}

/// Values of `name` that satisfy matchers on that very label: without looking at series.
Result<std::vector<std::string>> BlockQuerier::matching_values(std::string_view name,
                                                               std::span<const Matcher> matchers) const {
  auto table = files_->index->postings_table();
  if (!table) return pass(table);
  std::vector<std::string> values;
  if (name.empty()) return values;
  (*table)->each_value(name, "", [&](std::string_view value, std::uint64_t) {
    if (std::ranges::all_of(matchers, [&](const Matcher& m) { return m.matches(value); }))
      values.emplace_back(value);
    return true;
  });
  return values;
}

Result<std::vector<std::string>> BlockQuerier::values_of_matching(std::string_view name,
                                                                  std::span<const Matcher> matchers) const {
  auto symbols = files_->index->symbols();
  if (!symbols) return pass(symbols);
  const auto wanted = (*symbols)->find(name);
  if (!wanted) return std::vector<std::string>();
  return texts_of_matching(matchers, [&](std::uint64_t n, std::uint64_t value) {
    return n == *wanted ? std::optional(value) : std::nullopt;
  });
}

}  // namespace

std::unique_ptr<storage::Querier> make_block_querier(std::shared_ptr<const BlockFiles> files,
                                                     TimeRange range) {
  return std::make_unique<BlockQuerier>(std::move(files), range);
}

}  // namespace narthex::tsdb
