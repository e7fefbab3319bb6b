#include "tsdb/head/series_ceilings.h"

#include "model/value.h"

namespace narthex::tsdb {
namespace {

/// Of a series with its labels, postings and first chunk; bench/append_bench --memory.
constexpr std::uint64_t kBytesOfNewSeries = 600;
/// Names of labels that are watched for refused series: a target may invent as many as it likes.
constexpr std::size_t kMostNames = 1000;

constexpr std::string_view kJobLabel = "job";

std::uint64_t find_or_0(const std::map<std::string, std::uint64_t, std::less<>>& counts,
                        std::string_view name) {
  const auto at = counts.find(name);
  return at == counts.end() ? 0 : at->second;
}

}  // namespace

bool SeriesCeilings::refuses(const SeriesIndex& index, const Labels& labels) {
  const std::string_view job = labels.get(kJobLabel);
  for (const CeilingKind kind : {CeilingKind::series, CeilingKind::series_per_job, CeilingKind::memory}) {
    if (!is_reached(kind, index, job)) continue;
    ++refused_[static_cast<std::size_t>(kind)];
    last_refused_job_ = job;
    note_unknown(index, labels);
    return true;
  }
  made_since_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

bool SeriesCeilings::is_reached(CeilingKind kind, const SeriesIndex& index, std::string_view job) const {
  switch (kind) {
    case CeilingKind::series:
      return ceilings_.series > 0 && index.count() >= ceilings_.series;
    case CeilingKind::series_per_job: {
      if (ceilings_.series_per_job == 0 || job.empty()) return false;
      const PairNumber pair = index.dictionary().find(kJobLabel, job);
      return pair != kNoNumber && index.dictionary().count_users(pair) >= ceilings_.series_per_job;
    }
    case CeilingKind::memory: {
      if (ceilings_.memory_bytes == 0) return false;
      const std::uint64_t made = made_since_.load(std::memory_order_relaxed);
      return memory_bytes_.load(std::memory_order_relaxed) + made * kBytesOfNewSeries >=
             ceilings_.memory_bytes;
    }
  }
  return false;
}

void SeriesCeilings::note_unknown(const SeriesIndex& index, const Labels& labels) {
  for (const LabelView label : labels) {
    if (index.dictionary().find(label.name, label.value) != kNoNumber) continue;
    const auto known = newer_.unknown.find(label.name);
    if (known != newer_.unknown.end()) {
      ++known->second;
    } else if (newer_.unknown.size() < kMostNames) {
      newer_.unknown.emplace(label.name, 1);
    }
  }
}

void SeriesCeilings::turn_window(const SeriesIndex& index) {
  Window now;
  const PairDictionary& dictionary = index.dictionary();
  for (NameNumber n = 0; n < dictionary.names_end(); ++n) {
    if (const std::size_t values = dictionary.pairs_of(n).size(); values > 0)
      now.values.emplace(dictionary.name_text(n), values);
  }
  older_ = has_window_ ? std::move(newer_) : now;
  newer_ = std::move(now);
  has_window_ = true;
}

CeilingStats SeriesCeilings::stats(const SeriesIndex& index) const {
  CeilingStats stats;
  stats.refused = refused_;
  stats.last_refused_job = last_refused_job_;
  const PairDictionary& dictionary = index.dictionary();
  const auto compare = [&stats](std::string_view name, std::uint64_t values) {
    if (values <= stats.fastest_label_values) return;
    stats.fastest_label = name;
    stats.fastest_label_values = values;
  };
  const auto unknown = [this](std::string_view name) {
    return find_or_0(older_.unknown, name) + find_or_0(newer_.unknown, name);
  };
  for (NameNumber n = 0; n < dictionary.names_end(); ++n) {
    const std::uint64_t now = dictionary.pairs_of(n).size();
    if (now == 0) continue;
    const std::string_view name = dictionary.name_text(n);
    const std::uint64_t before = find_or_0(older_.values, name);
    compare(name, (now > before ? now - before : 0) + unknown(name));
  }
  // Labels that only refused series have.
  for (const Window* window : {&older_, &newer_}) {
    for (const auto& [name, count] : window->unknown) compare(name, unknown(name));
  }
  return stats;
}

}  // namespace narthex::tsdb
