// PageReader: the samples of one page, read line by line through what is known of its target.
//
// A line that was there at the last scrape costs a comparison of its series text and of its value;
// only an unknown one is parsed into labels and relabeled. Nothing of the store is touched: the page
// may yet be refused.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "config/config.h"
#include "model/result.h"
#include "model/time.h"
#include "scrape/cycle_settings.h"
#include "scrape/exposition/created_lines.h"
#include "scrape/exposition/parser.h"
#include "scrape/metadata_cache.h"
#include "scrape/scrape_batch.h"
#include "scrape/scrape_outcome.h"
#include "scrape/series_cache.h"

namespace narthex::scrape {

class PageReader {
 public:
  struct Page {
    const ScrapeBody& body;
    Format format;
    Timestamp t;         ///< of samples without a time of their own
    Timestamp max_time;  ///< samples behind it are out of bounds
    bool all_metadata;   ///< metadata is told of all series, not only where it changed
  };

  /// All of it must outlive this. @param batch  empty @param outcome  in which lines are counted
  PageReader(const Page& page, const CycleSettings& settings, SeriesCache& cache, MetadataCache& metadata,
             ScrapeBatch& batch, ScrapeOutcome& outcome);

  /// Reads the page to its end. Errors: invalid (with the line's number), limit; then the batch is
  /// of no use, while the caches have learnt from it what a refused page may teach.
  Result<void> read();

 private:
  bool take_expected_line();
  Result<void> take_line();
  Result<void> take_series();
  Result<void> take_unresolved(SeriesCache::Index i);
  void take_exemplar(Timestamp t);
  void begin_family();
  void take_metadata(std::string_view metric_name);
  Result<void> take_metadata_of_known();
  bool read_value(SeriesCache::Entry& entry, double& value);
  bool may_append(Timestamp t);
  void append(SeriesCache::Entry& entry, Timestamp t, double value, bool own_time);
  [[nodiscard]] bool has_own_time() const { return job_.honor_timestamps && parser_.entry().timestamp; }
  [[nodiscard]] std::unexpected<Error> bad_value();

  const CycleSettings& settings_;
  const config::ScrapeConfig& job_;
  SeriesCache& cache_;
  MetadataCache& metadata_;
  ScrapeBatch& batch_;
  ScrapeOutcome& outcome_;
  Parser parser_;
  const Timestamp t_;
  const bool all_metadata_;
  std::optional<MetadataCache::Told> family_;  ///< of the present lines, if metadata is asked for
  static constexpr std::size_t kNotTaken = ~std::size_t{0};
  std::size_t family_number_ = kNotTaken;  ///< among the batch's families
  std::optional<CreatedLines> created_;    ///< if they are asked for, and the format has them
  const Timestamp max_time_;
  const std::uint64_t sample_limit_;
  std::uint64_t offered_ = 0;  ///< samples that count against the limit
};

}  // namespace narthex::scrape
