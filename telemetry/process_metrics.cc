#include "telemetry/process_metrics.h"

#include <dirent.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace narthex::telemetry {

namespace {

/// "Unlimited" is 2^64 - 1 here, as Go's client prints it.
double limit_of(int resource) {
  rlimit limit{};
  return getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) == 0
             ? static_cast<double>(limit.rlim_cur)
             : 0;
}

/// The fields of /proc/self/stat behind the command, which may hold blanks itself.
std::vector<std::string> stat_fields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const std::size_t end_of_command = line.rfind(')');
  if (end_of_command == std::string::npos) return {};
  std::istringstream rest(line.substr(end_of_command + 1));
  std::vector<std::string> fields;
  for (std::string field; rest >> field;) fields.push_back(std::move(field));
  return fields;
}

/// Seconds since the epoch when the machine was booted.
double boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string key; file >> key;) {
    double value = 0;
    if (key == "btime" && file >> value) return value;
    file.ignore(1 << 20, '\n');
  }
  return 0;
}

std::optional<double> count_open_files() {
  DIR* const directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return std::nullopt;
  double entries = 0;
  while (::readdir(directory) != nullptr) ++entries;
  ::closedir(directory);
  return entries - 3;  // ".", ".." and the directory itself
}

struct NetworkBytes {
  double received = 0;
  double sent = 0;
};

/// IpExt of /proc/self/net/netstat: a line of names, then a line of values.
std::optional<NetworkBytes> network_bytes() {
  std::ifstream file("/proc/self/net/netstat");
  std::vector<std::string> names;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("IpExt:")) continue;
    std::istringstream words(line);
    std::vector<std::string> row;
    for (std::string word; words >> word;) row.push_back(std::move(word));
    if (names.empty()) {
      names = std::move(row);
      continue;
    }
    NetworkBytes bytes;
    for (std::size_t i = 1; i < std::min(names.size(), row.size()); ++i) {
      if (names[i] == "InOctets") bytes.received = std::strtod(row[i].c_str(), nullptr);
      if (names[i] == "OutOctets") bytes.sent = std::strtod(row[i].c_str(), nullptr);
    }
    return bytes;
  }
  return std::nullopt;
}

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}
prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

void raise_to(prometheus::Counter& counter, double value) {
  counter.Increment(std::max(0.0, value - counter.Value()));
}

}  // namespace

struct ProcessMetrics::Impl {
  explicit Impl(prometheus::Registry& r)
      : cpu(counter(r, "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.")),
        open_fds(gauge(r, "process_open_fds", "Number of open file descriptors.")),
        max_fds(gauge(r, "process_max_fds", "Maximum number of open file descriptors.")),
        virtual_memory(gauge(r, "process_virtual_memory_bytes", "Virtual memory size in bytes.")),
        max_virtual_memory(gauge(r, "process_virtual_memory_max_bytes",
                                 "Maximum amount of virtual memory available in bytes.")),
        resident_memory(gauge(r, "process_resident_memory_bytes", "Resident memory size in bytes.")),
        start_time(
            gauge(r, "process_start_time_seconds", "Start time of the process since unix epoch in seconds.")),
        received(counter(r, "process_network_receive_bytes_total",
                         "Number of bytes received by the process over the network.")),
        sent(counter(r, "process_network_transmit_bytes_total",
                     "Number of bytes sent by the process over the network.")) {}

  std::mutex mutex;  // two refreshes at once would count CPU time twice
  prometheus::Counter& cpu;
  prometheus::Gauge& open_fds;
  prometheus::Gauge& max_fds;
  prometheus::Gauge& virtual_memory;
  prometheus::Gauge& max_virtual_memory;
  prometheus::Gauge& resident_memory;
  prometheus::Gauge& start_time;
  prometheus::Counter& received;
  prometheus::Counter& sent;
};

ProcessMetrics::ProcessMetrics(prometheus::Registry& registry) : impl_(std::make_unique<Impl>(registry)) {
  refresh();
}

ProcessMetrics::~ProcessMetrics() = default;

void ProcessMetrics::refresh() {
  const std::lock_guard lock(impl_->mutex);
  const std::vector<std::string> fields = stat_fields();
  // proc(5) counts from the pid: field 14 (utime) is the 12th behind the command.
  constexpr std::size_t kUserTime = 11;
  constexpr std::size_t kSystemTime = 12;
  constexpr std::size_t kStartTime = 19;
  constexpr std::size_t kVirtualSize = 20;
  constexpr std::size_t kResidentPages = 21;
  if (fields.size() > kResidentPages) {
    const auto field = [&](std::size_t i) { return std::strtod(fields[i].c_str(), nullptr); };
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    raise_to(impl_->cpu, (field(kUserTime) + field(kSystemTime)) / ticks);
    impl_->start_time.Set(boot_time() + field(kStartTime) / ticks);
    impl_->virtual_memory.Set(field(kVirtualSize));
    impl_->resident_memory.Set(field(kResidentPages) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  }
  if (const auto files = count_open_files()) impl_->open_fds.Set(*files);
  if (const auto bytes = network_bytes()) {
    raise_to(impl_->received, bytes->received);
    raise_to(impl_->sent, bytes->sent);
  }
  impl_->max_fds.Set(limit_of(RLIMIT_NOFILE));
  impl_->max_virtual_memory.Set(limit_of(RLIMIT_AS));
}

}  // namespace narthex::telemetry
