// Laws: what must hold between answers of the engine, whatever the query and the data.
//
// Each law asks the same thing in two ways and tells the difference, or nothing. Errors are
// answers too: both ways fail, or none.
//
// Threads: as the engine's.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "query/engine/engine.h"
#include "storage/querier.h"
#include "tests/query/random/choices.h"

namespace narthex::tests {

struct RandomTimes {
  Timestamp start = 0;
  Timestamp end = 0;
  DurationMs step = 60'000;
};
/// A range over the data of random_series(), and a little beyond it; at most 20 steps.
RandomTimes random_times(Choices& choices);

class Laws {
 public:
  using Broken = std::optional<std::string>;

  Laws(query::Engine& engine, storage::Queryable& store) : engine_(engine), store_(store) {}

  /// At each step a range query gives what an instant query gives there. @param query  made without
  /// query_times and depend_on_other_steps
  Broken range_equals_instants(std::string_view query, const RandomTimes& times);
  /// The printed query prints the same when it is read again, and so does the pretty form; both
  /// give what the query gives.
  Broken printed_means_the_same(std::string_view query, const RandomTimes& times);
  /// With `@ t` on its selectors a query gives at any time what it gives at t. Not asked of
  /// start_timestamp(), which forgets an offset beside `@`. @param query  made without query_times
  Broken pinned_is_the_same_everywhere(std::string_view query, Timestamp t);
  /// last_over_time() of a subquery that holds one step gives what the query gives, but for hints
  /// of histograms. @param t  a multiple of a minute
  Broken subquery_of_one_step_is_the_query(std::string_view query, Timestamp t);
  /// Under limits that are too small a query fails and says so, or gives what it gives without.
  Broken limits_refuse_or_change_nothing(std::string_view query, const RandomTimes& times, Choices& choices);
  /// A query that is written twice, in one of several ways, gives the same whether repeated parts are
  /// evaluated once or at each place: values, annotations, statistics.
  Broken repeated_parts_change_nothing(std::string_view query, const RandomTimes& times, Choices& choices);
  /// Each label set once; a matrix is sorted; each time once.
  Broken result_is_well_formed(std::string_view query, const RandomTimes& times);

 private:
  [[nodiscard]] Result<query::QueryResult> instant(std::string_view query, Timestamp t);
  [[nodiscard]] Result<query::QueryResult> range(std::string_view query, const RandomTimes& times);

  query::Engine& engine_;
  storage::Queryable& store_;
};

}  // namespace narthex::tests
