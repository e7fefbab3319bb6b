#include "scrape/exposition/created_lines.h"

#include <xxhash.h>

#include <algorithm>

namespace narthex::scrape {
namespace {

constexpr std::string_view kSuffix = "_created";

bool is_bound(MetricType type, std::string_view label) {
  return (type == MetricType::histogram && label == kBucketLabel) ||
         (type == MetricType::summary && label == "quantile");
}

void mix(std::uint64_t& hash, std::string_view text) {
  hash = XXH3_64bits_withSeed(text.data(), text.size(), hash);
}

void set_start(std::vector<Timestamp>& starts, std::size_t index, Timestamp start) {
  if (starts.size() <= index) starts.resize(index + 1);
  starts[index] = start;
}

/// 0 for what is no time.
Timestamp to_milliseconds(double seconds) {
  const double ms = seconds * 1000;
  constexpr double kMost = 9.2e18;
  return ms > -kMost && ms < kMost ? static_cast<Timestamp>(ms) : 0;
}

}  // namespace

void CreatedLines::begin_family(std::string_view name) {
  family_size_ = name.size();
  waiting_.clear();
}

Result<bool> CreatedLines::read(std::string_view series_text, MetricType type) {
  spans_.clear();
  if (auto read = read_series_spans(series_text, Format::open_metrics, spans_); !read) return pass(read);
  const std::string_view name = *spans_.metric_name;
  const bool created = name.ends_with(kSuffix);
  hash_ = 0;
  mix(hash_, created ? name.substr(0, name.size() - kSuffix.size()) : name.substr(0, family_size_));
  for (const LabelView& label : spans_.labels) {
    if (is_bound(type, label.name)) continue;
    mix(hash_, label.name);
    mix(hash_, label.value);
  }
  return created;
}

void CreatedLines::add(std::size_t index, std::vector<Timestamp>& starts) {
  if (known_ && known_hash_ == hash_) return set_start(starts, index, known_start_);
  known_ = false;
  waiting_.push_back({index, hash_});
}

void CreatedLines::resolve(double seconds, std::vector<Timestamp>& starts) {
  if (waiting_.empty()) return;
  const Timestamp start = to_milliseconds(seconds);
  for (const Waiting& w : waiting_) {
    if (w.hash == hash_) set_start(starts, w.sample, start);
  }
  known_ = waiting_.back().hash == hash_ && start > 0;
  known_hash_ = hash_;
  known_start_ = start;
  waiting_.clear();
}

}  // namespace narthex::scrape
