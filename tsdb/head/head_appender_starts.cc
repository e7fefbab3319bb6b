// The part of HeadAppender that knows when counters began: start timestamps of floats, and zeros
// in their place.
#include <algorithm>
#include <utility>

#include "tsdb/head/head_appender.h"

namespace narthex::tsdb {
namespace {

/// Without observations, and otherwise like `h`, so that its chunk can go on behind it.
template <class H>
H empty_like(const H& h) {
  H zero;
  zero.hint = CounterResetHint::reset;
  zero.schema = h.schema;
  zero.zero_threshold = h.zero_threshold;
  zero.custom_values = h.custom_values;
  return zero;
}

}  // namespace

void HeadAppender::append(std::span<const storage::RefSample> samples, std::span<const Timestamp> starts) {
  const bool any = std::ranges::any_of(starts, [](Timestamp st) { return st != 0; });
  if (!head_.options.st_storage || !any) return append(samples);
  begin();
  if (extra_ && !extra_->kinds.empty()) return append_among_histograms(samples, starts);
  if (samples_.capacity() == 0) samples_ = head_.batches.take();
  starts_.resize(samples_.size());
  starts_.insert(starts_.end(), starts.begin(), starts.end());
  samples_.insert(samples_.end(), samples.begin(), samples.end());
}

void HeadAppender::resolve_starts(LogBuffers& buffers) {
  for (std::size_t i = 0; i < starts_.size(); ++i) {
    if (samples_[i].ref != storage::SeriesRef::none) buffers.starts.push_back(starts_[i]);
  }
}

void HeadAppender::encode_floats(const LogBuffers& buffers, std::size_t first, std::size_t count,
                                 std::vector<std::byte>& out) {
  const auto records = std::span(buffers.records).subspan(first, count);
  if (!head_.options.st_storage) return encode_samples(records, out);
  std::span<const Timestamp> starts = buffers.starts;
  if (!starts.empty()) starts = starts.subspan(first, count);
  encode_samples_v2(records, starts, out);
}

Result<bool, storage::AppendFault> HeadAppender::append_start_zero(storage::SeriesRef ref, Timestamp t,
                                                                   Timestamp st, const AnyHistogram* like) {
  std::optional<AnyHistogram> zero;
  if (like != nullptr) {
    zero = std::visit([](const auto& h) { return AnyHistogram(empty_like(h)); }, *like);
  }
  const auto is_new = check_start_zero(ref, t, st, zero ? &*zero : nullptr);
  if (!is_new || !*is_new) return is_new;
  if (!zero) {
    append(ref, st, 0);
    return true;
  }
  // It has no buckets that could contradict each other; a schema that is unknown is the sample's, which is
  // refused next with the reason.
  return append_histogram(ref, st, std::move(*zero), 0).has_value();
}

/// Whether the zero is worth a sample.
Result<bool, storage::AppendFault> HeadAppender::check_start_zero(storage::SeriesRef ref, Timestamp t,
                                                                  Timestamp st,
                                                                  const AnyHistogram* zero) const {
  if (st >= t) return std::unexpected(storage::AppendFault::start_not_before);
  const HeadOptions& options = head_.options;
  // The sample itself may be the first of the head: what it will not accept then is not accepted now.
  Timestamp oldest = head_.oldest_acceptable();
  if (!options.no_time_bounds) oldest = std::max(oldest, t - options.block_range / 2);
  if (st < oldest) return std::unexpected(storage::AppendFault::out_of_bounds);

  const HeadShard& shard = head_.shard(ordinal_of(ref));
  const sync::MutexLock lock(shard.mutex);
  if (!shard.holds(ref)) return std::unexpected(storage::AppendFault::unknown_series);
  const Ordinal o = ordinal_of(ref);
  const HotSeries& s = shard.hot[o];
  if (st > s.maxt()) return true;
  // From the second scrape on this is the rule.
  if (st < s.maxt()) return std::unexpected(storage::AppendFault::start_out_of_order);
  const bool is_there = zero != nullptr ? shard.chunks.is_newest(s, shard.full[o], *zero)
                                        : s.value_bits() == 0 && !is_of_histograms(shard, o);
  if (!is_there) return std::unexpected(storage::AppendFault::duplicate_timestamp);
  return false;
}

}  // namespace narthex::tsdb
