#include "query/functions/quantile.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "model/value.h"

namespace narthex::query {

namespace {

/// @param at  the value of a rank among `size`, which is not 0
template <class At>
double between_ranks(double q, std::size_t size, At at) {
  if (std::isnan(q)) return std::numeric_limits<double>::quiet_NaN();
  if (q < 0) return -std::numeric_limits<double>::infinity();
  if (q > 1) return std::numeric_limits<double>::infinity();
  const auto n = static_cast<double>(size);
  const double rank = q * (n - 1);
  const double lower = std::max(0.0, std::floor(rank));
  const double upper = std::min(n - 1, lower + 1);
  const double weight = rank - std::floor(rank);
  return at(static_cast<std::size_t>(lower)) * (1 - weight) + at(static_cast<std::size_t>(upper)) * weight;
}

constexpr std::int64_t kNanKey = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kAllButSign = std::numeric_limits<std::int64_t>::max();

/// Doubles below zero compare the wrong way round as integers: their bits are turned over.
std::int64_t key_of(double v) {
  if (std::isnan(v)) return kNanKey;
  const auto bits = std::bit_cast<std::int64_t>(v);
  return bits < 0 ? bits ^ kAllButSign : bits;
}

double value_of(std::int64_t key) {
  if (key == kNanKey) return std::numeric_limits<double>::quiet_NaN();
  return std::bit_cast<double>(key < 0 ? key ^ kAllButSign : key);
}

}  // namespace

double quantile_of(double q, std::vector<double>& values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::ranges::sort(values, [](double a, double b) { return a < b || (std::isnan(a) && !std::isnan(b)); });
  return between_ranks(q, values.size(), [&](std::size_t rank) { return values[rank]; });
}

void SortedWindow::clear() {
  keys_.clear();
  first_ = last_ = 0;
}

void SortedWindow::slide(std::span<const double> series, std::uint32_t first, std::uint32_t last) {
  // Where less than half of the window stays, sorting anew is cheaper.
  if (first >= last_ || last_ - first < (last - first) / 2) {
    keys_.clear();
    for (const double v : series.subspan(first, last - first)) keys_.push_back(key_of(v));
    std::ranges::sort(keys_);
    first_ = first;
    last_ = last;
    return;
  }
  for (; first_ < first && last_ < last; ++first_, ++last_)
    replace(key_of(series[first_]), key_of(series[last_]));
  for (; first_ < first; ++first_) keys_.erase(std::ranges::lower_bound(keys_, key_of(series[first_])));
  for (; last_ < last; ++last_) {
    const std::int64_t key = key_of(series[last_]);
    keys_.insert(std::ranges::upper_bound(keys_, key), key);
  }
}

/// hot: bench/query.py
void SortedWindow::replace(std::int64_t old_key, std::int64_t new_key) {
  const auto hole = std::ranges::lower_bound(keys_, old_key);
  if (new_key > old_key) {
    const auto end = std::lower_bound(hole + 1, keys_.end(), new_key);
    *std::move(hole + 1, end, hole) = new_key;
  } else {
    const auto begin = std::upper_bound(keys_.begin(), hole, new_key);
    std::move_backward(begin, hole, hole + 1);
    *begin = new_key;
  }
}

double SortedWindow::quantile(double q) const {
  if (keys_.empty()) return std::numeric_limits<double>::quiet_NaN();
  return between_ranks(q, keys_.size(), [this](std::size_t rank) { return value_of(keys_[rank]); });
}

std::string invalid_quantile_text(double q) {
  return fmt::format("quantile value should be between 0 and 1, got {}", format_general(q));
}

}  // namespace narthex::query
