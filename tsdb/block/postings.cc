#include "tsdb/block/postings.h"

#include <algorithm>
#include <bit>

namespace narthex::tsdb {
namespace {

/// From so many references on, a bitmap over their range beats sorting them.
constexpr std::size_t kBitmapFrom = 2048;

/// First position in [from, list.size()) whose reference is not below `ref`: steps double, then
/// a binary search, so that a short list walks a long one in few steps.
template <class List>
std::size_t seek(const List& list, std::size_t from, std::uint32_t ref) {
  std::size_t low = from;
  std::size_t step = 1;
  while (low + step < list.size() && list[low + step] < ref) {
    low += step;
    step *= 2;
  }
  std::size_t high = std::min(low + step, list.size());
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (list[middle] < ref)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/// Keeps the references whose presence in `list` is `wanted`.
template <class List>
void keep(SeriesRefs& refs, const List& list, bool wanted) {
  std::size_t at = 0;
  std::size_t kept = 0;
  for (const std::uint32_t ref : refs) {
    at = seek(list, at, ref);
    const bool present = at < list.size() && list[at] == ref;
    refs[kept] = ref;
    kept += present == wanted;
  }
  refs.resize(kept);
}

Result<SeriesRefs> unite_by_bitmap(std::span<const PostingsList> lists) {
  std::uint32_t first = ~std::uint32_t{0};
  std::uint32_t last = 0;
  for (const PostingsList& list : lists) {
    if (list.size() == 0) continue;
    first = std::min(first, list[0]);
    last = std::max(last, list[list.size() - 1]);
  }
  const std::size_t range = first > last ? 0 : std::size_t{last} - first + 1;
  std::vector<std::uint64_t> bits((range + 63) / 64);
  for (const PostingsList& list : lists) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::size_t bit = std::size_t{list[i]} - first;
      if (list[i] < first || bit >= range) return fail(Code::corruption, "index: postings are not ascending");
      bits[bit / 64] |= std::uint64_t{1} << (bit % 64);
    }
  }
  SeriesRefs refs;
  for (std::size_t word = 0; word < bits.size(); ++word) {
    for (std::uint64_t left = bits[word]; left != 0; left &= left - 1) {
      const auto bit = static_cast<std::size_t>(std::countr_zero(left));
      refs.push_back(static_cast<std::uint32_t>(first + word * 64 + bit));
    }
  }
  return refs;
}

}  // namespace

Result<SeriesRefs> decode_postings(PostingsList list) {
  SeriesRefs refs(list.size());
  for (std::size_t i = 0; i < refs.size(); ++i) refs[i] = list[i];
  if (std::ranges::adjacent_find(refs, std::ranges::greater_equal{}) != refs.end())
    return fail(Code::corruption, "index: postings are not ascending");
  return refs;
}

Result<SeriesRefs> unite(std::span<const PostingsList> lists) {
  if (lists.size() == 1) return decode_postings(lists[0]);
  std::size_t total = 0;
  for (const PostingsList& list : lists) total += list.size();
  if (total >= kBitmapFrom) return unite_by_bitmap(lists);
  SeriesRefs refs;
  refs.reserve(total);
  for (const PostingsList& list : lists)
    for (std::size_t i = 0; i < list.size(); ++i) refs.push_back(list[i]);
  std::sort(refs.begin(), refs.end());
  refs.erase(std::unique(refs.begin(), refs.end()), refs.end());
  return refs;
}

void intersect(SeriesRefs& refs, PostingsList list) {
  keep(refs, list, true);
}
void intersect(SeriesRefs& refs, const SeriesRefs& others) {
  keep(refs, others, true);
}
void subtract(SeriesRefs& refs, PostingsList list) {
  keep(refs, list, false);
}
void subtract(SeriesRefs& refs, const SeriesRefs& others) {
  keep(refs, others, false);
}

}  // namespace narthex::tsdb
