// narthextool tsdb list: the blocks of a data directory, one a line.
//
// Source: promtool's listBlocks and printBlocks, cmd/promtool/tsdb.go
#pragma once

#include <string>

#include "apps/narthextool/output.h"
#include "io/file_system.h"
#include "model/result.h"
#include "tsdb/block_set.h"

namespace narthex::apps {

/// @param human_readable  times as dates and sizes with units, not as plain numbers
/// Errors: not_found (no such directory), corruption (a damaged block), io.
Result<void> list_blocks(io::FileSystem& fs, const std::string& directory, bool human_readable,
                         const Print& print);
void print_blocks(const tsdb::Blocks& blocks, bool with_header, bool human_readable, const Print& print);

}  // namespace narthex::apps
