// KubernetesPage: the page of a target with labels like those of Kubernetes' exporters, about 220
// bytes a line. At each scrape half of the values stand still, 35 % are counters that grow by whole
// numbers, 15 % gauges that walk with three decimals.
#pragma once

#include <fmt/format.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace narthex::bench {

class KubernetesPage {
 public:
  KubernetesPage(std::uint64_t target, std::size_t series) : random_(target) {
    for (std::size_t i = 0; i < series; ++i) lines_.push_back(make_line(target, i));
  }

  /// The page of one more scrape.
  void render(std::string& out) {
    out.clear();
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (i % kSeriesPerMetric == 0) out += lines_[i].head;
      out += lines_[i].series;
      append_value(lines_[i], out);
      out += '\n';
    }
  }

 private:
  static constexpr std::size_t kSeriesPerMetric = 100;
  enum class Kind : std::uint8_t { constant, counter, gauge };
  struct Line {
    std::string head;  // HELP and TYPE, where a metric begins
    std::string series;
    Kind kind;
    std::int64_t thousandths;
  };

  Line make_line(std::uint64_t target, std::size_t i) {
    const std::size_t metric = i / kSeriesPerMetric;
    const std::size_t pod = i % kSeriesPerMetric;
    const std::string name = fmt::format("container_fake_operations_{:02}_total", metric);
    const std::size_t slot = i % 20;
    const Kind kind = slot < 10 ? Kind::constant : slot < 17 ? Kind::counter : Kind::gauge;
    return {fmt::format("# HELP {} Operations of kind {}.\n# TYPE {} counter\n", name, metric, name),
            fmt::format("{}{{container=\"app-{:02}\",id=\"/kubepods/burstable/pod{:08x}-{:04x}/{:012x}\","
                        "image=\"images.example/team/app-{:02}:1.{}.0\",name=\"k8s_app-{:02}_{:06}\","
                        "namespace=\"team-{:02}\",pod=\"app-{:02}-{:08x}\"}} ",
                        name, pod % 10, target * 7919, pod, pod * 104729 + target, pod % 10, pod % 7,
                        pod % 10, target * 1000 + pod, pod % 12, pod % 10, pod * 2654435761U + target),
            kind, static_cast<std::int64_t>(random_() % 1'000'000) * 1000};
  }

  void append_value(Line& line, std::string& out) {
    if (line.kind == Kind::counter) line.thousandths += static_cast<std::int64_t>(random_() % 1000) * 1000;
    if (line.kind == Kind::gauge) line.thousandths += static_cast<std::int64_t>(random_() % 2001) - 1000;
    char digits[32];
    const auto whole = std::to_chars(std::begin(digits), std::end(digits), line.thousandths / 1000);
    out.append(digits, whole.ptr);
    const auto rest = static_cast<int>(std::abs(line.thousandths % 1000));
    if (rest != 0) fmt::format_to(std::back_inserter(out), ".{:03}", rest);
  }

  std::minstd_rand random_;
  std::vector<Line> lines_;
};

}  // namespace narthex::bench
