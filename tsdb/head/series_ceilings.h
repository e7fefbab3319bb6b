// SeriesCeilings: refuses new series when the head has enough of them, and says what grew.
//
// Growth is told by label: how many values a label has now that it did not have when the window
// began, and how many it would have had if series had not been refused. A refused series that
// comes again with the next scrape counts again: that says how hard it presses.
//
//   | older window | newer window |   a look sees both; every ten minutes the older one is dropped
//
// Threads: the mutex of the index, but for set_memory(), which is for any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "model/labels.h"
#include "tsdb/ceilings.h"
#include "tsdb/head/series_index.h"

namespace narthex::tsdb {

class SeriesCeilings {
 public:
  explicit SeriesCeilings(const HeadCeilings& ceilings) : ceilings_(ceilings) {}

  /// Whether a series that the index does not have must not be made. It is counted then.
  bool refuses(const SeriesIndex& index, const Labels& labels);
  /// How much the head takes. Between two calls each new series counts as an average one.
  void set_memory(std::uint64_t bytes) {
    memory_bytes_.store(bytes, std::memory_order_relaxed);
    made_since_.store(0, std::memory_order_relaxed);
  }
  /// A new window begins. To be called when replay has ended, and every ten minutes from then on.
  void turn_window(const SeriesIndex& index);
  [[nodiscard]] CeilingStats stats(const SeriesIndex& index) const;

 private:
  struct Window {
    std::map<std::string, std::uint64_t, std::less<>> values;   ///< of each label when it began
    std::map<std::string, std::uint64_t, std::less<>> unknown;  ///< of refused series, since
  };

  [[nodiscard]] bool is_reached(CeilingKind kind, const SeriesIndex& index, std::string_view job) const;
  void note_unknown(const SeriesIndex& index, const Labels& labels);

  const HeadCeilings ceilings_;
  std::array<std::uint64_t, kCeilingNames.size()> refused_{};
  std::string last_refused_job_;
  bool has_window_ = false;
  Window older_;
  Window newer_;
  std::atomic<std::uint64_t> memory_bytes_{0};
  std::atomic<std::uint64_t> made_since_{0};
};

}  // namespace narthex::tsdb
