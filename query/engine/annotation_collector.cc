#include "query/engine/annotation_collector.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/labels.h"
#include "model/value.h"

namespace narthex::query {

namespace {

/// Go's time.RFC3339 of whole seconds.
std::string whole_seconds(Timestamp t) {
  return format_rfc3339(t / 1000 * 1000);
}

std::string two_digits(double v) {
  if (v > 1.7976931348623157e308) return "+Inf";
  return fmt::format("{:.2g}", v);
}

}  // namespace

std::string with_metric_name(std::string_view text, std::string_view metric_name) {
  if (metric_name.empty()) return std::string(text);
  return fmt::format("{} for metric name {}", text, quote(metric_name));
}

/// Of several places the last is shown, of those that are counted the first.
void AnnotationCollector::Note::show_at(Span other, std::uint32_t other_rank) {
  if (count > 0 ? other_rank >= rank : other_rank < rank) return;
  at = other;
  rank = other_rank;
}

AnnotationCollector::Note& AnnotationCollector::note(AnnotationKind kind, std::string_view text, Span at,
                                                     std::uint32_t rank, bool& is_new) {
  const auto [entry, inserted] = by_text_.try_emplace(std::string(text), notes_.size());
  is_new = inserted;
  if (inserted) {
    notes_.push_back({kind, std::string(text), at, rank, 0, {}, {}});
  } else {
    notes_[entry->second].show_at(at, rank);
  }
  return notes_[entry->second];
}

void AnnotationCollector::add(AnnotationKind kind, std::string_view text, Span at, std::uint32_t rank) {
  bool is_new = false;
  note(kind, text, at, rank, is_new);
}

void AnnotationCollector::add_forced_monotonicity(std::string_view metric_name, Span at, std::uint32_t rank,
                                                  const ForcedMonotonicity& where) {
  bool is_new = false;
  Note& n = note(AnnotationKind::info,
                 with_metric_name("input to histogram_quantile needed to be fixed for monotonicity (see "
                                  "https://prometheus.io/docs/prometheus/latest/querying/functions/"
                                  "#histogram_quantile)",
                                  metric_name),
                 at, rank, is_new);
  ++n.count;
  if (is_new) {
    n.first = n.last = where;
    return;
  }
  n.widen(where);
}

void AnnotationCollector::Note::widen(const ForcedMonotonicity& where) {
  first->t = std::min(first->t, where.t);
  last->t = std::max(last->t, where.t);
  first->min_bucket = std::min(first->min_bucket, where.min_bucket);
  first->max_bucket = std::max(first->max_bucket, where.max_bucket);
  first->max_diff = std::max(first->max_diff, where.max_diff);
}

void AnnotationCollector::add_start_time_overlap(std::string_view metric_name, Span at, std::uint32_t rank) {
  bool is_new = false;
  Note& n =
      note(AnnotationKind::warning,
           fmt::format("sample has start time that overlaps with previous sample timestamp for metric {}",
                       quote(metric_name)),
           at, rank, is_new);
  ++n.count;
}

void AnnotationCollector::take(AnnotationCollector& other) {
  if (other.notes_.empty()) return;
  for (Note& theirs : other.notes_) {
    bool is_new = false;
    Note& ours = note(theirs.kind, theirs.text, theirs.at, theirs.rank, is_new);
    if (is_new) {
      ours = std::move(theirs);
      continue;
    }
    ours.count += theirs.count;
    if (!theirs.first) continue;
    ours.widen(*theirs.first);
    ours.widen(*theirs.last);
  }
  other.notes_.clear();
  other.by_text_.clear();
}

void AnnotationCollector::move_to(Span from, Span to, std::uint32_t rank) {
  for (Note& note : notes_) {
    note.rank = rank;
    // What is said of a subquery's samples has no place.
    if (note.at == Span{}) continue;
    note.at.start = note.at.start - from.start + to.start;
    note.at.end = note.at.end - from.start + to.start;
  }
}

void AnnotationCollector::write(std::string_view query, Annotations& out) const {
  for (const Note& n : notes_) {
    std::string text = n.text;
    if (n.first)
      text += fmt::format(", from buckets {} to {}, with a max diff of {}, over {} samples from {} to {}",
                          format_general(n.first->min_bucket), format_general(n.first->max_bucket),
                          two_digits(n.first->max_diff), n.count, whole_seconds(n.first->t),
                          whole_seconds(n.last->t));
    else if (n.count > 1)
      text += fmt::format(" ({} occurrences)", n.count);
    out.add(n.kind, std::move(text), query, n.at);
  }
}

}  // namespace narthex::query
