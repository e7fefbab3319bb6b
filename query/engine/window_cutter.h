// WindowCutter: cuts the windows of one series after another and counts the samples in them.
//
// Series of one target have their samples at the same times, and mostly follow each other: their windows are
// cut once.
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "query/engine/range_window.h"

namespace narthex::query {

/// The windows of one series. Valid until the next are cut.
struct CutWindows {
  std::span<const WindowBounds> bounds;
  std::uint64_t widest = 0;  ///< samples in the fullest window, counted as max-samples does
  std::uint64_t cut = 0;     ///< equal for series with the same times; never 0
};

class WindowCutter {
 public:
  /// Both must outlive it.
  WindowCutter(const Steps& steps, const WindowShape& shape);

  /// @param stats  the samples in the windows are counted there
  CutWindows cut(const storage::SampleColumns& samples, SampleStats& stats);
  [[nodiscard]] std::uint64_t size_bytes() const;

 private:
  struct Counted {
    std::uint64_t widest = 0;  ///< in one window
    std::uint64_t total = 0;   ///< in all of them
    std::uint64_t read = 0;    ///< that no earlier window has
  };

  void slide(Timestamp end, DurationMs interval);
  void weigh(const storage::SampleColumns& samples);
  template <class Before>
  Counted count(SampleStats* per_step, Before before) const;

  const Steps& steps_;
  const WindowShape& shape_;
  std::vector<WindowBounds> windows_;
  std::vector<Timestamp> times_;  ///< that the windows were cut of
  std::uint64_t cut_ = 0;
  Counted floats_;                      ///< in the windows if all samples are floats
  std::vector<std::uint64_t> weights_;  ///< what the samples before each count, where some are histograms
};

}  // namespace narthex::query
