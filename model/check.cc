#include "model/check.h"

#include <cstdio>
#include <cstdlib>

namespace narthex {

void check_failed(const char* why, std::source_location where) noexcept {
  std::fprintf(stderr, "narthex: broken invariant at %s:%u in %s: %s\n", where.file_name(),
               static_cast<unsigned>(where.line()), where.function_name(), why);
  std::abort();
}

}  // namespace narthex
