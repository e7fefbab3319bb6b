// The postings of an index against its series: each list names exactly the series that have its
// pair, and each pair of each series has a list.
//
// Not the references of every pair are kept to compare, but their number and a sum of hashes.
// Threads: one at a time.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tsdb/block/index_format.h"
#include "tsdb/verify/index_symbols.h"
#include "tsdb/verify/verification.h"

namespace narthex::tsdb {

/// Name and value as positions in the symbol table.
using SymbolPair = std::pair<std::uint32_t, std::uint32_t>;

class IndexPostings {
 public:
  void add_series(std::uint32_t ref, std::span<const SymbolPair> labels);

  /// Reads the table and all lists, and reports what does not fit the series that were added.
  /// @param all_series_readable  else differences say nothing new, and are left out
  void verify(Verification& v, const std::string& path, io::Bytes index, std::uint8_t version,
              const IndexToc& toc, const IndexSymbols& symbols, bool all_series_readable);

 private:
  struct Tally {
    std::uint64_t count = 0;
    std::uint64_t hashes = 0;
    bool listed = false;

    void add(std::uint32_t ref);
  };
  struct Entry {
    std::string_view name;
    std::string_view value;
    std::uint64_t offset = 0;
  };
  struct Place {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  struct Reading {
    Verification& v;
    const std::string& path;
    io::Bytes index;
    const IndexSymbols& symbols;
    bool compare = true;
  };

  void verify_entry(Reading& r, const Entry& entry);
  void compare(Reading& r, const Entry& entry, const Tally& listed);
  void verify_coverage(Reading& r, std::uint64_t begin, std::uint64_t end);

  Tally all_;
  boost::unordered_flat_map<std::uint64_t, Tally> pairs_;
  std::vector<Place> lists_;
};

}  // namespace narthex::tsdb
