// CreatedLines: when the counters of an OpenMetrics page began, as its `_created` lines say.
//
//   foo_total{a="1"} 17          waits
//   foo_created{a="1"} 1.6e9     says when the samples began that wait and have its labels
//
// A line is one of its family's last # TYPE, HELP or UNIT by its name's length alone, `le` of histograms
// and `quantile` of summaries do not count among labels, and a `_created` line of other labels ends
// the wait in vain: all as in Prometheus, which looks ahead from each sample.
//
// For each sample of counters, histograms and summaries: read(), then resolve() if it was a `_created`
// line, else add().
//
// Threads: one at a time.
// Source: Prometheus model/textparse/openmetricsparse.go, StartTimestamp
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "model/result.h"
#include "model/time.h"
#include "scrape/exposition/label_spans.h"
#include "scrape/exposition/metric_type.h"

namespace narthex::scrape {

class CreatedLines {
 public:
  /// Whether metrics of the type have such lines.
  [[nodiscard]] static bool are_for(MetricType type) {
    return type == MetricType::counter || type == MetricType::histogram || type == MetricType::summary;
  }

  /// Behind a # TYPE, HELP or UNIT line.
  void begin_family(std::string_view name);
  /// Behind a sample of another type.
  void pass_other() { known_ = false; }
  /// @return  whether it is a `_created` line. Errors: invalid; see Parser::explain()
  Result<bool> read(std::string_view series_text, MetricType type);
  /// The line that was read last is sample `index` of the page. `starts[index]` is set as soon as it is
  /// known; `starts` grows as needed and is empty until then.
  void add(std::size_t index, std::vector<Timestamp>& starts);
  /// The line that was read last is a `_created` line of this value.
  void resolve(double seconds, std::vector<Timestamp>& starts);

 private:
  struct Waiting {
    std::size_t sample;
    std::uint64_t hash;
  };

  std::size_t family_size_ = 0;
  LabelSpans spans_;
  std::uint64_t hash_ = 0;  ///< of the line that was read last
  std::vector<Waiting> waiting_;
  bool known_ = false;  ///< samples with known_hash_ began at known_start_
  std::uint64_t known_hash_ = 0;
  Timestamp known_start_ = 0;
};

}  // namespace narthex::scrape
