#include "io/signal_safe_write.h"

#include <fcntl.h>
#include <unistd.h>

namespace narthex::io {

bool write_in_signal_handler(const char* path, std::uint64_t offset, Bytes bytes) noexcept {
  const int file = ::open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t written = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
  ::close(file);
  return written == static_cast<ssize_t>(bytes.size());
}

}  // namespace narthex::io
