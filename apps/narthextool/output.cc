#include "apps/narthextool/output.h"

#include <fmt/core.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace narthex::apps {

void print_out(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

int conclude(const Result<void>& result) {
  if (!result) fmt::print(stderr, "{}\n", result.error().text);
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    fmt::print(stderr, "standard output cannot be written: {}\n", std::strerror(errno));
    return 1;
  }
  return result ? 0 : 1;
}

}  // namespace narthex::apps
