// narthextool tsdb create-blocks-from openmetrics: samples of a text into blocks.
//
// The text is read once in full before anything is written: what is wrong with it is found, and
// which block ranges have samples. Then again, as often as it takes to have no more than a million
// samples in memory at a time, or those of one block.
//
// Source: promtool's backfill and createBlocks, cmd/promtool/backfill.go
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "apps/narthextool/block_import.h"
#include "apps/narthextool/output.h"
#include "apps/narthextool/progress.h"
#include "io/file_system.h"
#include "model/clock.h"
#include "model/result.h"
#include "model/time.h"

namespace narthex::apps {

struct OpenMetricsImportOptions {
  std::string input;
  std::string directory;
  std::vector<std::pair<std::string, std::string>> labels;  ///< that every series gets
  DurationMs max_block_duration = 0;
  bool human_readable = false;
  bool quiet = false;  ///< the blocks are not printed
  std::size_t batch = BlockImport::kBatch;
  std::uint64_t samples_at_a_time = 1'000'000;
};

/// Prints the blocks that it made. Errors: not_found, invalid (the text, with its line; a sample
/// without a timestamp), io. Blocks that are finished stay.
Result<void> import_openmetrics(io::FileSystem& fs, const OpenMetricsImportOptions& options,
                                const Clock& clock, Progress& progress, const Print& print);

}  // namespace narthex::apps
