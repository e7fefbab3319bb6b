// MetadataCache: what a target's # TYPE, # HELP and # UNIT lines said, by metric family.
//
// Lines are mostly those of the last scrape, in the same order: the expected one costs a hash
// and a comparison. A family is kept for ten scrapes after its lines are gone.
//
// Threads: update(), told(), metadata() and end_scrape() from one at a time, all else from any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scrape/exposition/entry.h"
#include "scrape/exposition/lexer.h"
#include "scrape/manager.h"
#include "storage/metadata.h"
#include "sync/mutex.h"

namespace narthex::scrape {

class MetadataCache {
 public:
  /// Takes a type, help or unit entry.
  void update(const Entry& entry, Format format);

  /// A family of the present page.
  struct Told {
    std::string_view family;
    MetricType type = MetricType::unknown;
    bool changed = false;  ///< is new, or was something else before this scrape
  };
  /// The family that the last update() was about; nothing before the first of a scrape. Valid
  /// until the next update() or end_scrape().
  [[nodiscard]] std::optional<Told> told() const;
  /// All that is known of the family that told() names.
  [[nodiscard]] storage::Metadata metadata() const;
  /// @param accepted  the page was accepted: families not seen for long may go
  void end_scrape(bool accepted);

  /// Families with their metadata; all, or the one of this name.
  [[nodiscard]] std::vector<std::pair<std::string, MetricMetadata>> list(const std::string& family) const;
  [[nodiscard]] std::size_t count() const;
  /// Bytes of types, helps and units, as Prometheus counts them.
  [[nodiscard]] std::size_t size_bytes() const;

 private:
  struct Family {
    MetricType type = MetricType::unknown;
    std::string help;
    std::string unit;
    std::uint64_t seen = 0;     ///< scrape in which it was seen last; of those in lines_ see all_met_in_
    std::uint64_t changed = 0;  ///< scrape in which it became what it is
  };
  /// Whether the family is known to be as the line says.
  static bool says(const Family& family, const Entry& entry, Format format);
  void take_lines_of_page();
  void drop_lines_behind();
  void forget_unseen();

  using Families = std::map<std::string, Family, std::less<>>;
  struct Line {
    std::uint64_t hash = 0;
    Families::iterator family;
  };

  mutable sync::Mutex mutex_;
  Families families_ NARTHEX_GUARDED_BY(mutex_);
  std::size_t bytes_ NARTHEX_GUARDED_BY(mutex_) = 0;

  // Of the scraping thread only.
  std::vector<Line> lines_;  ///< in the order of the last page
  std::size_t expected_ = 0;
  std::uint64_t scrape_ = 1;
  bool lines_tell_all_ = true;  ///< every family is one that lines_ are about
  /// Scrape in which all of lines_ were met last. Their families are not told while nothing changes: each
  /// would be a cache miss.
  std::uint64_t all_met_in_ = 0;
};

}  // namespace narthex::scrape
