// narthextool tsdb dump and dump-openmetrics: series and samples of a data directory as text.
//
// Source: promtool's dumpTSDBData, cmd/promtool/tsdb.go. Series come in the order of their labels;
// promtool leaves them in the order of their references where only the head has any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/narthextool/output.h"
#include "io/file_system.h"
#include "model/result.h"
#include "model/time.h"

namespace narthex::apps {

enum class DumpFormat : std::uint8_t {
  samples,      ///< `{__name__="up", job="x"} 1 1700000000000`, histograms as {count:...}
  series_json,  ///< one JSON object of labels a series
  openmetrics,  ///< floats only: `up{job="x"} 1 1700000000.000`, and `# EOF`
};

/// What promtool takes where no selector is given: every series.
inline constexpr const char* kEverySeries = "{__name__=~'(?s:.*)'}";

struct DumpOptions {
  std::string directory;
  TimeRange range;
  std::vector<std::string> selectors{kEverySeries};
  DumpFormat format = DumpFormat::samples;
};

/// Errors: not_found, invalid (a selector), corruption (a block; or the log, after everything that
/// can be read was printed), io.
Result<void> dump(io::FileSystem& fs, const DumpOptions& options, const Print& print);

}  // namespace narthex::apps
