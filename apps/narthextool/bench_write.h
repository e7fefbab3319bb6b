// narthextool tsdb bench write: how fast a fresh data directory takes in scrapes.
//
//   >> start stage=readData
//   >> completed stage=readData duration=41.2ms
//   >> start stage=ingestScrapes
//   ingestion completed
//   >> completed stage=ingestScrapes duration=3.1s
//    > total samples: 30000000
//    > samples/sec: 9.6e+06
//   >> start stage=stopStorage
//   >> completed stage=stopStorage duration=120ms
//
// As promtool's, down to the text: scrapes are 30 s apart and come in rounds of a hundred, a
// thousand series in one batch, batches side by side; every value grows by 1000. The directory is
// PATH/storage. There are no profiles; use perf.
//
// Source: promtool's writeBenchmark, cmd/promtool/tsdb.go
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "apps/narthextool/output.h"
#include "apps/narthextool/progress.h"
#include "io/file_system.h"
#include "model/clock.h"
#include "model/labels.h"
#include "model/result.h"

namespace narthex::apps {

struct BenchWriteOptions {
  std::string out = "benchout";
  std::string samples_file;
  std::size_t metrics = 10'000;
  std::size_t scrapes = 3'000;
};

/// Label sets of a file with a line `{"name":"value",...}` for each, the first `most` that differ.
/// Errors: not_found, io, invalid (a line that is none, with its number).
Result<std::vector<Labels>> read_bench_labels(io::FileSystem& fs, const std::string& path, std::size_t most);

/// @param options.out  emptied first; refused if it holds anything that no such run has left there
/// Errors: invalid, io.
Result<void> bench_write(io::FileSystem& fs, const BenchWriteOptions& options, const Clock& clock,
                         Progress& progress, const Print& print);

}  // namespace narthex::apps
