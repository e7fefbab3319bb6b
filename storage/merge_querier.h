// MergeQuerier: several stores (blocks and the head, or local and remote) as one.
//
// A series that several stores hold appears once; its samples are merged by time, and of two
// at the same time the one of the earlier store in the list stays. Give stores in the order
// of their time ranges: then merging is appending.
//
// Threads: as Querier.
#pragma once

#include <memory>
#include <vector>

#include "storage/querier.h"

namespace narthex::storage {

class MergeQuerier final : public Querier {
 public:
  explicit MergeQuerier(std::vector<std::unique_ptr<Querier>> stores) : stores_(std::move(stores)) {}

  Result<std::unique_ptr<SeriesSet>> select(TimeRange range, std::span<const Matcher> matchers,
                                            LabelPool& pool, const SelectOptions& options) override;
  Result<std::vector<std::string>> label_names(std::span<const Matcher> matchers, std::size_t limit) override;
  Result<std::vector<std::string>> label_values(std::string_view name, std::span<const Matcher> matchers,
                                                std::size_t limit) override;

 private:
  std::vector<std::unique_ptr<Querier>> stores_;
};

/// Sorts what was appended behind `begin` into what stands before it (both ascending), each
/// time once. `base` is where the series' own samples begin.
void merge_appended(SampleColumns& columns, std::size_t base, std::size_t begin);

}  // namespace narthex::storage
