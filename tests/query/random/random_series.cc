#include "tests/query/random/random_series.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>

#include "model/value.h"

namespace narthex::tests {
namespace {

using query::LoadedSample;
using query::LoadedSeries;

constexpr DurationMs kInterval = 15'000;
struct Place {
  std::string_view job;
  std::string_view instance;
};
constexpr std::array kPlaces = {Place{"api", "1"}, Place{"api", "2"}, Place{"db", "1"}, Place{"db", "3"}};

enum class Kind : std::uint8_t { counter, gauge, native_counter, native_gauge, custom, mixed, info };
struct Metric {
  std::string_view name;
  Kind kind;
};
constexpr std::array kMetrics = {
    Metric{"requests_total", Kind::counter},
    Metric{"load", Kind::gauge},
    Metric{"duration", Kind::native_counter},
    Metric{"errors_total", Kind::counter},
    Metric{"queue", Kind::native_gauge},
    Metric{"sizes", Kind::custom},
    Metric{"mixed", Kind::mixed},
    Metric{"target_info", Kind::info},
    Metric{"sizes_by_region", Kind::custom},
};

/// Values of one series, one after another.
class Values {
 public:
  Values(Choices& choices, Kind kind) : choices_(choices), kind_(kind) { begin_histogram(); }

  LoadedSample next(Timestamp t) {
    LoadedSample sample;
    sample.t = t;
    const bool is_histogram = kind_ == Kind::native_counter || kind_ == Kind::native_gauge ||
                              kind_ == Kind::custom || (kind_ == Kind::mixed && !choices_.one_in(3));
    if (is_histogram)
      sample.histogram = std::make_shared<const FloatHistogram>(next_histogram());
    else
      sample.v = next_float();
    return sample;
  }

  /// What ends the series for a while.
  static LoadedSample stale(Timestamp t) {
    LoadedSample sample;
    sample.t = t;
    sample.v = kStaleNan;
    return sample;
  }

 private:
  double next_float() {
    if (kind_ == Kind::info) return 1;
    if (kind_ == Kind::counter) {
      if (choices_.one_in(25)) counter_ = 0;
      counter_ += choices_.one_in(6) ? choices_.below(400) / 7.0 : choices_.below(40);
      return counter_;
    }
    if (choices_.one_in(40)) return special();
    return static_cast<double>(choices_.below(2000)) / 8 - 100 + (choices_.one_in(3) ? 1.0 / 3 : 0);
  }

  double special() {
    constexpr double kSpecial[] = {0.0,   -0.0,   kNormalNan, std::numeric_limits<double>::infinity(),
                                   1e308, -1e308, 5e-324,     -std::numeric_limits<double>::infinity()};
    return choices_.one_of(kSpecial);
  }

  /// Another layout; nothing counted yet.
  void begin_histogram() {
    h_ = {};
    if (kind_ == Kind::custom) {
      h_.schema = kCustomBucketsSchema;
      constexpr std::size_t kMostBounds = 4;
      constexpr double kBounds[][kMostBounds] = {{0.1, 0.5, 1, 5}, {-1, 0, 1, 10}, {0.1, 1, 2, 5}};
      const auto& bounds = kBounds[choices_.one_in(6) ? choices_.below(3) : 0];
      h_.custom_values.assign(bounds, bounds + 2 + choices_.below(3));
      h_.positive_spans = {{0, static_cast<std::uint32_t>(h_.custom_values.size()) + 1}};
    } else {
      constexpr std::int32_t kSchemas[] = {0, 0, 1, 3, -1};
      h_.schema = choices_.one_of(kSchemas);
      h_.zero_threshold = choices_.one_in(8) ? 0.5 : 0.001;
      h_.positive_spans = {{static_cast<std::int32_t>(choices_.below(4)) - 1, 1 + choices_.below(3)}};
      if (choices_.one_in(2)) h_.positive_spans.push_back({choices_.below(3) == 0 ? 0 : 2, 1});
      if (choices_.one_in(3)) h_.negative_spans = {{0, 1 + choices_.below(2)}};
    }
    if (kind_ == Kind::native_gauge) h_.hint = CounterResetHint::gauge;
    h_.positive_buckets.assign(buckets_in(h_.positive_spans), 0);
    h_.negative_buckets.assign(buckets_in(h_.negative_spans), 0);
  }

  static std::size_t buckets_in(const std::vector<HistogramSpan>& spans) {
    std::size_t n = 0;
    for (const HistogramSpan& span : spans) n += span.length;
    return n;
  }

  FloatHistogram next_histogram() {
    if (choices_.one_in(30)) begin_histogram();
    const bool is_gauge = kind_ == Kind::native_gauge;
    const auto observe = [&](double& bucket) {
      double seen = choices_.below(6);
      if (choices_.one_in(20)) seen /= 3;
      bucket = is_gauge ? seen : bucket + seen;
      return seen;
    };
    for (double& bucket : h_.positive_buckets) h_.sum += observe(bucket) * 0.75;
    for (double& bucket : h_.negative_buckets) h_.sum -= observe(bucket) * 0.75;
    if (!uses_custom_buckets(h_.schema)) observe(h_.zero_count);
    h_.count = h_.zero_count;
    for (const double bucket : h_.positive_buckets) h_.count += bucket;
    for (const double bucket : h_.negative_buckets) h_.count += bucket;
    if (is_gauge) h_.sum = static_cast<double>(choices_.below(1000)) / 8 - 50;
    return h_;
  }

  Choices& choices_;
  Kind kind_;
  double counter_ = 0;
  FloatHistogram h_;
};

class Generator {
 public:
  explicit Generator(Choices& choices) : choices_(choices) {}

  std::vector<LoadedSeries> all() {
    for (const Metric& metric : kMetrics) add(metric);
    add_classic_histograms();
    std::ranges::sort(series_, {}, &LoadedSeries::labels);
    return std::move(series_);
  }

 private:
  void add(const Metric& metric) {
    const std::uint32_t most = 1 + choices_.below(kPlaces.size());
    for (std::uint32_t i = 0; i < most; ++i) {
      std::vector<LabelView> more;
      if (metric.kind == Kind::info) {
        more.push_back({"version", choices_.one_in(2) ? "2" : "1"});
      } else if (metric.name.ends_with("_by_region")) {
        more.push_back({"region", choices_.one_in(2) ? "eu" : "us"});
      } else if (choices_.one_in(8)) {
        more.push_back({"__type__", metric.kind == Kind::counter ? "counter" : "gauge"});
      }
      series_.push_back({labels(metric.name, i, more), samples(metric.kind)});
      if (metric.kind == Kind::info && choices_.one_in(3)) restart_with_other_version(i);
    }
  }

  /// The info series goes on under another label set, and both overlap for a while.
  void restart_with_other_version(std::uint32_t place) {
    series_.push_back({labels("target_info", place, {{"version", "3"}}), samples(Kind::info)});
  }

  /// Buckets that were scraped together, but for a few that are missing or went backwards.
  void add_classic_histograms() {
    constexpr std::array kBounds = {"0.1", "0.5", "1", "+Inf"};
    const std::uint32_t places = 1 + choices_.below(3);
    for (std::uint32_t place = 0; place < places; ++place) {
      const std::vector<Timestamp> times = scrape_times();
      std::array<LoadedSeries, kBounds.size()> buckets;
      for (std::size_t b = 0; b < kBounds.size(); ++b)
        buckets[b].labels = labels("latency_bucket", place, {{"le", kBounds[b]}});
      std::array<double, kBounds.size()> counts = {};
      for (const Timestamp t : times) {
        if (choices_.one_in(40)) counts = {};
        double more = 0;
        for (std::size_t b = 0; b < kBounds.size(); ++b) {
          more += choices_.below(5);
          counts[b] += more;
          const bool is_missing = choices_.one_in(60);
          const double wrong = choices_.one_in(60) ? 3 : 0;
          if (is_missing) continue;
          LoadedSample sample;
          sample.t = t;
          sample.v = std::max(0.0, counts[b] - wrong);
          buckets[b].samples.push_back(std::move(sample));
        }
      }
      for (LoadedSeries& series : buckets)
        if (!series.samples.empty()) series_.push_back(std::move(series));
    }
  }

  static Labels labels(std::string_view name, std::uint32_t place, std::vector<LabelView> more) {
    more.push_back({kMetricName, name});
    more.push_back({kJobLabel, kPlaces[place].job});
    more.push_back({kInstanceLabel, kPlaces[place].instance});
    return Labels::from_pairs(std::move(more));
  }

  std::vector<Timestamp> scrape_times() {
    const Timestamp born = choices_.one_in(3) ? choices_.below(60) * kInterval : 0;
    const Timestamp dies = choices_.one_in(4) ? born + choices_.below(60) * kInterval : kRandomSeriesEnd;
    const bool on_grid = choices_.one_in(3);
    std::vector<Timestamp> times;
    for (Timestamp t = born; t <= std::min(dies, kRandomSeriesEnd); t += kInterval) {
      if (choices_.one_in(30)) t += choices_.below(30) * kInterval;  // scrapes that failed
      times.push_back(t + (on_grid ? 0 : choices_.below(2000)));
    }
    return times;
  }

  std::vector<LoadedSample> samples(Kind kind) {
    Values values(choices_, kind);
    std::vector<LoadedSample> out;
    const bool has_starts = kind != Kind::info && choices_.one_in(3);
    Timestamp start = 0;
    for (const Timestamp t : scrape_times()) {
      if (choices_.one_in(40)) {
        out.push_back(Values::stale(t));
        start = t;
        continue;
      }
      LoadedSample sample = values.next(t);
      if (has_starts && t > 0 && start < t && !choices_.one_in(5)) sample.st = start == 0 ? 1 : start;
      if (sample.st >= sample.t) sample.st = 0;
      if (choices_.one_in(30)) start = t;
      out.push_back(std::move(sample));
    }
    return out;
  }

  Choices& choices_;
  std::vector<LoadedSeries> series_;
};

}  // namespace

std::vector<LoadedSeries> random_series(Choices& choices) {
  return Generator(choices).all();
}

}  // namespace narthex::tests
