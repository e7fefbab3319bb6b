#include "query/engine/step_column.h"

#include "query/histogram/arithmetic.h"

namespace narthex::query {

bool StepColumn::any_float() const {
  if (histograms.empty()) return present.any();
  bool any = false;
  present.for_each([&](std::size_t i) { any = any || !histograms[i]; });
  return any;
}

std::size_t StepColumn::count_mixed_samples() const {
  std::size_t n = 0;
  present.for_each([&](std::size_t i) { n += histograms[i] ? counted_samples(*histograms[i]) : 1; });
  return n;
}

std::size_t StepColumn::histogram_bytes() const {
  std::size_t bytes = histograms.capacity() * sizeof(HistogramPtr);
  const FloatHistogram* last = nullptr;  // lookback gives the same one at many steps
  for (const auto& h : histograms)
    if (h && h.get() != last) {
      bytes += counted_bytes(*h);
      last = h.get();
    }
  return bytes;
}

}  // namespace narthex::query
