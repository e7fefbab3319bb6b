// What functions over range vectors see of native histograms: the samples of a series parted by
// kind, and per step which of each kind lie in the window.
//
// Threads: one at a time.
#pragma once

#include "query/engine/annotation_texts.h"
#include "query/functions/range_functions.h"
#include "query/histogram/row_histogram.h"

namespace narthex::query {

/// Neighbouring samples of one kind; the spans have equal lengths (start timestamps may be missing).
template <class T>
struct SampleRun {
  std::span<const Timestamp> t;
  std::span<const T> v;
  std::span<const Timestamp> st;

  [[nodiscard]] std::size_t size() const { return t.size(); }
  [[nodiscard]] bool empty() const { return t.empty(); }
  [[nodiscard]] Timestamp start_of(std::size_t i) const { return st.empty() ? 0 : st[i]; }
  [[nodiscard]] SampleRun from(std::size_t first) const {
    return {t.subspan(first), v.subspan(first), st.empty() ? st : st.subspan(first)};
  }
};
using FloatRun = SampleRun<double>;
using HistogramRun = SampleRun<const FloatHistogram*>;

class PartedSeries {
 public:
  /// Borrows the histograms of `in`.
  void part(const RangeInput& in);

  [[nodiscard]] FloatRun floats(std::size_t step) const { return floats_.in(float_windows_[step]); }
  [[nodiscard]] HistogramRun histograms(std::size_t step) const {
    return histograms_.in(histogram_windows_[step]);
  }
  /// Leaves a float function nothing at this step.
  void hide_floats(std::size_t step) { shown_windows_[step] = {}; }
  /// The floats alone, for float functions.
  [[nodiscard]] RangeInput float_input(const RangeInput& in) const;

 private:
  template <class T>
  struct Columns {
    std::vector<Timestamp> t;
    std::vector<T> v;
    std::vector<Timestamp> st;
    void clear() {
      t.clear();
      v.clear();
      st.clear();
    }
    [[nodiscard]] SampleRun<T> in(const WindowBounds& w) const {
      return {std::span(t).subspan(w.first, w.size()), std::span(v).subspan(w.first, w.size()),
              st.empty() ? std::span<const Timestamp>() : std::span(st).subspan(w.first, w.size())};
    }
  };
  Columns<double> floats_;
  Columns<const FloatHistogram*> histograms_;
  std::vector<std::uint32_t> floats_before_;  ///< of each sample, and of the end
  std::vector<WindowBounds> float_windows_;
  std::vector<WindowBounds> shown_windows_;
  std::vector<WindowBounds> histogram_windows_;
};

/// Warnings and infos of one series at one step, told together, or not at all.
class HistogramNotes {
 public:
  HistogramNotes(const RangeCallSite& site, std::string_view metric_name)
      : site_(site), metric_name_(metric_name) {}
  HistogramNotes(const HistogramNotes&) = delete;
  HistogramNotes& operator=(const HistogramNotes&) = delete;

  void warn(std::string text) { notes_.push_back({AnnotationKind::warning, std::move(text)}); }
  void mixed_kinds() { warn(texts::mixed_floats_histograms(metric_name_)); }
  void mixed_buckets() { warn(texts::mixed_exponential_custom(metric_name_)); }
  void not_a_counter() { warn(texts::not_a_counter(metric_name_)); }
  void not_a_gauge() { warn(texts::not_a_gauge(metric_name_)); }
  void bounds_reconciled(std::string_view operation) {
    notes_.push_back({AnnotationKind::info, texts::mismatched_custom_buckets(operation)});
  }
  void starts_overlap() { starts_overlap_ = true; }
  /// Notes what came of an addition or subtraction. @return  false if it was not possible
  bool check(const std::optional<Combination>& done, std::string_view operation) {
    if (!done) mixed_buckets();
    if (done && done->bounds_reconciled) bounds_reconciled(operation);
    return done.has_value();
  }
  void forget() {
    notes_.clear();
    starts_overlap_ = false;
  }
  void tell() const;

 private:
  struct Note {
    AnnotationKind kind;
    std::string text;
  };
  const RangeCallSite& site_;
  std::string_view metric_name_;
  std::vector<Note> notes_;
  bool starts_overlap_ = false;
};

}  // namespace narthex::query
