// A page like a node_exporter's: the same series for every seed, other values.
#pragma once

#include <cstdint>
#include <string>

namespace narthex::bench {

inline std::string node_exporter_page(std::uint64_t seed = 1) {
  std::string page;
  auto number = [state = seed]() mutable {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return state >> 33U;
  };
  page +=
      "# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.\n# TYPE node_cpu_seconds_total "
      "counter\n";
  for (int cpu = 0; cpu < 32; ++cpu)
    for (const char* mode : {"idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"})
      page += "node_cpu_seconds_total{cpu=\"" + std::to_string(cpu) + "\",mode=\"" + mode + "\"} " +
              std::to_string(number() % 10'000'000) + "." + std::to_string(number() % 100) + "\n";
  for (const char* name :
       {"reads_completed_total", "read_bytes_total", "io_time_seconds_total", "writes_merged_total"}) {
    page += "# HELP node_disk_" + std::string(name) + " A total.\n# TYPE node_disk_" + name + " counter\n";
    for (int disk = 0; disk < 12; ++disk)
      page += "node_disk_" + std::string(name) + "{device=\"nvme" + std::to_string(disk) + "n1\"} " +
              std::to_string(number() % 1'000'000) + "e+06\n";
  }
  page +=
      "# HELP node_filesystem_avail_bytes Filesystem space available.\n# TYPE node_filesystem_avail_bytes "
      "gauge\n";
  for (int fs = 0; fs < 40; ++fs)
    page += "node_filesystem_avail_bytes{device=\"/dev/mapper/vg-root" + std::to_string(fs) +
            "\",device_error=\"\",fstype=\"ext4\",mountpoint=\"/var/lib/data/" + std::to_string(fs) + "\"} " +
            std::to_string(number() * 4096) + "\n";
  for (int i = 0; i < 400; ++i) {
    const std::string name = "node_netstat_Ip_InDatagrams" + std::to_string(i);
    page += "# HELP " + name + " Statistic.\n# TYPE " + name + " untyped\n" + name + " " +
            std::to_string(number()) + "\n";
  }
  return page;
}

}  // namespace narthex::bench
