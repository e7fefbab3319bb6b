// narthex/: what this server keeps beside Prometheus' files.
#include "tsdb/verify/verification.h"

namespace narthex::tsdb {

void verify_own_files(Verification& v, const std::string& path) {
  const auto entries = v.list(path);
  if (!entries) return;
  for (const io::DirEntry& e : *entries) {
    const std::string file = path + "/" + e.name;
    if (e.name == "reserve") continue;  // zeros, see disk_guard.h
    if (e.name != "quarantine") {
      v.notice(file, std::nullopt, "does not belong here; nobody reads it");
      continue;
    }
    const auto kept = v.list(file);
    if (!kept) continue;
    for (const io::DirEntry& k : *kept) {
      v.notice(file + "/" + k.name, std::nullopt, "was set aside because of damage");
    }
  }
}

}  // namespace narthex::tsdb
