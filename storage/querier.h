// Querier: a consistent read view of a store over a time range.
//
// Threads: a Querier and its SeriesSets belong to one query. SeriesSet::samples may be
// called from several threads at once for different series; everything else is for one
// thread at a time. A Queryable may be used by any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/histogram.h"
#include "model/label_pool.h"
#include "model/matcher.h"
#include "model/result.h"
#include "model/time.h"
#include "storage/select_budget.h"

namespace narthex::storage {

/// A native histogram and where it stands among the samples of its series.
struct HistogramSample {
  std::size_t index;  ///< into SampleColumns::t; v there is 0 and means nothing
  FloatHistogram value;
};

/// Samples of one series as columns, ascending by time, each time once. Staleness markers
/// are ordinary samples here (is_stale_nan).
struct SampleColumns {
  std::vector<Timestamp> t;
  std::vector<double> v;      ///< v[i] belongs to t[i]
  std::vector<Timestamp> st;  ///< start timestamps, 0 = none; empty if the series has none at all
  std::vector<HistogramSample> histograms;  ///< ascending by index; empty for float series

  void clear() {
    t.clear();
    v.clear();
    st.clear();
    histograms.clear();
  }
};

/// The series of one store that matched, each once: no two have the same labels.
class SeriesSet {
 public:
  virtual ~SeriesSet() = default;
  [[nodiscard]] virtual std::size_t size() const = 0;
  /// Labels of series i as ids of the pool given to select(); valid while this lives.
  [[nodiscard]] virtual std::span<const PairId> labels(std::size_t i) const = 0;
  /// Appends the samples of series i inside `range` to `out`.
  /// Errors: corruption (names block and chunk), io.
  virtual Result<void> samples(std::size_t i, TimeRange range, SampleColumns& out) const = 0;
};

struct SelectOptions {
  bool sorted = false;             ///< by labels; otherwise in the store's own order
  std::size_t limit = 0;           ///< at most so many series; 0 = all
  SelectBudget* budget = nullptr;  ///< what series and labels may take; null = anything
  /// Labels of these names are wanted, and others may be left out: series may then have equal labels. Not
  /// set: all are wanted.
  std::optional<std::span<const std::string>> wanted_labels = std::nullopt;
};

class Querier {
 public:
  virtual ~Querier() = default;

  /// Series that match all `matchers` and may have samples in `range`, each once.
  /// @param pool  receives the labels; must outlive the result
  /// @return  borrows from this querier: valid until it is destroyed
  /// Errors: corruption (names the block), io, limit.
  /// Source: Prometheus storage/interface.go, Querier.Select
  virtual Result<std::unique_ptr<SeriesSet>> select(TimeRange range, std::span<const Matcher> matchers,
                                                    LabelPool& pool, const SelectOptions& options) = 0;

  /// Names of all labels on matching series (no matchers: all), sorted, each once.
  /// @param limit  0 = all
  virtual Result<std::vector<std::string>> label_names(std::span<const Matcher> matchers,
                                                       std::size_t limit) = 0;
  /// Values of one label on matching series, sorted, each once.
  virtual Result<std::vector<std::string>> label_values(std::string_view name,
                                                        std::span<const Matcher> matchers,
                                                        std::size_t limit) = 0;
};

class Queryable {
 public:
  virtual ~Queryable() = default;
  /// A view of what is committed now, over `range` (both ends inclusive).
  /// Errors: unavailable (not open yet), io.
  virtual Result<std::unique_ptr<Querier>> querier(TimeRange range) = 0;
};

}  // namespace narthex::storage
