#include "query/engine/memory_budget.h"

#include <fmt/format.h>

#include <algorithm>

#include "query/promql/parser.h"

namespace narthex::query {

namespace {

/// Taken from the pool at a time, so that its counter is not touched for every series.
constexpr std::uint64_t kReserveStep = 64 * 1024;

std::unexpected<Error> too_many_samples() {
  return fail(Code::limit, "query processing would load too many samples into memory in query execution");
}

}  // namespace

QueryBudget::QueryBudget(std::uint64_t max_samples, std::uint64_t max_bytes, std::shared_ptr<MemoryPool> pool,
                         std::string_view query, QueryProgress& progress)
    : max_samples_(max_samples),
      max_bytes_(max_bytes),
      pool_(std::move(pool)),
      query_(query),
      progress_(progress) {}

QueryBudget::~QueryBudget() {
  pool_->give_back(reserved_);
}

Result<void> QueryBudget::charge(std::uint64_t samples, std::uint64_t bytes, Span at) {
  if (samples_ + samples > max_samples_) return too_many_samples();
  if (bytes_ + bytes > max_bytes_)
    return fail(Code::limit,
                fmt::format("{}: query needs too much memory: it holds {} bytes, wants {} more here, "
                            "and may hold {} (half of --query.max-memory): select fewer series, "
                            "a shorter time or larger steps",
                            position_text(query_, at.start), bytes_, bytes, max_bytes_));
  if (auto reserved = reserve(bytes, at); !reserved) return reserved;
  samples_ += samples;
  bytes_ += bytes;
  peak_samples_ = std::max(peak_samples_, samples_);
  peak_bytes_ = std::max(peak_bytes_, bytes_);
  show();
  return {};
}

Result<void> QueryBudget::reserve(std::uint64_t bytes, Span at) {
  if (bytes_ + bytes <= reserved_) return {};
  const std::uint64_t missing = bytes_ + bytes - reserved_;
  const std::uint64_t wanted = (missing + kReserveStep - 1) / kReserveStep * kReserveStep;
  if (!pool_->take(wanted))
    return fail(Code::limit,
                fmt::format("{}: queries need too much memory together: they hold {} bytes, this one "
                            "wants {} more here, and --query.max-memory allows {}: try again when "
                            "fewer run",
                            position_text(query_, at.start), pool_->used(), bytes, pool_->limit()));
  reserved_ += wanted;
  return {};
}

void QueryBudget::release(std::uint64_t samples, std::uint64_t bytes) {
  samples_ -= samples;
  bytes_ -= bytes;
  show();
}

Result<void> QueryBudget::check_passing(std::uint64_t samples) {
  if (samples_ + samples > max_samples_) return too_many_samples();
  peak_samples_ = std::max(peak_samples_, samples_ + samples);
  return {};
}

std::shared_ptr<const PooledBytes> QueryBudget::detach(std::uint64_t bytes) {
  bytes_ -= bytes;
  reserved_ -= bytes;
  return std::make_shared<const PooledBytes>(pool_, bytes);
}

void QueryBudget::show() {
  progress_.bytes.store(bytes_, std::memory_order_relaxed);
  progress_.peak_bytes.store(peak_bytes_, std::memory_order_relaxed);
}

}  // namespace narthex::query
