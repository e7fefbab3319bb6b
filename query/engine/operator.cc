#include "query/engine/operator.h"

#include "query/histogram/arithmetic.h"

namespace narthex::query {

std::uint64_t sample_bytes(const storage::SampleColumns& samples) {
  std::uint64_t bytes =
      (samples.t.capacity() + samples.v.capacity() + samples.st.capacity()) * sizeof(double);
  for (const auto& h : samples.histograms) bytes += sizeof(h.index) + counted_bytes(h.value);
  return bytes;
}

Result<void> drain(VectorOperator& from, HeldColumns& into) {
  for (;;) {
    StepColumn column;
    auto more = from.next(column);
    if (!more) return pass(more);
    if (!*more) return {};
    if (auto held = into.add(std::move(column)); !held) return held;
  }
}

}  // namespace narthex::query
