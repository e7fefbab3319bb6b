// Neumaier's compensated sum, step by step as Prometheus adds (util/kahansum).
#pragma once

#include <cmath>
#include <limits>

namespace narthex::query {

struct KahanSum {
  double sum = 0;
  double c = 0;  ///< what rounding has lost so far

  /// Without branches: which of the two is larger may change with every value. hot: bench/query.py
  void add(double v) {
    const double t = sum + v;
    const bool sum_is_larger = std::fabs(sum) >= std::fabs(v);
    const double larger = sum_is_larger ? sum : v;
    const double smaller = sum_is_larger ? v : sum;
    const double lost = c + ((larger - t) + smaller);
    c = std::fabs(t) == std::numeric_limits<double>::infinity() ? 0 : lost;
    sum = t;
  }
  [[nodiscard]] double value() const { return sum + c; }
};

/// The mean as avg and avg_over_time compute it: of the compensated sum, until that would
/// overflow; from there on incrementally.
struct KahanMean {
  KahanSum sum;  ///< or the mean itself, once incremental
  double count = 0;
  bool incremental = false;

  void add(double v) {
    if (count == 0) {
      sum.sum = v;
      count = 1;
      return;
    }
    count += 1;
    if (!incremental) {
      KahanSum with = sum;
      with.add(v);
      if (!std::isinf(with.sum)) {
        sum = with;
        return;
      }
      incremental = true;
      sum.sum /= count - 1;
      sum.c /= count - 1;
    }
    const double q = (count - 1) / count;
    sum.sum *= q;
    sum.c *= q;
    sum.add(v / count);
  }
  [[nodiscard]] double value() const {
    return incremental ? sum.sum + sum.c : sum.sum / count + sum.c / count;
  }
};

}  // namespace narthex::query
