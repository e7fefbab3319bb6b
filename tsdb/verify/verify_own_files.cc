// narthex/: what this server keeps beside Prometheus' files.
#include <memory>
#include <string_view>
#include <utility>

#include "tsdb/head/snapshot_file.h"
#include "tsdb/head/snapshot_state.h"
#include "tsdb/log_manifest.h"
#include "tsdb/verify/verification.h"

namespace narthex::tsdb {
namespace {

/// All checksums; what the sections say is checked by whoever takes it over.
Result<void> check_snapshot(std::unique_ptr<io::Mapping> mapping, const std::string& file) {
  auto reader = SnapshotReader::over(std::move(mapping), file);
  if (!reader) return pass(reader);
  for (const SnapshotReader::Section& section : reader->sections()) {
    if (auto read = reader->read(section); !read) return pass(read);
  }
  auto state = SnapshotState::read(*reader);
  return state ? Result<void>{} : pass(state);
}

/// Another version is no damage.
void report(Verification& v, const std::string& file, const Error& error) {
  const std::string reason = error.text + "; the next start reads all of the log";
  if (error.code == Code::invalid)
    v.notice(file, std::nullopt, reason);
  else
    v.damage(file, std::nullopt, reason);
}

void verify_snapshot(Verification& v, const std::string& file) {
  auto mapping = v.map(file);
  if (!mapping) return;
  if (const auto checked = check_snapshot(std::move(mapping), file); !checked)
    report(v, file, checked.error());
}

void verify_manifest(Verification& v, const std::string& file) {
  const auto bytes = v.read(file);
  if (!bytes) return;
  if (const auto manifest = decode_manifest(io::as_bytes(*bytes)); !manifest)
    report(v, file, manifest.error());
}

void verify_quarantine(Verification& v, const std::string& path) {
  const auto kept = v.list(path);
  if (!kept) return;
  for (const io::DirEntry& k : *kept) {
    v.notice(path + "/" + k.name, std::nullopt, "was set aside because of damage");
  }
}

}  // namespace

void verify_own_files(Verification& v, const std::string& path) {
  const auto entries = v.list(path);
  if (!entries) return;
  for (const io::DirEntry& e : *entries) {
    const std::string file = path + "/" + e.name;
    const std::string_view name = e.name;
    if (name == "quarantine") {
      verify_quarantine(v, file);
    } else if (name == "manifest") {
      verify_manifest(v, file);
    } else if (name == "reserve") {
      continue;  // zeros, see disk_guard.h
    } else if (name.ends_with(".tmp")) {
      v.notice(file, std::nullopt, "left behind by an interrupted run");
    } else if (name.starts_with("head.")) {
      verify_snapshot(v, file);
    } else {
      v.notice(file, std::nullopt, "does not belong here; nobody reads it");
    }
  }
}

}  // namespace narthex::tsdb
