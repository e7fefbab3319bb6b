#include "tests/scrape/recording_store.h"

#include <fmt/format.h>

#include <bit>
#include <utility>

#include "model/value.h"

namespace narthex::test {

using storage::AppendFault;
using storage::SeriesRef;

struct RecordingStore::BatchOf {
  std::vector<storage::RefSample> samples;
  std::vector<Timestamp> starts;  ///< of all samples
  std::vector<std::pair<SeriesRef, storage::Exemplar>> exemplars;
  std::vector<std::pair<SeriesRef, storage::Metadata>> metadata;
};

class RecordingStore::Batch final : public storage::Appender {
 public:
  explicit Batch(RecordingStore& store) : store_(store) {}
  using storage::Appender::append;
  Result<SeriesRef, AppendFault> series(const Labels& labels) override { return store_.find(labels); }
  void append(std::span<const storage::RefSample> samples) override {
    batch_.samples.insert(batch_.samples.end(), samples.begin(), samples.end());
    batch_.starts.resize(batch_.samples.size());
  }
  void append(std::span<const storage::RefSample> samples, std::span<const Timestamp> starts) override {
    batch_.samples.insert(batch_.samples.end(), samples.begin(), samples.end());
    batch_.starts.insert(batch_.starts.end(), starts.begin(), starts.end());
  }
  Result<bool, AppendFault> append_start_zero(SeriesRef ref, Timestamp t, Timestamp st,
                                              const AnyHistogram* /*like*/) override {
    auto added = store_.check_zero(ref, t, st);
    if (added && *added) append(ref, st, 0);
    return added;
  }
  Result<void, storage::ExemplarFault> append_exemplar(SeriesRef ref,
                                                       const storage::Exemplar& exemplar) override {
    sync::MutexLock lock(store_.mutex_);
    if (store_.exemplar_fault_) return std::unexpected(*store_.exemplar_fault_);
    batch_.exemplars.emplace_back(ref, exemplar);
    return {};
  }
  void set_metadata(SeriesRef ref, const storage::Metadata& metadata) override {
    batch_.metadata.emplace_back(ref, metadata);
  }
  Result<storage::CommitStats> commit() override { return store_.commit(std::exchange(batch_, {})); }
  void rollback() override { batch_ = {}; }

 private:
  RecordingStore& store_;
  BatchOf batch_;
};

std::unique_ptr<storage::Appender> RecordingStore::appender() {
  return std::make_unique<Batch>(*this);
}

Result<SeriesRef, AppendFault> RecordingStore::find(const Labels& labels) {
  const std::string name = labels.to_metric_string();
  sync::MutexLock lock(mutex_);
  ++lookups_;
  if (!refused_part_.empty() && name.find(refused_part_) != std::string::npos)
    return std::unexpected(AppendFault::limit);
  const auto [it, fresh] = refs_.try_emplace(name, next_ref_);
  if (fresh) names_[next_ref_++] = name;
  return static_cast<SeriesRef>(it->second);
}

Result<storage::CommitStats> RecordingStore::commit(const BatchOf& batch) {
  std::function<void()> then;
  Result<storage::CommitStats> stats;
  {
    sync::MutexLock lock(mutex_);
    if (std::exchange(fail_next_, false)) return fail(Code::io, "no space left on device");
    stats = commit_samples(batch);
    for (const auto& [ref, e] : batch.exemplars) {
      exemplars_[names_.at(static_cast<std::uint64_t>(ref))].push_back(
          fmt::format("{} {} @{}{}", e.labels.to_string(), e.v, e.t, e.has_own_time ? "!" : ""));
    }
    for (const auto& [ref, m] : batch.metadata) {
      metadata_[names_.at(static_cast<std::uint64_t>(ref))].push_back(m.type + "|" + m.unit + "|" + m.help);
    }
    ++commits_;
    then = then_;
  }
  if (then) then();
  return stats;
}

Result<bool, AppendFault> RecordingStore::check_zero(SeriesRef ref, Timestamp t, Timestamp st) const {
  if (st >= t) return std::unexpected(AppendFault::start_not_before);
  sync::MutexLock lock(mutex_);
  const auto known = samples_.find(names_.at(static_cast<std::uint64_t>(ref)));
  if (known == samples_.end() || known->second.back().t < st) return true;
  return std::unexpected(AppendFault::start_out_of_order);
}

Result<storage::CommitStats> RecordingStore::commit_samples(const BatchOf& whole) {
  const std::vector<storage::RefSample>& batch = whole.samples;
  storage::CommitStats stats;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto name = names_.find(static_cast<std::uint64_t>(batch[i].ref));
    if (name == names_.end()) {
      stats.refused.push_back({i, AppendFault::unknown_series});
      continue;
    }
    auto& samples = samples_[name->second];
    if (!samples.empty() && samples.back().t > batch[i].t) {
      stats.refused.push_back({i, AppendFault::out_of_order});
      continue;
    }
    if (!samples.empty() && samples.back().t == batch[i].t) {
      if (std::bit_cast<std::uint64_t>(samples.back().v) != std::bit_cast<std::uint64_t>(batch[i].v))
        stats.refused.push_back({i, AppendFault::duplicate_timestamp});
      continue;
    }
    samples.push_back({batch[i].t, batch[i].v, whole.starts[i]});
    ++stats.appended;
  }
  return stats;
}

std::vector<std::string> RecordingStore::exemplars(const std::string& series) const {
  sync::MutexLock lock(mutex_);
  const auto it = exemplars_.find(series);
  return it == exemplars_.end() ? std::vector<std::string>{} : it->second;
}

std::vector<std::string> RecordingStore::metadata(const std::string& series) const {
  sync::MutexLock lock(mutex_);
  const auto it = metadata_.find(series);
  return it == metadata_.end() ? std::vector<std::string>{} : it->second;
}

void RecordingStore::refuse_exemplars(std::optional<storage::ExemplarFault> fault) {
  sync::MutexLock lock(mutex_);
  exemplar_fault_ = fault;
}

std::vector<StoredSample> RecordingStore::samples(const std::string& series) const {
  sync::MutexLock lock(mutex_);
  const auto it = samples_.find(series);
  return it == samples_.end() ? std::vector<StoredSample>{} : it->second;
}

std::string RecordingStore::values(const std::string& series) const {
  std::string text;
  for (const StoredSample& sample : samples(series)) {
    if (!text.empty()) text += ' ';
    text += is_stale_nan(sample.v) ? "stale" : format_plain(sample.v);
  }
  return text;
}

std::string RecordingStore::with_starts(const std::string& series) const {
  std::string text;
  for (const StoredSample& s : samples(series)) {
    if (!text.empty()) text += ' ';
    if (s.st != 0) text += fmt::format("{}>", s.st);
    text += fmt::format("{}={}", s.t, is_stale_nan(s.v) ? "stale" : format_plain(s.v));
  }
  return text;
}

std::vector<std::string> RecordingStore::series() const {
  std::vector<std::string> names;
  sync::MutexLock lock(mutex_);
  for (const auto& [name, samples] : samples_) names.push_back(name);
  return names;
}

std::size_t RecordingStore::commits() const {
  sync::MutexLock lock(mutex_);
  return commits_;
}

std::size_t RecordingStore::lookups() const {
  sync::MutexLock lock(mutex_);
  return lookups_;
}

void RecordingStore::collect(const std::string& series) {
  sync::MutexLock lock(mutex_);
  const auto it = refs_.find(series);
  if (it == refs_.end()) return;
  names_.erase(it->second);
  refs_.erase(it);
}

void RecordingStore::fail_next_commit() {
  sync::MutexLock lock(mutex_);
  fail_next_ = true;
}

void RecordingStore::refuse_series(std::string part) {
  sync::MutexLock lock(mutex_);
  refused_part_ = std::move(part);
}

void RecordingStore::on_commit(std::function<void()> then) {
  sync::MutexLock lock(mutex_);
  then_ = std::move(then);
}

}  // namespace narthex::test
