// Grouping: by (...) and without (...) as numbers of groups, computed once per series.
//
// Threads: one at a time.
#pragma once

#include <string>
#include <vector>

#include "query/engine/label_ops.h"
#include "query/engine/operator.h"

namespace narthex::query {

class Grouping {
 public:
  Grouping(QueryState& query, const std::vector<std::string>& names, bool without)
      : query_(query), names_(query.pool, names), without_(without) {
    if (without) names_.add(query.metric_name);
  }

  /// The labels of the group that `labels` belongs to.
  [[nodiscard]] LabelIds labels(const LabelIds& labels) const {
    return without_ ? without_names(query_.pool, labels, names_) : keep_names(query_.pool, labels, names_);
  }
  void add_name(NameId name) { names_.add(name); }
  [[nodiscard]] bool is_without() const { return without_; }

 private:
  QueryState& query_;
  NameSet names_;
  bool without_;
};

}  // namespace narthex::query
