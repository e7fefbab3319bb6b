#include "query/engine/window_cutter.h"

#include <algorithm>

#include "query/histogram/arithmetic.h"

namespace narthex::query {

namespace {

/// The first sample behind `limit`, from one on before which all are not. Scrapes are regular: mostly it is
/// as far as the time before. @param stride  how far that was; set to how far it is
std::uint32_t behind(std::span<const Timestamp> t, std::uint32_t from, Timestamp limit,
                     std::uint32_t& stride) {
  const auto size = static_cast<std::uint32_t>(t.size());
  std::uint32_t to = from + stride;
  if (to < size && t[to] > limit && (stride == 0 || t[to - 1] <= limit)) return to;
  for (to = from; to < size && t[to] <= limit;) ++to;
  stride = to - from;
  return to;
}

}  // namespace

WindowCutter::WindowCutter(const Steps& steps, const WindowShape& shape)
    : steps_(steps), shape_(shape), windows_(steps.count()) {}

CutWindows WindowCutter::cut(const storage::SampleColumns& samples, SampleStats& stats) {
  SampleStats* const per_step = stats.keeps_steps() ? &stats : nullptr;
  const auto position = [](std::uint32_t i) { return std::uint64_t{i}; };
  if (cut_ == 0 || !std::ranges::equal(samples.t, times_)) {
    times_.assign(samples.t.begin(), samples.t.end());
    ++cut_;
    if (shape_.at)
      slide(*shape_.at - shape_.offset, 0);
    else
      slide(steps_.start - shape_.offset, steps_.interval);
    floats_ = count(nullptr, position);
  }
  Counted counted = floats_;
  if (!samples.histograms.empty()) {
    weigh(samples);
    counted = count(per_step, [this](std::uint32_t i) { return weights_[i]; });
  } else if (per_step) {
    counted = count(per_step, position);
  }
  stats.add(counted.total, counted.read);
  return {windows_, counted.widest, cut_};
}

std::uint64_t WindowCutter::size_bytes() const {
  return windows_.capacity() * sizeof(WindowBounds) + times_.capacity() * sizeof(Timestamp) +
         weights_.capacity() * sizeof(std::uint64_t);
}

/// @param end  of the first window. hot: bench/query.py
void WindowCutter::slide(Timestamp end, DurationMs interval) {
  const DurationMs width = shape_.range + shape_.before + shape_.after;
  Timestamp until = end + shape_.after;
  WindowBounds w;
  std::uint32_t last_stride = 0;
  std::uint32_t first_stride = 0;
  for (WindowBounds& out : windows_) {
    w.last = behind(times_, w.last, until, last_stride);
    w.first = behind(times_, w.first, until - width, first_stride);
    out = w;
    until += interval;
  }
}

void WindowCutter::weigh(const storage::SampleColumns& samples) {
  weights_.clear();
  weights_.reserve(samples.t.size() + 1);
  weights_.push_back(0);
  auto h = samples.histograms.begin();
  for (std::size_t i = 0; i < samples.t.size(); ++i) {
    const bool is_histogram = h != samples.histograms.end() && h->index == i;
    weights_.push_back(weights_.back() + (is_histogram ? counted_samples((h++)->value) : 1));
  }
}

/// @param per_step  null: the totals alone are wanted
/// @param before    what the samples before one count together
template <class Before>
WindowCutter::Counted WindowCutter::count(SampleStats* per_step, Before before) const {
  Counted counted;
  std::uint32_t read_until = 0;
  for (std::size_t step = 0; step < windows_.size(); ++step) {
    const WindowBounds w = windows_[step];
    if (w.empty()) continue;
    // Samples of a subquery are counted where it reads them, those at `@` once.
    const bool is_read = !shape_.from_subquery && (step == 0 || !shape_.at);
    const std::uint64_t all = before(w.last) - before(w.first);
    const std::uint64_t fresh = is_read ? before(w.last) - before(std::max(w.first, read_until)) : 0;
    counted.widest = std::max(counted.widest, all);
    counted.total += all;
    counted.read += fresh;
    if (per_step) per_step->add_steps_own(step, all, fresh);
    read_until = w.last;
  }
  return counted;
}

}  // namespace narthex::query
