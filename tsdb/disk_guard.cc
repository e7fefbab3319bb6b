#include "tsdb/disk_guard.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "telemetry/log.h"

namespace narthex::tsdb {

DiskGuard::DiskGuard(io::FileSystem& fs, std::string directory, const DiskReserve& reserve)
    : fs_(fs), directory_(std::move(directory)), reserve_(reserve) {}

DiskState DiskGuard::check() {
  if (reserve_.free_bytes == 0 && reserve_.file_bytes == 0) return state();
  const sync::MutexLock lock(mutex_);
  const auto space = fs_.space(directory_);
  if (!space) {
    // Said once, not every second.
    if (!std::exchange(space_unknown_, true)) {
      telemetry::warn("The free space of the disk is not known; the reserve cannot be kept",
                      {{"directory", directory_}, {"error", space.error().text}});
    }
    return state();
  }
  space_unknown_ = false;
  free_bytes_.store(space->available_bytes, std::memory_order_relaxed);
  change_state(space->available_bytes);
  keep_file(space->available_bytes);
  return state();
}

void DiskGuard::change_state(std::uint64_t free) {
  const bool was = is_read_only();
  if (!was && free < reserve_.free_bytes) {
    telemetry::error("The disk is nearly full: nothing is appended until there is space again",
                     {{"directory", directory_},
                      {"free_bytes", std::to_string(free)},
                      {"reserve_bytes", std::to_string(reserve_.free_bytes)}});
    read_only_.store(true, std::memory_order_relaxed);
  } else if (was && free >= enough()) {
    telemetry::info("There is space on the disk again: appending goes on",
                    {{"directory", directory_}, {"free_bytes", std::to_string(free)}});
    read_only_.store(false, std::memory_order_relaxed);
  }
}

void DiskGuard::keep_file(std::uint64_t free) {
  if (reserve_.file_bytes == 0) return;
  const bool is_there = fs_.exists(file());
  Result<void> done;
  if (is_there && free < reserve_.file_bytes) {
    done = fs_.remove_file(file());
    if (done) {
      telemetry::warn("The disk is full: the reserve file is given up",
                      {{"file", file()}, {"bytes", std::to_string(reserve_.file_bytes)}});
    }
  } else if (!is_there && !is_read_only() && free >= enough() + 2 * reserve_.file_bytes) {
    done = make_file();
  }
  if (!done && !file_failed_) {
    telemetry::warn("The reserve file cannot be kept; it will be tried again",
                    {{"file", file()}, {"error", done.error().text}});
  }
  file_failed_ = !done;
}

Result<void> DiskGuard::make_file() {
  if (auto made = fs_.make_directories(directory_ + "/narthex"); !made) return made;
  // Written, not only sized: a file with a hole reserves nothing.
  const std::vector<std::byte> zeros(reserve_.file_bytes);
  return io::replace_file(fs_, file(), zeros);
}

DiskState DiskGuard::state() const {
  return {is_read_only(), free_bytes_.load(std::memory_order_relaxed), reserve_.free_bytes};
}

bool DiskGuard::has_room_for(std::uint64_t bytes) const {
  if (reserve_.free_bytes == 0) return true;
  const std::uint64_t free = free_bytes_.load(std::memory_order_relaxed);
  return bytes + reserve_.free_bytes <= free || bytes <= free / 2;
}

std::uint64_t DiskGuard::missing_bytes() const {
  if (!is_read_only()) return 0;
  const std::uint64_t free = free_bytes_.load(std::memory_order_relaxed);
  return enough() - std::min(enough(), free);
}

}  // namespace narthex::tsdb
