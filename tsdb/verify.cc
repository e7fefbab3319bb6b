#include "tsdb/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "tsdb/block/block_meta.h"
#include "tsdb/verify/verification.h"

namespace narthex::tsdb {
namespace {

using Names = std::span<const std::string_view>;

bool is_one_of(std::string_view name, Names names) {
  return std::ranges::find(names, name) != names.end();
}

/// A name in the root, which is no block and none of the folders with parts of their own.
void verify_other_name(Verification& v, const io::DirEntry& e) {
  static constexpr std::array<std::string_view, 4> kKnown = {"lock", "queries.active", "snapshots",
                                                             "lost+found"};
  static constexpr std::array<std::string_view, 3> kEndings = {".tmp-for-creation", ".tmp-for-deletion",
                                                               ".tmp"};
  if (is_one_of(e.name, kKnown)) return;
  const bool left_behind =
      std::ranges::any_of(kEndings, [&](std::string_view s) { return e.name.ends_with(s); });
  if (left_behind || e.name.starts_with("tmp_dbro_sandbox")) {
    v.notice(e.name, std::nullopt, "left behind by an interrupted run");
  } else if (e.name.starts_with("chunk_snapshot.")) {
    v.notice(e.name, std::nullopt, "a snapshot of Prometheus' head; the next start here removes it");
  } else {
    v.notice(e.name, std::nullopt, "does not belong to a data directory; nobody reads it");
  }
}

}  // namespace

Result<VerifyTotals> verify_directory(io::FileSystem& fs, const std::string& directory,
                                      VerifyObserver& observer) {
  auto entries = fs.list(directory);
  if (!entries) return pass(entries, "verifying the data directory");
  static constexpr std::array<std::string_view, 4> kParts = {"wal", "wbl", "chunks_head", "narthex"};
  Verification v(fs, directory, observer);
  std::uint64_t bytes = 0;
  for (const io::DirEntry& e : *entries) {
    const bool counts = e.is_directory && (is_ulid(e.name) || is_one_of(e.name, kParts));
    if (counts) bytes += v.measure(e.name);
  }
  v.set_total_bytes(bytes);
  for (const io::DirEntry& e : *entries) {
    if (e.is_directory && is_ulid(e.name))
      verify_block(v, e.name);
    else if (!e.is_directory || !is_one_of(e.name, kParts))
      verify_other_name(v, e);
  }
  verify_logs(v);
  verify_own_files(v, "narthex");
  v.finish();
  return v.totals;
}

}  // namespace narthex::tsdb
