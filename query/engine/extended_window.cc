#include "query/engine/extended_window.h"

#include <algorithm>

namespace narthex::query {

Result<void> extend_window(storage::SampleColumns& samples, Timestamp t, const WindowShape& shape,
                           bool smoothed) {
  if (!samples.histograms.empty())
    return fail(Code::execution, smoothed ? "smoothed modifier is not supported with histograms"
                                          : "anchored modifier is not supported with histograms");
  const auto& times = samples.t;
  const auto& values = samples.v;
  const Timestamp end = shape.at.value_or(t) - shape.offset;
  const Timestamp start = end - shape.range;
  const auto on_line = [&](std::size_t a, std::size_t b, Timestamp at) {
    return values[a] + (values[b] - values[a]) * static_cast<double>(at - times[a]) /
                           static_cast<double>(times[b] - times[a]);
  };
  std::size_t last = times.size() - 1;
  const auto before_last = times.begin() + static_cast<std::ptrdiff_t>(last);
  auto first = static_cast<std::size_t>(std::upper_bound(times.begin(), before_last, start) - times.begin());
  if (first > 0) --first;
  if (smoothed)
    last = static_cast<std::size_t>(std::lower_bound(times.begin(), before_last, end) - times.begin());
  if (times[last] <= start) {
    samples.clear();
    return {};
  }

  const double left = smoothed && times[first] < start ? on_line(first, first + 1, start) : values[first];
  const double right =
      smoothed && last > 0 && times[last] > end ? on_line(last - 1, last, end) : values[last];
  if (times[first] <= start) ++first;
  const std::size_t past = times[last] >= end ? last : last + 1;

  storage::SampleColumns out;
  out.t.push_back(start);
  out.v.push_back(left);
  for (std::size_t i = first; i < past; ++i) {
    out.t.push_back(times[i]);
    out.v.push_back(values[i]);
  }
  out.t.push_back(end);
  out.v.push_back(right);
  samples = std::move(out);
  return {};
}

}  // namespace narthex::query
