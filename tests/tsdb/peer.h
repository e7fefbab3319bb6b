// The real thing beside us: runs Prometheus' own tools on data that we wrote, and reads what
// they wrote. NARTHEX_PEERS names a folder with usr/bin/promtool (Debian's package, unpacked);
// without it the tests say that they were skipped.
#pragma once

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "model/labels.h"
#include "model/time.h"
#include "model/value.h"

namespace narthex::tsdb {

/// Path of promtool; empty, with a message, if there is none.
inline std::string find_promtool() {
  const char* peers = std::getenv("NARTHEX_PEERS");
  const std::string path = peers ? std::string(peers) + "/usr/bin/promtool" : "";
  if (!path.empty() && std::filesystem::exists(path)) return path;
  MESSAGE("skipped: no promtool; set NARTHEX_PEERS to a folder with usr/bin/promtool");
  return "";
}

/// A folder of its own, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "narthex_peer_XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Runs a command in `folder` and gives what it printed; it must succeed.
inline std::string run_peer(const std::string& folder, const std::string& command) {
  FILE* pipe = ::popen(("cd '" + folder + "' && " + command + " 2>peer.log").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string output;
  std::array<char, 4096> buffer;
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
    output.append(buffer.data(), n);
  const int status = ::pclose(pipe);
  CAPTURE(command);
  CAPTURE(output);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  return output;
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

/// A sample as `promtool tsdb dump` prints it.
inline std::string dump_line(const Labels& labels, Timestamp t, double v) {
  return labels.to_string() + " " + format_general(v) + " " + std::to_string(t);
}

/// All samples of a data directory as promtool sees them, sorted.
inline std::vector<std::string> dump(const std::string& promtool, const std::string& data) {
  for (const char* needed : {"/wal", "/chunks_head"}) std::filesystem::create_directories(data + needed);
  return lines_of(run_peer(data, promtool + " tsdb dump '" + data + "'"));
}

}  // namespace narthex::tsdb
