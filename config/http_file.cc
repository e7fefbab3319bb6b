// A file with nothing but an http_config, as command-line tools take it.
#include <filesystem>

#include "config/readers.h"

namespace narthex::config {

Result<HttpConfig> load_http_config(io::FileSystem& fs, const std::string& path) {
  const auto text = fs.read_file(path);
  if (!text) return std::unexpected(text.error());
  auto document = parse_yaml(*text, path);
  if (!document) return pass(document);
  Findings findings(path);
  const auto known = with_http_fields({});
  const auto not_yet = with_unsupported_http_fields({});
  const Section section(findings, document->root, "", {known, not_yet});
  const std::string directory = std::filesystem::path(path).parent_path().string();
  auto read = read_http({findings, directory.empty() ? "." : directory, {}}, section);
  if (!findings.ok()) return std::unexpected(findings.error());
  return std::move(read.value);
}

}  // namespace narthex::config
