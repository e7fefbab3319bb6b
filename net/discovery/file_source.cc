#include "net/discovery/file_source.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "telemetry/log.h"

namespace narthex::net {

namespace {

// Groups that did not change stay the same objects.
TargetGroups share(std::vector<config::TargetGroup> read, const TargetGroups& known) {
  TargetGroups groups;
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (i < known.size() && read[i] == *known[i])
      groups.push_back(known[i]);
    else
      groups.push_back(std::make_shared<const config::TargetGroup>(std::move(read[i])));
  }
  return groups;
}

}  // namespace

FileSource::Refresh FileSource::refresh(io::FileSystem& fs) {
  Refresh result;
  std::map<std::string, TargetGroups> fresh;
  for (const std::string& pattern : config_.files) {
    const auto files = config::expand_pattern(fs, pattern);
    if (!files) {
      ++result.errors;
      telemetry::error("Error expanding glob", {{"glob", pattern}, {"err", files.error().text}});
      // Nothing was seen of these files: that is no reason to forget them.
      for (const auto& [file, groups] : by_file_)
        if (std::filesystem::path(file).parent_path() == std::filesystem::path(pattern).parent_path())
          fresh.emplace(file, groups);
      continue;
    }
    for (const std::string& file : *files) {
      const auto known = by_file_.find(file);
      const TargetGroups before = known == by_file_.end() ? TargetGroups{} : known->second;
      auto read = config::load_target_file(fs, file);
      if (!read && read.error().code == Code::not_found) continue;  // gone since it was listed
      if (!read) {
        ++result.errors;
        telemetry::error("Error reading file", {{"path", file}, {"err", read.error().text}});
        if (known != by_file_.end()) fresh[file] = before;
        continue;
      }
      fresh[file] = share(std::move(*read), before);
    }
  }
  result.changed = fresh != by_file_;
  by_file_ = std::move(fresh);
  return result;
}

TargetGroups FileSource::groups() const {
  TargetGroups all;
  for (const auto& [file, groups] : by_file_) all.insert(all.end(), groups.begin(), groups.end());
  return all;
}

std::set<std::string> FileSource::directories() const {
  std::set<std::string> directories;
  for (const std::string& pattern : config_.files) {
    const std::string directory = std::filesystem::path(pattern).parent_path().string();
    directories.insert(directory.empty() ? "." : directory);
  }
  return directories;
}

}  // namespace narthex::net
