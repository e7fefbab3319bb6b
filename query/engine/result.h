// QueryResult: a query evaluated to its end, as columns, ready to be encoded after the
// query's slot was given back.
//
// Threads: values.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/histogram.h"
#include "model/label_pool.h"
#include "model/labels.h"
#include "model/time.h"
#include "query/annotations.h"
#include "query/engine/memory_pool.h"

namespace narthex::query {

class QueryProfile;

/// One output series. An instant vector has one sample in each.
struct ResultSeries {
  /// One element, as an instant vector has it, is kept in place.
  template <class T>
  using Column = boost::container::small_vector<T, 1>;

  Labels labels;                                                 ///< empty where QueryResult::pool has them
  Column<Timestamp> t;                                           ///< times of the float samples, ascending
  Column<double> v;                                              ///< v[i] at t[i]
  std::vector<std::pair<Timestamp, FloatHistogram>> histograms;  ///< ascending
};

struct QueryStats {
  double eval_total_seconds = 0;
  double result_sort_seconds = 0;
  double preparation_seconds = 0;
  double inner_eval_seconds = 0;
  double queue_seconds = 0;
  double exec_total_seconds = 0;
  std::uint64_t total_queryable_samples = 0;
  std::uint64_t samples_read = 0;
  std::uint64_t peak_samples = 0;
  std::vector<std::pair<Timestamp, std::uint64_t>> total_per_step;  ///< empty unless asked for
  std::vector<std::pair<Timestamp, std::uint64_t>> read_per_step;
};

struct QueryResult {
  ValueType type = ValueType::none;
  std::vector<ResultSeries> series;  ///< vector and matrix
  /// Of the labels of the series, which are ids then; null: the series have them.
  std::shared_ptr<const LabelPool> pool;
  std::vector<LabelIds> label_ids;
  Timestamp scalar_t = 0;  ///< scalar and string
  double scalar = 0;
  std::string string;
  Annotations annotations;
  QueryStats stats;
  std::shared_ptr<const QueryProfile> profile;  ///< null unless asked for
  /// Keeps what the columns above take charged to the memory of all queries.
  std::shared_ptr<const PooledBytes> memory;

  /// The labels of series[i].
  [[nodiscard]] Labels labels_of(std::size_t i) const {
    return pool ? pool->labels(label_ids[i]) : series[i].labels;
  }
};

}  // namespace narthex::query
