#include "tsdb/chunk/histogram_coder.h"

#include <bit>

#include "model/value.h"
#include "tsdb/chunk/varbit.h"

namespace narthex::tsdb {

// ---- Integers

void IntHistogramCoder::put(BitBuffer& out, Run& run, std::uint64_t value) {
  const std::uint64_t delta = value - run.value;
  put_varbit(out, static_cast<std::int64_t>(delta - run.delta));
  run = {value, delta};
}

void IntHistogramCoder::take(BitReader& in, Run& run) {
  run.delta += static_cast<std::uint64_t>(take_varbit(in));
  run.value += run.delta;
}

void IntHistogramCoder::set_buckets(std::size_t positive, std::size_t negative) {
  positive_.assign(positive, {});
  negative_.assign(negative, {});
}

void IntHistogramCoder::put_first(BitBuffer& out, const Histogram& h) {
  put_varbit_unsigned(out, h.count);
  put_varbit_unsigned(out, h.zero_count);
  sum_.bits = std::bit_cast<std::uint64_t>(h.sum);
  out.put(sum_.bits, 64);
  count_.value = h.count;
  zero_count_.value = h.zero_count;
  const auto put_all = [&out](std::vector<Run>& runs, const std::vector<std::int64_t>& deltas) {
    for (std::size_t i = 0; i < runs.size(); ++i) {
      put_varbit(out, deltas[i]);
      runs[i].value = static_cast<std::uint64_t>(deltas[i]);
    }
  };
  put_all(positive_, h.positive_deltas);
  put_all(negative_, h.negative_deltas);
}

void IntHistogramCoder::put_next(BitBuffer& out, const Histogram& h) {
  if (is_stale_nan(h.sum)) {
    out.put(0, 2);
    put_xor(out, sum_, h.sum);
    return;
  }
  put(out, count_, h.count);
  put(out, zero_count_, h.zero_count);
  put_xor(out, sum_, h.sum);
  for (std::size_t i = 0; i < positive_.size(); ++i)
    put(out, positive_[i], static_cast<std::uint64_t>(h.positive_deltas[i]));
  for (std::size_t i = 0; i < negative_.size(); ++i)
    put(out, negative_[i], static_cast<std::uint64_t>(h.negative_deltas[i]));
}

void IntHistogramCoder::take_first(BitReader& in) {
  count_ = {take_varbit_unsigned(in), 0};
  zero_count_ = {take_varbit_unsigned(in), 0};
  sum_ = {.bits = in.take(64)};
  for (Run& bucket : positive_) bucket.value = static_cast<std::uint64_t>(take_varbit(in));
  for (Run& bucket : negative_) bucket.value = static_cast<std::uint64_t>(take_varbit(in));
}

void IntHistogramCoder::take_next(BitReader& in) {
  take(in, count_);
  take(in, zero_count_);
  take_xor(in, sum_);
  if (stale()) return;
  for (Run& bucket : positive_) take(in, bucket);
  for (Run& bucket : negative_) take(in, bucket);
}

bool IntHistogramCoder::stale() const {
  return sum_.bits == kStaleNanBits;
}

void IntHistogramCoder::get(Histogram& h) const {
  h.count = count_.value;
  h.zero_count = zero_count_.value;
  h.sum = sum_.value();
  const auto copy = [](const std::vector<Run>& from, std::vector<std::int64_t>& to) {
    to.resize(from.size());
    for (std::size_t i = 0; i < from.size(); ++i) to[i] = static_cast<std::int64_t>(from[i].value);
  };
  copy(positive_, h.positive_deltas);
  copy(negative_, h.negative_deltas);
}

void IntHistogramCoder::get(FloatHistogram& h) const {
  h.count = static_cast<double>(count_.value);
  h.zero_count = static_cast<double>(zero_count_.value);
  h.sum = sum_.value();
  const auto add_up = [](const std::vector<Run>& from, std::vector<double>& to) {
    to.resize(from.size());
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < from.size(); ++i) {
      count += from[i].value;
      to[i] = static_cast<double>(static_cast<std::int64_t>(count));
    }
  };
  add_up(positive_, h.positive_buckets);
  add_up(negative_, h.negative_buckets);
}

bool IntHistogramCoder::compare_buckets(const HistogramLayout& chunk, const Histogram& h,
                                        LayoutDifference& positive, LayoutDifference& negative) const {
  const auto compare = [](const std::vector<HistogramSpan>& old_spans,
                          const std::vector<HistogramSpan>& spans, const std::vector<Run>& old_buckets,
                          const std::vector<std::int64_t>& deltas, LayoutDifference& difference) {
    const auto old_count = [i = std::size_t{0}, count = std::uint64_t{0}, &old_buckets]() mutable {
      count += old_buckets[i++].value;
      return static_cast<std::int64_t>(count);
    };
    const auto count = [i = std::size_t{0}, sum = std::uint64_t{0}, &deltas]() mutable {
      sum += static_cast<std::uint64_t>(deltas[i++]);
      return static_cast<std::int64_t>(sum);
    };
    return compare_counters(old_spans, spans, old_count, count, difference);
  };
  return compare(chunk.positive_spans, h.positive_spans, positive_, h.positive_deltas, positive) &&
         compare(chunk.negative_spans, h.negative_spans, negative_, h.negative_deltas, negative);
}

void IntHistogramCoder::widen(Histogram& h, const MissingBuckets& positive, const MissingBuckets& negative) {
  if (!positive.empty()) h.positive_deltas = widen_deltas(h.positive_deltas, positive);
  if (!negative.empty()) h.negative_deltas = widen_deltas(h.negative_deltas, negative);
}

// ---- Floats

void FloatHistogramCoder::set_buckets(std::size_t positive, std::size_t negative) {
  positive_.assign(positive, {});
  negative_.assign(negative, {});
}

void FloatHistogramCoder::put_first(BitBuffer& out, const FloatHistogram& h) {
  const auto put = [&out](XorField& field, double value) {
    field.bits = std::bit_cast<std::uint64_t>(value);
    out.put(field.bits, 64);
  };
  put(count_, h.count);
  put(zero_count_, h.zero_count);
  put(sum_, h.sum);
  for (std::size_t i = 0; i < positive_.size(); ++i) put(positive_[i], h.positive_buckets[i]);
  for (std::size_t i = 0; i < negative_.size(); ++i) put(negative_[i], h.negative_buckets[i]);
}

void FloatHistogramCoder::put_next(BitBuffer& out, const FloatHistogram& h) {
  const bool marker = is_stale_nan(h.sum);
  put_xor(out, count_, marker ? 0 : h.count);
  put_xor(out, zero_count_, marker ? 0 : h.zero_count);
  put_xor(out, sum_, h.sum);
  if (marker) return;
  for (std::size_t i = 0; i < positive_.size(); ++i) put_xor(out, positive_[i], h.positive_buckets[i]);
  for (std::size_t i = 0; i < negative_.size(); ++i) put_xor(out, negative_[i], h.negative_buckets[i]);
}

void FloatHistogramCoder::take_first(BitReader& in) {
  count_ = {.bits = in.take(64)};
  zero_count_ = {.bits = in.take(64)};
  sum_ = {.bits = in.take(64)};
  for (XorField& bucket : positive_) bucket.bits = in.take(64);
  for (XorField& bucket : negative_) bucket.bits = in.take(64);
}

void FloatHistogramCoder::take_next(BitReader& in) {
  take_xor(in, count_);
  take_xor(in, zero_count_);
  take_xor(in, sum_);
  if (stale()) return;
  for (XorField& bucket : positive_) take_xor(in, bucket);
  for (XorField& bucket : negative_) take_xor(in, bucket);
}

bool FloatHistogramCoder::stale() const {
  return sum_.bits == kStaleNanBits;
}

void FloatHistogramCoder::get(FloatHistogram& h) const {
  h.count = count_.value();
  h.zero_count = zero_count_.value();
  h.sum = sum_.value();
  const auto copy = [](const std::vector<XorField>& from, std::vector<double>& to) {
    to.resize(from.size());
    for (std::size_t i = 0; i < from.size(); ++i) to[i] = from[i].value();
  };
  copy(positive_, h.positive_buckets);
  copy(negative_, h.negative_buckets);
}

bool FloatHistogramCoder::compare_buckets(const HistogramLayout& chunk, const FloatHistogram& h,
                                          LayoutDifference& positive, LayoutDifference& negative) const {
  const auto compare = [](const std::vector<HistogramSpan>& old_spans,
                          const std::vector<HistogramSpan>& spans, const std::vector<XorField>& old_buckets,
                          const std::vector<double>& buckets, LayoutDifference& difference) {
    const auto old_count = [i = std::size_t{0}, &old_buckets]() mutable { return old_buckets[i++].value(); };
    const auto count = [i = std::size_t{0}, &buckets]() mutable { return buckets[i++]; };
    return compare_counters(old_spans, spans, old_count, count, difference);
  };
  return compare(chunk.positive_spans, h.positive_spans, positive_, h.positive_buckets, positive) &&
         compare(chunk.negative_spans, h.negative_spans, negative_, h.negative_buckets, negative);
}

void FloatHistogramCoder::widen(FloatHistogram& h, const MissingBuckets& positive,
                                const MissingBuckets& negative) {
  if (!positive.empty()) h.positive_buckets = widen_counts(h.positive_buckets, positive);
  if (!negative.empty()) h.negative_buckets = widen_counts(h.negative_buckets, negative);
}

}  // namespace narthex::tsdb
