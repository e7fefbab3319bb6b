// Glob patterns of rule_files, scrape_config_files and file_sd, by the rules of Go's
// filepath.Match, with wildcards in the last path element.
#include <algorithm>
#include <filesystem>
#include <optional>

#include "config/config.h"

namespace narthex::config {

namespace {

struct CharClass {
  bool matches = false;
  std::size_t length = 0;  ///< of the class in the pattern, brackets included
};

/// A class that begins at pattern[0] == '['. Nothing if it is malformed.
std::optional<CharClass> match_class(std::string_view pattern, char c) {
  std::size_t i = 1;
  const bool negated = i < pattern.size() && pattern[i] == '^';
  if (negated) ++i;
  const auto next = [&]() -> std::optional<char> {
    if (i < pattern.size() && pattern[i] == '\\') ++i;
    if (i >= pattern.size()) return std::nullopt;
    return pattern[i++];
  };
  bool found = false;
  for (bool first = true; first || (i < pattern.size() && pattern[i] != ']'); first = false) {
    const auto low = next();
    if (!low) return std::nullopt;
    auto high = low;
    if (i + 1 < pattern.size() && pattern[i] == '-' && pattern[i + 1] != ']') {
      ++i;
      high = next();
      if (!high) return std::nullopt;
    }
    found |= *low <= c && c <= *high;
  }
  if (i >= pattern.size()) return std::nullopt;
  return CharClass{found != negated, i + 1};
}

/// Length of the one element of `pattern` (not a star) that `c` matches, or 0.
std::size_t match_one(std::string_view pattern, char c) {
  if (pattern.empty()) return 0;
  switch (pattern[0]) {
    case '?':
      return 1;
    case '\\':
      return pattern.size() > 1 && pattern[1] == c ? 2 : 0;
    case '[': {
      const auto found = match_class(pattern, c);
      return found && found->matches ? found->length : 0;
    }
    default:
      return pattern[0] == c ? 1 : 0;
  }
}

/// Linear in practice: after a mismatch only the last star gives way.
bool matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::optional<std::pair<std::size_t, std::size_t>> star;  // behind the star, first character it leaves
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = {++p, n};
    } else if (const std::size_t step = match_one(pattern.substr(p), name[n]); step > 0) {
      p += step;
      ++n;
    } else if (star) {
      p = star->first;
      n = ++star->second;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool has_wildcard(std::string_view text) {
  return text.find_first_of("*?[\\") != std::string_view::npos;
}

}  // namespace

Result<std::vector<std::string>> expand_pattern(io::FileSystem& fs, const std::string& pattern) {
  const std::filesystem::path path(pattern);
  const std::string last = path.filename().string();
  std::vector<std::string> files;
  if (!has_wildcard(last)) {
    if (fs.exists(pattern)) files.push_back(pattern);
    return files;
  }
  const std::string directory = path.parent_path().string();
  const std::string listed = directory.empty() ? "." : directory;
  if (!fs.exists(listed)) return files;
  auto entries = fs.list(listed);
  if (!entries) {
    if (entries.error().code == Code::not_found) return files;
    return pass(entries, "expanding " + pattern);
  }
  for (const io::DirEntry& entry : *entries) {
    if (!matches(last, entry.name)) continue;
    files.push_back(directory.empty() ? entry.name
                                      : (std::filesystem::path(directory) / entry.name).string());
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace narthex::config
