// StepColumn: the values of one series at all steps of a grid, the unit operators hand around.
//
// values[i] means something only where present.test(i). Columns are reused: an operator that
// keeps one moves it out or copies it.
// Threads: values.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "model/histogram.h"

namespace narthex::query {

/// One bit per step.
class StepBitmap {
 public:
  StepBitmap() = default;
  explicit StepBitmap(std::size_t steps) { reset(steps); }

  /// `steps` cleared bits.
  void reset(std::size_t steps) {
    steps_ = steps;
    words_.assign((steps + 63) / 64, 0);
  }
  void set_all() {
    if (words_.empty()) return;
    std::fill(words_.begin(), words_.end(), ~std::uint64_t{0});
    words_.back() = last_word();
  }
  [[nodiscard]] std::size_t size() const { return steps_; }
  [[nodiscard]] bool test(std::size_t i) const { return (words_[i / 64] >> (i % 64) & 1) != 0; }
  void set(std::size_t i) { words_[i / 64] |= std::uint64_t{1} << (i % 64); }
  /// Sets [begin, end); not empty.
  void set_range(std::size_t begin, std::size_t end) {
    const std::size_t last = (end - 1) / 64;
    std::uint64_t bits = ~std::uint64_t{0} << (begin % 64);
    for (std::size_t w = begin / 64; w < last; ++w) words_[w] |= std::exchange(bits, ~std::uint64_t{0});
    words_[last] |= bits & ~std::uint64_t{0} >> (63 - (end - 1) % 64);
  }
  void clear(std::size_t i) { words_[i / 64] &= ~(std::uint64_t{1} << (i % 64)); }

  [[nodiscard]] bool any() const {
    return std::any_of(words_.begin(), words_.end(), [](std::uint64_t w) { return w != 0; });
  }
  [[nodiscard]] std::size_t count() const {
    std::size_t n = 0;
    for (const auto w : words_) n += static_cast<std::size_t>(std::popcount(w));
    return n;
  }
  [[nodiscard]] bool full() const {
    if (words_.empty()) return true;
    for (std::size_t w = 0; w + 1 < words_.size(); ++w)
      if (words_[w] != ~std::uint64_t{0}) return false;
    return words_.back() == last_word();
  }
  /// The lowest step set in both, or size().
  [[nodiscard]] std::size_t first_common(const StepBitmap& o) const {
    for (std::size_t w = 0; w < words_.size(); ++w)
      if (const auto both = words_[w] & o.words_[w]; both != 0)
        return w * 64 + static_cast<std::size_t>(std::countr_zero(both));
    return steps_;
  }
  [[nodiscard]] bool intersects(const StepBitmap& o) const { return first_common(o) < steps_; }
  /// The lowest step set, or size().
  [[nodiscard]] std::size_t first() const { return first_common(*this); }

  StepBitmap& operator|=(const StepBitmap& o) {
    for (std::size_t w = 0; w < words_.size(); ++w) words_[w] |= o.words_[w];
    return *this;
  }
  StepBitmap& operator&=(const StepBitmap& o) {
    for (std::size_t w = 0; w < words_.size(); ++w) words_[w] &= o.words_[w];
    return *this;
  }
  /// Clears what is set in `o`.
  StepBitmap& subtract(const StepBitmap& o) {
    for (std::size_t w = 0; w < words_.size(); ++w) words_[w] &= ~o.words_[w];
    return *this;
  }

  /// Calls f(step) for each set step, ascending.
  template <class F>
  void for_each(F&& f) const {
    for (std::size_t w = 0; w < words_.size(); ++w)
      for (std::uint64_t bits = words_[w]; bits != 0; bits &= bits - 1)
        f(w * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
  }

  [[nodiscard]] std::size_t size_bytes() const { return words_.size() * sizeof(std::uint64_t); }
  bool operator==(const StepBitmap&) const = default;

 private:
  /// The last word with all its steps set.
  [[nodiscard]] std::uint64_t last_word() const {
    return steps_ % 64 == 0 ? ~std::uint64_t{0} : (std::uint64_t{1} << (steps_ % 64)) - 1;
  }

  std::size_t steps_ = 0;
  std::vector<std::uint64_t> words_;
};

/// Histograms are shared, never changed: operators that pass one on copy no buckets.
using HistogramPtr = std::shared_ptr<const FloatHistogram>;

struct StepColumn {
  std::vector<double> values;
  StepBitmap present;
  /// Empty if no sample is a histogram, else one entry per step: where it is not null, the
  /// sample is that histogram and values[i] means nothing.
  std::vector<HistogramPtr> histograms;

  /// All steps absent.
  void reset(std::size_t steps) {
    values.resize(steps);
    present.reset(steps);
    histograms.clear();
  }
  void set(std::size_t step, double v) {
    values[step] = v;
    present.set(step);
  }
  void set_histogram(std::size_t step, HistogramPtr h) {
    if (histograms.empty()) histograms.resize(values.size());
    histograms[step] = std::move(h);
    present.set(step);
  }
  void set_histogram(std::size_t step, FloatHistogram&& h) {
    set_histogram(step, std::make_shared<const FloatHistogram>(std::move(h)));
  }
  /// Of a step that is present; null: its sample is a float.
  [[nodiscard]] const FloatHistogram* histogram(std::size_t step) const {
    return histograms.empty() ? nullptr : histograms[step].get();
  }
  /// What `o` has at `step`, of whatever kind.
  void copy(std::size_t step, const StepColumn& o) {
    if (o.histogram(step))
      set_histogram(step, o.histograms[step]);
    else
      set(step, o.values[step]);
  }
  /// Histograms become absent.
  void drop_histograms() {
    for (std::size_t i = 0; i < histograms.size(); ++i)
      if (histograms[i]) present.clear(i);
    histograms.clear();
  }
  /// Floats become absent.
  void drop_floats() {
    if (histograms.empty()) return present.reset(values.size());
    for (std::size_t i = 0; i < histograms.size(); ++i)
      if (!histograms[i]) present.clear(i);
  }
  [[nodiscard]] bool any_float() const;
  /// Takes over what `o` has; steps present in both keep this column's value.
  void merge(const StepColumn& o) {
    o.present.for_each([&](std::size_t i) {
      if (!present.test(i)) copy(i, o);
    });
  }
  /// As max-samples counts them: a float is one, a histogram many.
  [[nodiscard]] std::size_t count_samples() const {
    return histograms.empty() ? present.count() : count_mixed_samples();
  }
  [[nodiscard]] std::size_t size_bytes() const {
    const std::size_t bytes = values.capacity() * sizeof(double) + present.size_bytes();
    return histograms.empty() ? bytes : bytes + histogram_bytes();
  }

 private:
  [[nodiscard]] std::size_t count_mixed_samples() const;
  [[nodiscard]] std::size_t histogram_bytes() const;
};

}  // namespace narthex::query
