// FileSource: the target groups of one file_sd_config.
//
// Threads: one at a time.
#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>

#include "config/config.h"
#include "io/file_system.h"
#include "net/discovery/discovery.h"

namespace narthex::net {

class FileSource {
 public:
  explicit FileSource(config::FileDiscovery config) : config_(std::move(config)) {}

  struct Refresh {
    bool changed = false;
    std::size_t errors = 0;  ///< files that could not be read; each is logged
  };
  /// Reads all files; blocks.
  Refresh refresh(io::FileSystem& fs);

  [[nodiscard]] TargetGroups groups() const;
  [[nodiscard]] const config::FileDiscovery& config() const { return config_; }
  /// In which files may appear.
  [[nodiscard]] std::set<std::string> directories() const;

 private:
  config::FileDiscovery config_;
  std::map<std::string, TargetGroups> by_file_;
};

}  // namespace narthex::net
