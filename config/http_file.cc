// A file that holds nothing but an http_config: how narthextool talks to a server.
#include <filesystem>

#include "config/readers.h"

namespace narthex::config {

Result<HttpConfig> load_http_config(io::FileSystem& fs, const std::string& path) {
  const auto text = fs.read_file(path);
  if (!text) return std::unexpected(text.error().during("reading HTTP configuration file"));
  const auto document = parse_yaml(*text, path);
  if (!document) return std::unexpected(document.error());
  Findings findings(path);
  const auto known = with_http_fields({});
  const auto not_yet = with_unsupported_http_fields({});
  const Section section(findings, document->root, "", {known, not_yet});
  const ReadContext context{findings, std::filesystem::path(path).parent_path().string(), {}};
  HttpConfig http = read_http(context, section).value;
  if (!findings.ok()) return std::unexpected(findings.error());
  return http;
}

}  // namespace narthex::config
