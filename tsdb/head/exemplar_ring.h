// ExemplarRing: the newest exemplars of all series, in one ring of a fixed size.
//
//   slots_   oldest .. newest in the order of arrival; next_ is overwritten next
//   series_  labels -> oldest and newest slot; slots of a series are linked in the order of time
//
// An exemplar is refused if it is older than its series' newest one (by more than the
// out-of-order window), or the same as it. Series are known by their labels, so that exemplars
// outlive the collection of a series from the head.
//
// Threads: any.
// Source: Prometheus tsdb/exemplar.go
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "model/labels.h"
#include "model/matcher.h"
#include "model/time.h"
#include "storage/exemplar.h"
#include "sync/mutex.h"

namespace prometheus {
class Registry;
}

namespace narthex::tsdb {

class ExemplarRing {
 public:
  /// @param registry  prometheus_tsdb_exemplar_*; may be null
  explicit ExemplarRing(prometheus::Registry* registry);
  ~ExemplarRing();
  ExemplarRing(const ExemplarRing&) = delete;
  ExemplarRing& operator=(const ExemplarRing&) = delete;

  /// Room for so many; 0 switches exemplars off. Of those there are, the newest to arrive stay.
  /// @return  how many stayed; 0 if the size is what it was
  std::size_t resize(std::size_t size);
  [[nodiscard]] std::size_t size() const;
  /// How much older than its series' newest one an exemplar may be; 0: not at all.
  void set_out_of_order_window(DurationMs window);

  /// Why add() would refuse it now; nothing if it would not.
  [[nodiscard]] std::optional<storage::ExemplarFault> check(const Labels& series,
                                                            const storage::Exemplar& exemplar) const;
  /// A duplicate is ignored, as is one that is out of order, which is counted.
  void add(const Labels& series, const storage::Exemplar& exemplar);

  /// Calls f(series, exemplar) for each in the order of arrival, under the mutex.
  template <class F>
  void for_each(F&& f) const {
    const sync::MutexLock lock(mutex_);
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      const Slot& slot = slots_[(next_ + i) % slots_.size()];
      if (slot.series != nullptr) f(slot.series->first, slot.exemplar);
    }
  }

  /// As storage::ExemplarQueryable.
  [[nodiscard]] std::vector<storage::SeriesExemplars> select(
      TimeRange range, std::span<const std::vector<Matcher>> selectors) const;
  [[nodiscard]] std::size_t size_bytes() const;

 private:
  using SlotNumber = std::uint32_t;
  static constexpr SlotNumber kNone = ~SlotNumber{0};
  struct LabelsHash {
    std::size_t operator()(const Labels& labels) const { return labels.hash(); }
  };
  struct Ends {
    SlotNumber oldest = kNone;
    SlotNumber newest = kNone;
  };
  // Nodes stay where they are: slots point to theirs.
  using SeriesMap = std::unordered_map<Labels, Ends, LabelsHash>;
  struct Slot {
    storage::Exemplar exemplar;
    SeriesMap::value_type* series = nullptr;  ///< null: free
    SlotNumber newer = kNone;
    SlotNumber older = kNone;
  };
  struct Metrics;

  [[nodiscard]] std::optional<storage::ExemplarFault> check(const Ends* ends,
                                                            const storage::Exemplar& exemplar) const
      NARTHEX_REQUIRES(mutex_);
  [[nodiscard]] bool is_known_late(const Ends& ends, const storage::Exemplar& exemplar) const
      NARTHEX_REQUIRES(mutex_);
  void put(const Labels& series, storage::Exemplar exemplar) NARTHEX_REQUIRES(mutex_);
  void link(SlotNumber number, Ends& ends) NARTHEX_REQUIRES(mutex_);
  void vacate(Slot& slot) NARTHEX_REQUIRES(mutex_);
  void update_metrics() NARTHEX_REQUIRES(mutex_);

  mutable sync::Mutex mutex_;
  std::vector<Slot> slots_ NARTHEX_GUARDED_BY(mutex_);
  SeriesMap series_ NARTHEX_GUARDED_BY(mutex_);
  SlotNumber next_ NARTHEX_GUARDED_BY(mutex_) = 0;
  DurationMs window_ NARTHEX_GUARDED_BY(mutex_) = 0;
  std::size_t label_bytes_ NARTHEX_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<Metrics> metrics_;
};

}  // namespace narthex::tsdb
