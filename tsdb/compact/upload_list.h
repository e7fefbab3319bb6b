// UploadList: which blocks somebody else has copied already, by a file that he keeps up to date.
//
//   {"uploaded": ["01HF4YRXG0ABCDEFGHJKMNPQRS", ...]}
//
// As Thanos' sidecar writes it. Blocks of level 1 that are not in it are not compacted yet, nor
// what comes after them. A file that cannot be read holds nothing back.
// Source: Prometheus cmd/prometheus/main.go (exludeBlocksPendingUpload), tsdb/compact.go (Plan).
//
// Threads: one at a time.
#pragma once

#include <string>
#include <vector>

#include "io/file_system.h"
#include "model/result.h"
#include "tsdb/block/block_meta.h"

namespace narthex::tsdb {

class UploadList {
 public:
  /// @param path  empty: nothing is held back
  UploadList(io::FileSystem& fs, std::string path) : fs_(fs), path_(std::move(path)) {}

  /// Those that may be compacted now: up to the first, by ULID, that waits for its upload.
  [[nodiscard]] std::vector<BlockMeta> compactable(std::vector<BlockMeta> blocks) const;

 private:
  [[nodiscard]] Result<std::vector<std::string>> read() const;

  io::FileSystem& fs_;
  std::string path_;
};

}  // namespace narthex::tsdb
