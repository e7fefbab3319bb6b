// The browser app inside the binary: files of web/ui's build, gzipped.
#pragma once

#include <optional>
#include <string_view>

namespace narthex::web {

struct Asset {
  std::string_view content_type;
  std::string_view gzipped;  ///< valid for the life of the process
};

/// @param path  as in the build: "index.html", "assets/app.js"
std::optional<Asset> find_asset(std::string_view path);

}  // namespace narthex::web
