// HeadQuerier: a view of the head at one watermark (see isolation.h).
//
// The mutexes are held for moments: postings are worked out under the index's, a series'
// open chunk is copied under its shard's; decoding happens outside. Full chunks are read in
// place: none that this reader may see is freed while it is open.
//
// Samples that came late are merged in, also from before the floor of those in order; a commit's show as
// soon as they are there, as in Prometheus.
//
// Threads: as storage::Querier.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/querier.h"
#include "tsdb/head/head_state.h"

namespace narthex::tsdb {

class HeadQuerier final : public storage::Querier {
 public:
  HeadQuerier(HeadState& head, TimeRange range);
  ~HeadQuerier() override;
  HeadQuerier(const HeadQuerier&) = delete;
  HeadQuerier& operator=(const HeadQuerier&) = delete;

  Result<std::unique_ptr<storage::SeriesSet>> select(TimeRange range, std::span<const Matcher> matchers,
                                                     LabelPool& pool,
                                                     const storage::SelectOptions& options) override;
  Result<std::vector<std::string>> label_names(std::span<const Matcher> matchers, std::size_t limit) override;
  Result<std::vector<std::string>> label_values(std::string_view name, std::span<const Matcher> matchers,
                                                std::size_t limit) override;

 private:
  HeadState& head_;
  TimeRange asked_;
  TimeRange range_;  ///< of samples in order
  Isolation::Reader reader_;
  std::uint64_t ooo_floor_;
};

}  // namespace narthex::tsdb
