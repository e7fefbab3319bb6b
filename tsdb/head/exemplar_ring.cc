#include "tsdb/head/exemplar_ring.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace narthex::tsdb {
namespace {

using storage::Exemplar;
using storage::ExemplarFault;

std::size_t count_chars(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::size_t count_chars(const Labels& labels) {
  std::size_t chars = 0;
  for (const LabelView label : labels) chars += count_chars(label.name) + count_chars(label.value);
  return chars;
}

bool is_same(const Exemplar& a, const Exemplar& b) {
  const bool times_count = a.has_own_time || b.has_own_time;
  return a.v == b.v && (!times_count || a.t == b.t) && a.labels == b.labels;
}

/// Of one time, exemplars go by value and then by the hash of their labels: then comparing with
/// the newest one is enough to find any duplicate.
bool is_behind(const Exemplar& e, const Exemplar& newest, DurationMs window) {
  if (e.t != newest.t) return e.t < newest.t && e.t <= newest.t - window;
  if (e.v != newest.v) return e.v < newest.v;
  return e.labels.hash() < newest.labels.hash();
}

bool matches_any(const Labels& labels, std::span<const std::vector<Matcher>> selectors) {
  return std::ranges::any_of(selectors, [&](const std::vector<Matcher>& selector) {
    return std::ranges::all_of(selector, [&](const Matcher& m) { return m.matches(labels.get(m.name())); });
  });
}

prometheus::Counter& counter(prometheus::Registry& r, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(r).Add({});
}
prometheus::Gauge& gauge(prometheus::Registry& r, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(r).Add({});
}

}  // namespace

struct ExemplarRing::Metrics {
  explicit Metrics(prometheus::Registry* given)
      : own(given == nullptr ? std::make_unique<prometheus::Registry>() : nullptr),
        r(given == nullptr ? *own : *given) {}

  std::unique_ptr<prometheus::Registry> own;
  prometheus::Registry& r;
  prometheus::Counter& appended =
      counter(r, "prometheus_tsdb_exemplar_exemplars_appended_total", "Total number of appended exemplars.");
  prometheus::Counter& out_of_order = counter(r, "prometheus_tsdb_exemplar_out_of_order_exemplars_total",
                                              "Total number of out of order exemplars that were refused.");
  prometheus::Gauge& stored = gauge(r, "prometheus_tsdb_exemplar_exemplars_in_storage",
                                    "Number of exemplars currently in circular storage.");
  prometheus::Gauge& series = gauge(r, "prometheus_tsdb_exemplar_series_with_exemplars_in_storage",
                                    "Number of series with exemplars currently in circular storage.");
  prometheus::Gauge& oldest = gauge(r, "prometheus_tsdb_exemplar_last_exemplars_timestamp_seconds",
                                    "Time of the exemplar that came first of those in circular storage: how "
                                    "far back the current size reaches.");
  prometheus::Gauge& most =
      gauge(r, "prometheus_tsdb_exemplar_max_exemplars", "Total number of exemplars that can be stored.");
};

ExemplarRing::ExemplarRing(prometheus::Registry* registry) : metrics_(std::make_unique<Metrics>(registry)) {}
ExemplarRing::~ExemplarRing() = default;

std::size_t ExemplarRing::size() const {
  const sync::MutexLock lock(mutex_);
  return slots_.size();
}

std::size_t ExemplarRing::size_bytes() const {
  const sync::MutexLock lock(mutex_);
  constexpr std::size_t kNodeBytes = sizeof(SeriesMap::value_type) + 4 * sizeof(void*);
  return slots_.capacity() * sizeof(Slot) + series_.size() * kNodeBytes + label_bytes_;
}

void ExemplarRing::set_out_of_order_window(DurationMs window) {
  const sync::MutexLock lock(mutex_);
  window_ = std::max<DurationMs>(window, 0);
}

std::size_t ExemplarRing::resize(std::size_t size) {
  const sync::MutexLock lock(mutex_);
  size = std::min<std::size_t>(size, kNone);
  if (size == slots_.size()) return 0;
  std::vector<std::pair<Labels, Exemplar>> kept;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[(next_ + i) % slots_.size()];
    if (slot.series != nullptr) kept.emplace_back(slot.series->first, std::move(slot.exemplar));
  }
  if (kept.size() > size) kept.erase(kept.begin(), kept.end() - static_cast<std::ptrdiff_t>(size));
  series_.clear();
  slots_ = std::vector<Slot>(size);
  next_ = 0;
  label_bytes_ = 0;
  for (auto& [labels, exemplar] : kept) put(labels, std::move(exemplar));
  metrics_->most.Set(static_cast<double>(size));
  update_metrics();
  return kept.size();
}

std::optional<ExemplarFault> ExemplarRing::check(const Labels& series, const Exemplar& exemplar) const {
  const sync::MutexLock lock(mutex_);
  const auto at = series_.find(series);
  return check(at == series_.end() ? nullptr : &at->second, exemplar);
}

std::optional<ExemplarFault> ExemplarRing::check(const Ends* ends, const Exemplar& exemplar) const {
  if (slots_.empty()) return ExemplarFault::disabled;
  if (count_chars(exemplar.labels) > storage::kMaxExemplarLabelChars) return ExemplarFault::label_length;
  if (ends == nullptr) return std::nullopt;
  const Exemplar& newest = slots_[ends->newest].exemplar;
  if (is_same(newest, exemplar)) return ExemplarFault::duplicate;
  if (is_behind(exemplar, newest, window_)) return ExemplarFault::out_of_order;
  return std::nullopt;
}

/// Of exemplars that come late, any of a time that is there already counts as the same one.
bool ExemplarRing::is_known_late(const Ends& ends, const Exemplar& exemplar) const {
  if (exemplar.t >= slots_[ends.newest].exemplar.t) return false;
  for (SlotNumber at = ends.newest; at != kNone; at = slots_[at].older) {
    if (slots_[at].exemplar.t <= exemplar.t) return slots_[at].exemplar.t == exemplar.t;
  }
  return false;
}

void ExemplarRing::add(const Labels& series, const Exemplar& exemplar) {
  const sync::MutexLock lock(mutex_);
  const auto at = series_.find(series);
  const Ends* ends = at == series_.end() ? nullptr : &at->second;
  if (const auto fault = check(ends, exemplar)) {
    if (*fault == ExemplarFault::out_of_order) metrics_->out_of_order.Increment();
    return;
  }
  if (ends != nullptr && is_known_late(*ends, exemplar)) return;
  put(series, exemplar);
  metrics_->appended.Increment();
  update_metrics();
}

void ExemplarRing::put(const Labels& series, Exemplar exemplar) {
  Slot& slot = slots_[next_];
  if (slot.series != nullptr) vacate(slot);
  auto& entry = *series_.try_emplace(series).first;
  if (entry.second.newest == kNone) label_bytes_ += entry.first.bytes().size();
  label_bytes_ += exemplar.labels.bytes().size();
  slot.exemplar = std::move(exemplar);
  slot.series = &entry;
  link(next_, entry.second);
  next_ = next_ + 1 == slots_.size() ? 0 : next_ + 1;
}

/// Behind the newest exemplar of the series that is not newer.
void ExemplarRing::link(SlotNumber number, Ends& ends) {
  Slot& slot = slots_[number];
  slot.older = ends.newest;
  slot.newer = kNone;
  while (slot.older != kNone && slots_[slot.older].exemplar.t > slot.exemplar.t) {
    slot.newer = slot.older;
    slot.older = slots_[slot.older].older;
  }
  (slot.older == kNone ? ends.oldest : slots_[slot.older].newer) = number;
  (slot.newer == kNone ? ends.newest : slots_[slot.newer].older) = number;
}

void ExemplarRing::vacate(Slot& slot) {
  Ends& ends = slot.series->second;
  (slot.older == kNone ? ends.oldest : slots_[slot.older].newer) = slot.newer;
  (slot.newer == kNone ? ends.newest : slots_[slot.newer].older) = slot.older;
  label_bytes_ -= slot.exemplar.labels.bytes().size();
  if (ends.newest == kNone) {
    label_bytes_ -= slot.series->first.bytes().size();
    series_.erase(slot.series->first);
  }
  slot.series = nullptr;
}

void ExemplarRing::update_metrics() {
  metrics_->series.Set(static_cast<double>(series_.size()));
  if (slots_.empty()) {
    metrics_->stored.Set(0);
    metrics_->oldest.Set(0);
    return;
  }
  const bool is_full = slots_[next_].series != nullptr;
  metrics_->stored.Set(static_cast<double>(is_full ? slots_.size() : next_));
  const Slot& oldest = slots_[is_full ? next_ : 0];
  if (oldest.series != nullptr) metrics_->oldest.Set(static_cast<double>(oldest.exemplar.t) / 1000);
}

std::vector<storage::SeriesExemplars> ExemplarRing::select(
    TimeRange range, std::span<const std::vector<Matcher>> selectors) const {
  std::vector<storage::SeriesExemplars> found;
  {
    const sync::MutexLock lock(mutex_);
    for (const auto& [labels, ends] : series_) {
      if (slots_[ends.oldest].exemplar.t > range.maxt || slots_[ends.newest].exemplar.t < range.mint)
        continue;
      if (!matches_any(labels, selectors)) continue;
      storage::SeriesExemplars one{labels, {}};
      for (SlotNumber at = ends.oldest; at != kNone; at = slots_[at].newer) {
        if (range.contains(slots_[at].exemplar.t)) one.exemplars.push_back(slots_[at].exemplar);
      }
      if (!one.exemplars.empty()) found.push_back(std::move(one));
    }
  }
  std::ranges::sort(found, {}, &storage::SeriesExemplars::series);
  return found;
}

}  // namespace narthex::tsdb
