// The load of the head's benchmarks: labels like those of Kubernetes' exporters, 11 pairs a series;
// half of the values constant, 35 % counters with integer steps, 15 % gauges that walk with three
// decimals.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "model/labels.h"
#include "model/time.h"

namespace narthex::tsdb {

inline constexpr std::size_t kSeriesPerTarget = 500;
inline constexpr Timestamp kLoadStart = 1'700'000'000'000;
/// Later than any sample of the load: none of it is from the future.
inline constexpr Timestamp kLoadNow = kLoadStart + 30 * 24 * 3600 * 1000LL;
inline constexpr DurationMs kLoadInterval = 15'000;

inline Labels load_labels(std::size_t target, std::size_t i) {
  const std::string name = fmt::format("service_requests_{}_total", i / 5);
  const std::string instance = fmt::format("10.{}.{}.17:9100", target / 250, target % 250);
  const std::string node = fmt::format("node-{}", target / 10);
  const std::string pod = fmt::format("api-7d9f{:04x}-x{}", target * 7919, target);
  const std::string handler = fmt::format("/api/v1/resource_{}", i % 5);
  return Labels{{"__name__", name},
                {"cluster", "eu-west-1a"},
                {"code", i % 2 == 0 ? "200" : "500"},
                {"container", "api"},
                {"handler", handler},
                {"instance", instance},
                {"job", "kubernetes-pods"},
                {"method", "GET"},
                {"namespace", "shop"},
                {"node", node},
                {"pod", pod}};
}

/// The values of all series, one scrape after the other.
class LoadValues {
 public:
  explicit LoadValues(std::size_t series) : values_(series) {
    for (std::size_t i = 0; i < series; ++i) values_[i] = static_cast<double>(i % 1000);
  }
  double next(std::size_t i) {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    const auto dice = static_cast<std::uint32_t>(state_ >> 33);
    const std::size_t kind = i % 20;
    if (kind >= 17) {
      thousandths(i, static_cast<double>(dice % 2001) - 1000);
    } else if (kind >= 10) {
      values_[i] += dice % 100;
    }
    return values_[i];
  }
  [[nodiscard]] std::size_t size_bytes() const { return values_.capacity() * sizeof(double); }

 private:
  void thousandths(std::size_t i, double by) {
    values_[i] = static_cast<double>(static_cast<std::int64_t>(values_[i] * 1000 + by)) / 1000;
  }
  std::vector<double> values_;
  std::uint64_t state_ = 1;
};

inline std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t pages = 0;
  statm >> pages >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace narthex::tsdb
