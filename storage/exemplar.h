// Exemplars: single measurements, mostly with a trace id, that stand beside a series' samples.
//
// Threads: values; an ExemplarQueryable may be used by any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/labels.h"
#include "model/matcher.h"
#include "model/result.h"
#include "model/time.h"

namespace narthex::storage {

struct Exemplar {
  Labels labels;
  double v = 0;
  Timestamp t = 0;
  /// Whoever exposed it gave the time. Otherwise `t` is that of its sample and says nothing about
  /// whether two exemplars are one: the same page shows it again at every scrape.
  bool has_own_time = false;
  bool operator==(const Exemplar&) const = default;
};

/// Characters of all names and values of an exemplar's labels together.
/// Source: OpenMetrics 1.0; Prometheus model/exemplar
inline constexpr std::size_t kMaxExemplarLabelChars = 128;

/// Why one exemplar was refused.
enum class ExemplarFault : std::uint8_t {
  disabled,        ///< exemplars are not kept
  unknown_series,  ///< the ref's series is gone
  out_of_order,    ///< older than the series' newest exemplar
  duplicate,       ///< the series' newest exemplar is the same
  label_length,    ///< more than kMaxExemplarLabelChars
};

struct SeriesExemplars {
  Labels series;
  std::vector<Exemplar> exemplars;  ///< ascending by time
};

class ExemplarQueryable {
 public:
  virtual ~ExemplarQueryable() = default;
  /// Exemplars in `range` of all series that match any of the selectors (each a conjunction of
  /// matchers), sorted by the labels of the series.
  virtual Result<std::vector<SeriesExemplars>> exemplars(TimeRange range,
                                                         std::span<const std::vector<Matcher>> selectors) = 0;
};

}  // namespace narthex::storage
