// narthextool tsdb analyze: what of a block churns, and which labels it consists of.
//
// Source: promtool's analyzeBlock and analyzeCompaction, cmd/promtool/tsdb.go. Lines of equal
// numbers come in alphabetical order; promtool leaves them to chance.
#pragma once

#include <string>

#include "apps/narthextool/output.h"
#include "io/file_system.h"
#include "model/result.h"

namespace narthex::apps {

struct AnalyzeOptions {
  std::string directory;
  std::string block;      ///< empty: the newest
  int limit = 20;         ///< lines in each list
  bool extended = false;  ///< chunks too
  std::string selector;   ///< empty: all series
};

/// Errors: not_found (directory, block), invalid (selector), corruption, io.
Result<void> analyze(io::FileSystem& fs, const AnalyzeOptions& options, const Print& print);

}  // namespace narthex::apps
