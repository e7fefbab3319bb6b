// ScrapeBatch: one page on its way into the store: samples, and what has to be told with them.
//
// A page reader fills it, a scrape cycle appends it. Its memory is kept by each thread for the
// next page: as many batches as threads, not one per target.
//
// Threads: of_this_thread() gives each its own.
#pragma once

#include <cstddef>
#include <vector>

#include "model/labels.h"
#include "model/time.h"
#include "scrape/series_cache.h"
#include "storage/appender.h"

namespace narthex::scrape {

struct ScrapeBatch {
  struct NewSeries {
    SeriesCache::Index entry;
    std::size_t sample;
    Labels labels;
  };
  std::vector<storage::RefSample> samples;  ///< of the page, then stale markers, then the report
  std::vector<Timestamp> starts;            ///< of the first samples; empty: none has one
  std::size_t stale_begin = 0;
  std::size_t report_begin = 0;
  std::vector<NewSeries> new_series;
  std::vector<storage::SeriesRef> new_refs;
  std::vector<storage::SeriesRef> refs;  ///< for lists of a moment
  struct SampleExemplar {
    std::size_t sample;
    storage::Exemplar exemplar;
  };
  std::vector<SampleExemplar> exemplars;
  struct SampleMetadata {
    std::size_t sample;
    std::size_t family;
  };
  std::vector<SampleMetadata> metadata;
  std::vector<storage::Metadata> families;

  void clear() {
    exemplars.clear();
    metadata.clear();
    families.clear();
    samples.clear();
    starts.clear();
    new_series.clear();
    new_refs.clear();
    stale_begin = report_begin = 0;
  }

  /// Valid while the thread lives; whoever begins a page clears it.
  static ScrapeBatch& of_this_thread() {
    thread_local ScrapeBatch batch;
    return batch;
  }
};

}  // namespace narthex::scrape
