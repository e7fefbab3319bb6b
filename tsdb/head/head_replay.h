// The replay side of Head: references of the log to series.
//
// References are dense and come in the order of scrapes, so they index pages directly: a hash
// table would cost a cache miss for each of a hundred million samples.
// Threads: one.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "tsdb/head/head.h"

namespace narthex::tsdb {

class RefMap {
 public:
  /// The series' ordinal or kNoNumber.
  [[nodiscard]] Ordinal find(WalRef ref) const {
    const Page* page = page_of(ref);
    return page == nullptr ? kNoNumber : (*page)[ref % kPerPage];
  }
  void set(WalRef ref, Ordinal ordinal) {
    std::unique_ptr<Page>& page = pages_[ref / kPerPage];
    if (!page) {
      page = std::make_unique<Page>();
      page->fill(kNoNumber);
    }
    (*page)[ref % kPerPage] = ordinal;
    cached_ = nullptr;
  }
  /// Forgets all references of a series. Walks everything. @return them
  std::vector<WalRef> erase(Ordinal ordinal) {
    std::vector<WalRef> erased;
    for (auto& [number, page] : pages_) {
      for (std::size_t i = 0; i < kPerPage; ++i) {
        if ((*page)[i] != ordinal) continue;
        (*page)[i] = kNoNumber;
        erased.push_back(number * kPerPage + i);
      }
    }
    return erased;
  }

 private:
  static constexpr std::size_t kPerPage = 1024;
  using Page = std::array<Ordinal, kPerPage>;

  [[nodiscard]] const Page* page_of(WalRef ref) const {
    const WalRef number = ref / kPerPage;
    if (cached_ == nullptr || cached_number_ != number) {
      const auto at = pages_.find(number);
      if (at == pages_.end()) return nullptr;
      cached_ = at->second.get();
      cached_number_ = number;
    }
    return cached_;
  }

  boost::unordered_flat_map<WalRef, std::unique_ptr<Page>> pages_;
  mutable const Page* cached_ = nullptr;
  mutable WalRef cached_number_ = 0;
};

struct Head::Replay {
  RefMap refs;
  /// Deleted series, and other names of series.
  std::vector<WalRef> gone;
  /// Ordinals of the samples of one record.
  std::vector<Ordinal> ordinals;
};

}  // namespace narthex::tsdb
