#include "query/engine/repeated_samples.h"

#include <utility>

namespace narthex::query {

class RepeatedSamples::Place final : public RangeSource, private SeriesReads {
 public:
  explicit Place(std::shared_ptr<RepeatedSamples> samples)
      : samples_(std::move(samples)), buffers_(samples_->context_.query.budget) {}

  Result<std::vector<SeriesInfo>> open() override { return samples_->open(); }

  Result<bool> next(storage::SampleColumns& out) override {
    if (next_ == samples_->count_) return false;
    if (auto done = read(next_++, out); !done) return pass(done);
    samples_->context_.query.budget.progress().read_series(out.t.size());
    if (auto charged = buffers_.set_bytes(sample_bytes(out)); !charged) return pass(charged);
    return true;
  }

  [[nodiscard]] const SeriesReads* reads() const override { return this; }

 private:
  Result<void> read(std::size_t i, storage::SampleColumns& out) const override {
    return samples_->read(i, out);
  }

  const std::shared_ptr<RepeatedSamples> samples_;
  BudgetShare buffers_;
  std::size_t next_ = 0;
};

RepeatedSamples::RepeatedSamples(EvalContext& context, RangeSourcePtr source)
    : context_(context), source_(std::move(source)), share_(context.query.budget) {}

RangeSourcePtr RepeatedSamples::read_at(const std::shared_ptr<RepeatedSamples>& samples) {
  ++samples->places_;
  return std::make_unique<Place>(samples);
}

Result<std::vector<SeriesInfo>> RepeatedSamples::open() {
  if (is_open_) return series_;
  is_open_ = true;
  auto opened = source_->open();
  if (!opened) return opened;
  count_ = opened->size();
  if (places_ == 1) return opened;
  std::uint64_t bytes = 0;
  for (const SeriesInfo& series : *opened) bytes += label_list_bytes(series.labels.size());
  if (auto charged = share_.add(0, bytes); !charged) return pass(charged);
  series_ = *opened;
  if (share_.add(0, kMostBytes)) {
    const sync::MutexLock lock(mutex_);
    kept_.resize(count_);
  }
  return opened;
}

Result<void> RepeatedSamples::read(std::size_t i, storage::SampleColumns& out) {
  if (const auto kept = take(i)) {
    out = *kept;
    return {};
  }
  auto done = source_->reads()->read(i, out);
  if (done) keep(i, out);
  return done;
}

std::shared_ptr<const storage::SampleColumns> RepeatedSamples::take(std::size_t i) {
  const sync::MutexLock lock(mutex_);
  if (kept_.empty() || !kept_[i].samples) return nullptr;
  Kept& kept = kept_[i];
  if (--kept.takers > 0) return kept.samples;
  bytes_ -= sample_bytes(*kept.samples);
  return std::exchange(kept.samples, nullptr);
}

void RepeatedSamples::keep(std::size_t i, const storage::SampleColumns& samples) {
  // Who comes second does not keep them again.
  const auto is_wanted = [&]() NARTHEX_REQUIRES(mutex_) { return !kept_.empty() && kept_[i].takers == 0; };
  {
    const sync::MutexLock lock(mutex_);
    if (!is_wanted() || bytes_ >= kMostBytes) return;
  }
  auto copy = std::make_shared<const storage::SampleColumns>(samples);
  const std::uint64_t bytes = sample_bytes(*copy);
  const sync::MutexLock lock(mutex_);
  if (!is_wanted() || bytes_ + bytes > kMostBytes) return;
  bytes_ += bytes;
  kept_[i] = {std::move(copy), places_ - 1};
}

}  // namespace narthex::query
