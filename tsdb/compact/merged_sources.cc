#include "tsdb/compact/merged_sources.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace narthex::tsdb {

struct MergedSources::Head {
  explicit Head(std::unique_ptr<ChunkSource> s) : source(std::move(s)) {}

  std::unique_ptr<ChunkSource> source;
  SourceSeries series;
  bool is_due = true;  ///< `series` was given out, or nothing was read yet
  bool is_done = false;
  bool has_begun = false;
};

MergedSources::MergedSources(std::vector<std::unique_ptr<ChunkSource>> sources) {
  heads_.reserve(sources.size());
  for (auto& source : sources) heads_.push_back(std::make_unique<Head>(std::move(source)));
}

MergedSources::~MergedSources() = default;

Result<std::vector<std::string>> MergedSources::symbols() {
  std::vector<std::string> all;
  for (const auto& head : heads_) {
    std::vector<std::string> own;
    if (auto read = head->source->symbols(own); !read) return pass(read);
    if (!std::ranges::is_sorted(own)) std::ranges::sort(own);
    // After each source, so that no more than one's symbols are held twice.
    std::vector<std::string> both;
    both.reserve(all.size() + own.size());
    std::merge(std::make_move_iterator(all.begin()), std::make_move_iterator(all.end()),
               std::make_move_iterator(own.begin()), std::make_move_iterator(own.end()),
               std::back_inserter(both));
    both.erase(std::unique(both.begin(), both.end()), both.end());
    all = std::move(both);
  }
  return all;
}

Result<void> MergedSources::advance(Head& head) {
  const Labels before = std::move(head.series.labels);
  auto found = head.source->next(head.series);
  if (!found) return pass(found);
  head.is_due = false;
  head.is_done = !*found;
  if (*found && head.has_begun && head.series.labels <= before) {
    return fail(Code::corruption,
                "series " + head.series.labels.to_string() + " does not come behind " + before.to_string());
  }
  head.has_begun = true;
  return {};
}

Result<std::span<const SourceSeries* const>> MergedSources::next() {
  for (const auto& head : heads_) {
    if (!head->is_due || head->is_done) continue;
    if (auto advanced = advance(*head); !advanced) return pass(advanced);
  }
  group_.clear();
  for (const auto& head : heads_) {
    if (head->is_done) continue;
    const auto order =
        group_.empty() ? std::strong_ordering::less : head->series.labels <=> group_.front()->labels;
    if (order > 0) continue;
    if (order < 0) group_.clear();
    group_.push_back(&head->series);
  }
  for (const auto& head : heads_) head->is_due = std::ranges::find(group_, &head->series) != group_.end();
  return std::span<const SourceSeries* const>(group_);
}

}  // namespace narthex::tsdb
