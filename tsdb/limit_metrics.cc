#include "tsdb/limit_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <string>

#include "sync/mutex.h"

namespace narthex::tsdb {
namespace {

prometheus::Family<prometheus::Gauge>& gauges(prometheus::Registry& r, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(r);
}

}  // namespace

struct LimitMetrics::Impl {
  explicit Impl(prometheus::Registry* given)
      : own(given == nullptr ? std::make_unique<prometheus::Registry>() : nullptr),
        r(given == nullptr ? *own : *given) {
    for (std::size_t i = 0; i < kCeilingNames.size(); ++i) {
      const std::string name(kCeilingNames[i]);
      ceilings[i] = &ceiling.Add({{"ceiling", name}});
      refused[i] = &refusals.Add({{"ceiling", name}});
    }
  }

  std::unique_ptr<prometheus::Registry> own;
  prometheus::Registry& r;
  prometheus::Family<prometheus::Gauge>& ceiling =
      gauges(r, "narthex_head_ceiling",
             "Ceiling on the head, in series or bytes, above which new series are refused; 0 means none.");
  prometheus::Family<prometheus::Counter>& refusals =
      prometheus::BuildCounter()
          .Name("narthex_head_series_refused_total")
          .Help("New series that were refused because a ceiling was reached, each time that they came.")
          .Register(r);
  prometheus::Family<prometheus::Gauge>& growth =
      gauges(r, "narthex_head_fastest_growing_label_values",
             "Values that the label which grew fastest has had for the first time in the last 10 to 20 "
             "minutes.");
  prometheus::Gauge& read_only =
      gauges(r, "narthex_disk_read_only", "Whether nothing is appended because the disk is nearly full.")
          .Add({});
  prometheus::Gauge& free =
      gauges(r, "narthex_disk_free_bytes", "Free space of the disk that holds the data.").Add({});
  prometheus::Gauge& reserve =
      gauges(r, "narthex_disk_reserve_bytes", "Free space below which nothing is appended; 0 means none.")
          .Add({});
  std::array<prometheus::Gauge*, kCeilingNames.size()> ceilings{};
  std::array<prometheus::Counter*, kCeilingNames.size()> refused{};

  sync::Mutex mutex;
  /// The label that `growth` has a series for.
  std::string fastest NARTHEX_GUARDED_BY(mutex);
  prometheus::Gauge* fastest_values NARTHEX_GUARDED_BY(mutex) = nullptr;
};

LimitMetrics::LimitMetrics(prometheus::Registry* registry) : impl_(std::make_unique<Impl>(registry)) {}
LimitMetrics::~LimitMetrics() = default;

void LimitMetrics::update(const CeilingStats& stats, const HeadCeilings& ceilings, const DiskState& disk) {
  const std::array<std::uint64_t, kCeilingNames.size()> values = {ceilings.series, ceilings.series_per_job,
                                                                  ceilings.memory_bytes};
  const sync::MutexLock lock(impl_->mutex);
  for (std::size_t i = 0; i < values.size(); ++i) {
    impl_->ceilings[i]->Set(static_cast<double>(values[i]));
    const double more = static_cast<double>(stats.refused[i]) - impl_->refused[i]->Value();
    impl_->refused[i]->Increment(std::max(0.0, more));
  }
  if (stats.fastest_label != impl_->fastest) {
    if (impl_->fastest_values != nullptr) impl_->growth.Remove(impl_->fastest_values);
    impl_->fastest = stats.fastest_label;
    impl_->fastest_values =
        impl_->fastest.empty() ? nullptr : &impl_->growth.Add({{"label", impl_->fastest}});
  }
  if (impl_->fastest_values != nullptr)
    impl_->fastest_values->Set(static_cast<double>(stats.fastest_label_values));
  impl_->read_only.Set(disk.read_only ? 1 : 0);
  impl_->free.Set(static_cast<double>(disk.free_bytes));
  impl_->reserve.Set(static_cast<double>(disk.reserve_bytes));
}

}  // namespace narthex::tsdb
