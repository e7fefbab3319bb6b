// AnnotationCollector: the warnings and infos of a running query, each text once.
//
// Prometheus tells annotations apart by their text without position; when several places of a
// query say the same, the place that is evaluated last is shown, and of those that are counted the
// first. Operators therefore carry their rank in Prometheus' order of evaluation (arguments first,
// left before right).
//
// Threads: one at a time.
// Source: Prometheus util/annotations/annotations.go
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/time.h"
#include "query/annotations.h"

namespace narthex::query {

/// Where histogram_quantile had to change bucket counts so that they never fall.
struct ForcedMonotonicity {
  Timestamp t = 0;
  double min_bucket = 0;
  double max_bucket = 0;
  double max_diff = 0;
};

class AnnotationCollector {
 public:
  /// @param rank  of the operator, see above
  void add(AnnotationKind kind, std::string_view text, Span at, std::uint32_t rank);
  /// Counts occurrences and widens the bounds over all of them.
  void add_forced_monotonicity(std::string_view metric_name, Span at, std::uint32_t rank,
                               const ForcedMonotonicity& where);
  /// Counts occurrences.
  void add_start_time_overlap(std::string_view metric_name, Span at, std::uint32_t rank);

  /// Takes over what another has collected, as if it came now.
  void take(AnnotationCollector& other);

  /// As if the same had been said of the same text elsewhere in the query, by an operator of `rank`.
  void move_to(Span from, Span to, std::uint32_t rank);

  /// Appends everything, with positions in `query`.
  void write(std::string_view query, Annotations& out) const;

 private:
  struct Note {
    AnnotationKind kind;
    std::string text;
    Span at;
    std::uint32_t rank = 0;
    std::uint64_t count = 0;  ///< occurrences, for those that show them
    std::optional<ForcedMonotonicity> first;
    std::optional<ForcedMonotonicity> last;
    void widen(const ForcedMonotonicity& where);
    void show_at(Span other, std::uint32_t other_rank);
  };
  Note& note(AnnotationKind kind, std::string_view text, Span at, std::uint32_t rank, bool& is_new);

  std::vector<Note> notes_;
  std::unordered_map<std::string, std::size_t> by_text_;
};

/// One operator's way to the collector.
class Annotator {
 public:
  Annotator(AnnotationCollector& collector, std::uint32_t rank) : collector_(&collector), rank_(rank) {}
  void warn(std::string_view text, Span at) const {
    collector_->add(AnnotationKind::warning, text, at, rank_);
  }
  void info(std::string_view text, Span at) const { collector_->add(AnnotationKind::info, text, at, rank_); }
  void forced_monotonicity(std::string_view metric_name, Span at, const ForcedMonotonicity& where) const {
    collector_->add_forced_monotonicity(metric_name, at, rank_, where);
  }
  void start_time_overlap(std::string_view metric_name, Span at) const {
    collector_->add_start_time_overlap(metric_name, at, rank_);
  }

 private:
  AnnotationCollector* collector_;
  std::uint32_t rank_;
};

/// `text for metric name "name"`, or `text` alone if there is no name.
std::string with_metric_name(std::string_view text, std::string_view metric_name);

}  // namespace narthex::query
