#include "apps/narthextool/tsdb_list.h"

#include "apps/narthextool/go_text.h"
#include "tsdb/read_only.h"

namespace narthex::apps {
namespace {

std::string time_text(Timestamp t, bool human_readable) {
  return human_readable ? go_time(t / 1000) : std::to_string(t);
}

std::string bytes_text(std::uint64_t bytes, bool human_readable) {
  return human_readable ? base2_bytes(static_cast<std::int64_t>(bytes)) : std::to_string(bytes);
}

}  // namespace

void print_blocks(const tsdb::Blocks& blocks, bool with_header, bool human_readable, const Print& print) {
  TextTable table;
  if (with_header) {
    table.add({"BLOCK ULID", "MIN TIME", "MAX TIME", "DURATION", "NUM SAMPLES", "NUM CHUNKS", "NUM SERIES",
               "SIZE"});
  }
  for (const auto& block : blocks) {
    const tsdb::BlockMeta& meta = block->meta();
    table.add({meta.ulid, time_text(meta.mint, human_readable), time_text(meta.maxt, human_readable),
               go_duration_between(meta.mint, meta.maxt), std::to_string(meta.num_samples),
               std::to_string(meta.num_chunks), std::to_string(meta.num_series),
               bytes_text(block->size_bytes(), human_readable)});
  }
  print(table.text());
}

Result<void> list_blocks(io::FileSystem& fs, const std::string& directory, bool human_readable,
                         const Print& print) {
  const auto db = tsdb::ReadOnlyDb::open(fs, directory);
  if (!db) return std::unexpected(db.error());
  const auto blocks = db->blocks();
  if (!blocks) return std::unexpected(blocks.error());
  print_blocks(*blocks, true, human_readable, print);
  return {};
}

}  // namespace narthex::apps
