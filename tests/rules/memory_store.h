// MemoryStore: an Appendable that keeps what was committed, and refuses what is out of order.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/labels.h"
#include "model/value.h"
#include "storage/appender.h"
#include "sync/mutex.h"

namespace narthex::test {

class MemoryStore final : public storage::Appendable {
 public:
  using Samples = std::vector<std::pair<Timestamp, double>>;

  std::unique_ptr<storage::Appender> appender() override { return std::make_unique<Batch>(*this); }

  [[nodiscard]] std::map<Labels, Samples> all() const {
    const sync::MutexLock lock(mutex_);
    return series_;
  }
  /// `name{labels} value@t value@t`, a line per series; stale markers as `stale`.
  [[nodiscard]] std::string dump() const {
    std::string out;
    for (const auto& [labels, samples] : all()) {
      out += labels.to_metric_string();
      for (const auto& [t, v] : samples)
        out.append(" ")
            .append(is_stale_nan(v) ? "stale" : format_general(v))
            .append("@")
            .append(std::to_string(t));
      out += '\n';
    }
    return out;
  }
  void fail_commits(bool on) {
    const sync::MutexLock lock(mutex_);
    failing_ = on;
  }

 private:
  class Batch final : public storage::Appender {
   public:
    explicit Batch(MemoryStore& store) : store_(store) {}
    Result<storage::SeriesRef, storage::AppendFault> series(const Labels& labels) override {
      if (labels.get(kMetricName).empty()) return std::unexpected(storage::AppendFault::invalid_labels);
      refs_.push_back(labels);
      return static_cast<storage::SeriesRef>(refs_.size());
    }
    using Appender::append;
    void append(std::span<const storage::RefSample> samples) override {
      samples_.insert(samples_.end(), samples.begin(), samples.end());
    }
    Result<storage::CommitStats> commit() override {
      const sync::MutexLock lock(store_.mutex_);
      if (store_.failing_) return fail(Code::io, "no space left on device");
      storage::CommitStats stats;
      for (std::size_t i = 0; i < samples_.size(); ++i) {
        const auto& sample = samples_[i];
        Samples& known = store_.series_[refs_[static_cast<std::size_t>(sample.ref) - 1]];
        if (!known.empty() && known.back().first >= sample.t) {
          stats.refused.push_back({i, storage::AppendFault::out_of_order});
          continue;
        }
        known.emplace_back(sample.t, sample.v);
        ++stats.appended;
      }
      samples_.clear();
      return stats;
    }
    void rollback() override { samples_.clear(); }

   private:
    MemoryStore& store_;
    std::vector<Labels> refs_;
    std::vector<storage::RefSample> samples_;
  };

  mutable sync::Mutex mutex_;
  std::map<Labels, Samples> series_ NARTHEX_GUARDED_BY(mutex_);
  bool failing_ NARTHEX_GUARDED_BY(mutex_) = false;
};

}  // namespace narthex::test
