// MatchCache: which series of a block the matchers of late found.
//
// Dashboards and rules ask for the same few series again and again, and a block never changes: looking the
// values of labels up in its index is most of what such a select costs. Kept are short answers to short
// questions.
//
// Threads: any.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/matcher.h"
#include "sync/mutex.h"
#include "tsdb/block/postings.h"

namespace narthex::tsdb {

class MatchCache {
 public:
  /// Series of one answer, and bytes of the matchers that asked, at most.
  static constexpr std::size_t kMostSeries = 64;
  static constexpr std::size_t kMostText = 512;

  /// Null: it is not known.
  [[nodiscard]] std::shared_ptr<const SeriesRefs> find(std::span<const Matcher> matchers) const;
  /// Keeps what the matchers found in place of what was asked long ago; nothing that is too large.
  void add(std::span<const Matcher> matchers, std::shared_ptr<const SeriesRefs> found) const;

 private:
  struct Asked {
    MatchOp op;
    std::string name;
    std::string value;
  };
  struct Entry {
    std::vector<Asked> matchers;
    std::shared_ptr<const SeriesRefs> found;

    [[nodiscard]] bool is_of(std::span<const Matcher> others) const;
  };
  /// Each in the place of its hash. With all that they hold they take 64 KiB at most.
  static constexpr std::size_t kPlaces = 64;
  [[nodiscard]] static std::size_t place_of(std::span<const Matcher> matchers);

  mutable sync::Mutex mutex_;
  mutable std::array<Entry, kPlaces> entries_ NARTHEX_GUARDED_BY(mutex_);
};

}  // namespace narthex::tsdb
