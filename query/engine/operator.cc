#include "query/engine/operator.h"

namespace narthex::query {

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
