// Verification: what the parts of verify share: reading files, reporting, counting.
//
// Paths are inside of the data directory. A file that is gone again when it is opened is passed
// over; one that cannot be read is reported.
// Threads: one at a time.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tsdb/verify.h"

namespace narthex::tsdb {

class Verification {
 public:
  Verification(io::FileSystem& fs, std::string directory, VerifyObserver& observer)
      : fs_(fs), directory_(std::move(directory)), observer_(observer) {}

  void damage(const std::string& path, std::optional<std::uint64_t> offset, std::string reason) {
    report(Severity::damage, path, offset, std::move(reason));
  }
  void notice(const std::string& path, std::optional<std::uint64_t> offset, std::string reason) {
    report(Severity::notice, path, offset, std::move(reason));
  }
  /// Says how much was left unsaid of files with very many findings.
  void finish();

  /// Null, reported, if it cannot be read. For files that nobody writes any more.
  std::unique_ptr<io::Mapping> map(const std::string& path);
  /// Nothing, reported, if it cannot be read. For files that a server may write or shorten.
  std::optional<std::string> read(const std::string& path);
  /// Empty, reported, if it cannot be listed. Nothing if it is not there.
  std::optional<std::vector<io::DirEntry>> list(const std::string& path);
  /// Bytes of all files below; for the progress. What cannot be read counts as nothing.
  std::uint64_t measure(const std::string& path);
  void set_total_bytes(std::uint64_t bytes) { total_bytes_ = bytes; }

  VerifyTotals totals;

 private:
  [[nodiscard]] std::string absolute(const std::string& path) const {
    return path.empty() ? directory_ : directory_ + "/" + path;
  }
  template <class Value>
  bool was_read(const std::string& path, const Result<Value>& result);
  void report(Severity severity, const std::string& path, std::optional<std::uint64_t> offset,
              std::string reason);
  void add_bytes(std::uint64_t bytes);

  io::FileSystem& fs_;
  std::string directory_;
  VerifyObserver& observer_;
  std::uint64_t total_bytes_ = 0;
  std::map<std::string, std::uint64_t> findings_;  ///< by path
};

/// The first byte of `bytes` that is not zero; nothing if all are.
[[nodiscard]] std::optional<std::size_t> first_nonzero(io::Bytes bytes);

// The parts. Paths end without a slash.
void verify_block(Verification& v, const std::string& ulid);
/// wal with its checkpoints, then wbl, then chunks_head: later ones refer to series of the first.
void verify_logs(Verification& v);
/// Our folder.
void verify_own_files(Verification& v, const std::string& path);

}  // namespace narthex::tsdb
