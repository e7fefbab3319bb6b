// RefTable: 32-bit values by references of the log.
//
// References are dense and come in the order of scrapes, so they index pages directly: a hash
// table would cost a cache miss for each of a hundred million samples.
// Threads: one, but for find() const.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "tsdb/head/pair_dictionary.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {

/// One 32-bit value per reference; kNoNumber: none.
class RefTable {
 public:
  [[nodiscard]] std::uint32_t find(WalRef ref) const {
    const auto at = pages_.find(ref / kPerPage);
    return at == pages_.end() ? kNoNumber : (*at->second)[ref % kPerPage];
  }
  void set(WalRef ref, std::uint32_t value) {
    std::unique_ptr<Page>& page = pages_[ref / kPerPage];
    if (!page) {
      page = std::make_unique<Page>();
      page->fill(kNoNumber);
    }
    (*page)[ref % kPerPage] = value;
  }
  /// Forgets all references with that value. Walks everything. @return them
  std::vector<WalRef> erase(std::uint32_t value) {
    std::vector<WalRef> erased;
    for (auto& [number, page] : pages_) {
      for (std::size_t i = 0; i < kPerPage; ++i) {
        if ((*page)[i] != value) continue;
        (*page)[i] = kNoNumber;
        erased.push_back(number * kPerPage + i);
      }
    }
    return erased;
  }

  /// find() for references that come in order.
  class Cursor {
   public:
    explicit Cursor(const RefTable& table) : table_(table) {}
    [[nodiscard]] std::uint32_t find(WalRef ref) {
      const WalRef number = ref / kPerPage;
      if (page_ == nullptr || number_ != number) {
        const auto at = table_.pages_.find(number);
        if (at == table_.pages_.end()) return kNoNumber;
        page_ = at->second.get();
        number_ = number;
      }
      return (*page_)[ref % kPerPage];
    }

   private:
    const RefTable& table_;
    const std::array<std::uint32_t, 1024>* page_ = nullptr;
    WalRef number_ = 0;
  };

 private:
  static constexpr std::size_t kPerPage = 1024;
  using Page = std::array<std::uint32_t, kPerPage>;

  boost::unordered_flat_map<WalRef, std::unique_ptr<Page>> pages_;
};

}  // namespace narthex::tsdb
