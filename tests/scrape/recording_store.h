// RecordingStore: a store that remembers what was appended, and refuses what a test wants.
//
// Per series samples must go forward in time, as in the real one.
// Threads: any.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/appender.h"
#include "sync/mutex.h"

namespace narthex::test {

struct StoredSample {
  Timestamp t;
  double v;
  Timestamp st = 0;
};

class RecordingStore final : public storage::Appendable {
 public:
  std::unique_ptr<storage::Appender> appender() override;

  /// All samples of a series, by its metric string (`up{instance="a"}`).
  [[nodiscard]] std::vector<StoredSample> samples(const std::string& series) const;
  /// As text: `1 2 stale`.
  [[nodiscard]] std::string values(const std::string& series) const;
  /// As text, in milliseconds: `start>t=value`, without `start>` if there is none.
  [[nodiscard]] std::string with_starts(const std::string& series) const;
  /// Metric strings of all series that have samples.
  [[nodiscard]] std::vector<std::string> series() const;
  /// Exemplars of a series that were committed, as text: `{id="x"} 1.5 @12000` and, with an own time, `!`.
  [[nodiscard]] std::vector<std::string> exemplars(const std::string& series) const;
  /// What was said of a series, each time: `counter|seconds|Help.`
  [[nodiscard]] std::vector<std::string> metadata(const std::string& series) const;
  [[nodiscard]] std::size_t commits() const;
  /// Series asked for by their labels.
  [[nodiscard]] std::size_t lookups() const;

  /// Forgets the series' ref, as garbage collection does.
  void collect(const std::string& series);
  /// The next commit fails.
  void fail_next_commit();
  /// No series whose metric string has this in it can be made.
  void refuse_series(std::string part);
  /// Every exemplar is refused for this; disabled at first.
  void refuse_exemplars(std::optional<storage::ExemplarFault> fault);
  /// Called after each commit, on the committing thread.
  void on_commit(std::function<void()> then);

 private:
  class Batch;

  Result<storage::SeriesRef, storage::AppendFault> find(const Labels& labels);
  struct BatchOf;
  Result<storage::CommitStats> commit(const BatchOf& batch);
  Result<bool, storage::AppendFault> check_zero(storage::SeriesRef ref, Timestamp t, Timestamp st) const;
  Result<storage::CommitStats> commit_samples(const BatchOf& batch) NARTHEX_REQUIRES(mutex_);

  mutable sync::Mutex mutex_;
  std::map<std::string, std::uint64_t> refs_ NARTHEX_GUARDED_BY(mutex_);
  std::map<std::uint64_t, std::string> names_ NARTHEX_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<StoredSample>> samples_ NARTHEX_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<std::string>> exemplars_ NARTHEX_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<std::string>> metadata_ NARTHEX_GUARDED_BY(mutex_);
  std::optional<storage::ExemplarFault> exemplar_fault_ NARTHEX_GUARDED_BY(mutex_) =
      storage::ExemplarFault::disabled;
  std::uint64_t next_ref_ NARTHEX_GUARDED_BY(mutex_) = 1;
  std::size_t commits_ NARTHEX_GUARDED_BY(mutex_) = 0;
  std::size_t lookups_ NARTHEX_GUARDED_BY(mutex_) = 0;
  bool fail_next_ NARTHEX_GUARDED_BY(mutex_) = false;
  std::string refused_part_ NARTHEX_GUARDED_BY(mutex_);
  std::function<void()> then_ NARTHEX_GUARDED_BY(mutex_);
};

}  // namespace narthex::test
