#include "storage/label_order.h"

#include <string_view>
#include <utility>

namespace narthex::storage {

std::vector<std::uint32_t> rank_pairs(const LabelPool& pool, std::vector<PairId> occurring) {
  std::ranges::sort(occurring, [&](PairId a, PairId b) {
    const int by_name = pool.text(pool.name_of(a)).compare(pool.text(pool.name_of(b)));
    return by_name != 0 ? by_name < 0 : pool.value(a) < pool.value(b);
  });
  std::vector<std::uint32_t> ranks(pool.count_pairs());
  for (std::size_t i = 0; i < occurring.size(); ++i) {
    ranks[static_cast<std::uint32_t>(occurring[i])] = static_cast<std::uint32_t>(i);
  }
  return ranks;
}

}  // namespace narthex::storage
