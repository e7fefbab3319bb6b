// narthextool tsdb verify: what is wrong with a data directory, one finding a line.
//
//   damage: 01HF4YRXG0.../index: offset 4096: series: no length and checksum that fit; ...
//   notice: wal/00000003: offset 917504: the last 12 bytes are a record that was not written ...
//   2 blocks, 1200 series, 4800 chunks, 560000 samples; 3 log segments, 9120 records; ...
//   damage in 1 place, 1 notice
#pragma once

#include <string>

#include "apps/narthextool/output.h"
#include "apps/narthextool/progress.h"
#include "io/file_system.h"
#include "model/result.h"

namespace narthex::apps {

/// @return  whether there was no damage. Errors: not_found, io.
Result<bool> verify(io::FileSystem& fs, const std::string& directory, Progress& progress, const Print& print);

}  // namespace narthex::apps
