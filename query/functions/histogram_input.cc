#include "query/functions/histogram_input.h"

namespace narthex::query {

void PartedSeries::part(const RangeInput& in) {
  floats_.clear();
  histograms_.clear();
  floats_before_.clear();
  auto next = in.histograms.begin();
  for (std::size_t i = 0; i < in.t.size(); ++i) {
    floats_before_.push_back(static_cast<std::uint32_t>(floats_.t.size()));
    if (next != in.histograms.end() && next->index == i) {
      histograms_.t.push_back(in.t[i]);
      histograms_.v.push_back(&next->value);
      if (!in.st.empty()) histograms_.st.push_back(in.st[i]);
      ++next;
    } else {
      floats_.t.push_back(in.t[i]);
      floats_.v.push_back(in.v[i]);
      if (!in.st.empty()) floats_.st.push_back(in.st[i]);
    }
  }
  floats_before_.push_back(static_cast<std::uint32_t>(floats_.t.size()));
  float_windows_.clear();
  histogram_windows_.clear();
  for (const WindowBounds& w : in.windows) {
    const WindowBounds floats{floats_before_[w.first], floats_before_[w.last]};
    float_windows_.push_back(floats);
    histogram_windows_.push_back({w.first - floats.first, w.last - floats.last});
  }
  shown_windows_ = float_windows_;
}

RangeInput PartedSeries::float_input(const RangeInput& in) const {
  return {floats_.t, floats_.v, floats_.st, shown_windows_, in.steps,
          in.range,  in.offset, in.at,      in.metric_name, {}};
}

void HistogramNotes::tell() const {
  if (starts_overlap_) site_.annotator.start_time_overlap(metric_name_, site_.first_argument);
  for (const Note& note : notes_) {
    if (note.kind == AnnotationKind::warning)
      site_.annotator.warn(note.text, site_.first_argument);
    else
      site_.annotator.info(note.text, site_.first_argument);
  }
}

}  // namespace narthex::query
