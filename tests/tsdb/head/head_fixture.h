// What the head's tests share: label sets by short text, reading everything back, a simple model.
#pragma once

#include <bit>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/check.h"
#include "model/label_pool.h"
#include "model/labels.h"
#include "model/matcher.h"
#include "storage/querier.h"

namespace narthex::tsdb {

using Points = std::vector<std::pair<Timestamp, double>>;
/// Labels as text -> samples.
using Contents = std::map<std::string, Points>;

inline Labels series_labels(std::size_t i) {
  const std::string instance = "host-" + std::to_string(i / 8);
  const std::string name = "metric_" + std::to_string(i % 8);
  return Labels{{"__name__", name}, {"instance", instance}, {"job", i % 3 == 0 ? "api" : "db"}};
}

inline Matcher match(MatchOp op, std::string name, std::string value) {
  auto made = Matcher::make(op, std::move(name), std::move(value));
  check(made.has_value(), "a test's matcher is wrong");
  return *made;
}

inline Matcher everything() {
  return match(MatchOp::regex, "__name__", ".+");
}

/// Series without samples are left out.
inline Contents read(storage::Querier& querier, const std::vector<Matcher>& matchers, TimeRange range = {}) {
  Contents out;
  LabelPool pool;
  auto set = querier.select(range, matchers, pool, {});
  check(set.has_value(), "a test's select failed");
  for (std::size_t i = 0; i < (*set)->size(); ++i) {
    storage::SampleColumns columns;
    auto done = (*set)->samples(i, range, columns);
    check(done.has_value(), "a test's samples failed");
    Points points;
    for (std::size_t k = 0; k < columns.t.size(); ++k) points.emplace_back(columns.t[k], columns.v[k]);
    if (!points.empty()) out[pool.labels((*set)->labels(i)).to_string()] = std::move(points);
  }
  return out;
}

inline Contents read_all(storage::Queryable& store, TimeRange range = {}) {
  auto querier = store.querier(range);
  check(querier.has_value(), "a test's querier failed");
  return read(**querier, {everything()}, range);
}

/// NaNs equal by their bits.
inline bool same(const Contents& a, const Contents& b) {
  if (a.size() != b.size()) return false;
  for (auto x = a.begin(), y = b.begin(); x != a.end(); ++x, ++y) {
    if (x->first != y->first || x->second.size() != y->second.size()) return false;
    for (std::size_t i = 0; i < x->second.size(); ++i) {
      if (x->second[i].first != y->second[i].first) return false;
      if (std::bit_cast<std::uint64_t>(x->second[i].second) !=
          std::bit_cast<std::uint64_t>(y->second[i].second)) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace narthex::tsdb
