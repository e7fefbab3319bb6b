#include "rules/query.h"

namespace narthex::rules {

Result<std::vector<VectorSample>> to_vector(query::QueryResult result) {
  std::vector<VectorSample> vector;
  if (result.type == query::ValueType::scalar) {
    vector.push_back({{}, result.scalar, false});
    return vector;
  }
  if (result.type != query::ValueType::vector)
    return fail(Code::execution, "rule result is not a vector or scalar");
  vector.reserve(result.series.size());
  for (query::ResultSeries& series : result.series) {
    const bool is_histogram = series.v.empty();
    vector.push_back({std::move(series.labels), is_histogram ? 0 : series.v.front(), is_histogram});
  }
  return vector;
}

}  // namespace narthex::rules
