#include "query/engine/memory_budget.h"

#include <fmt/format.h>

#include <algorithm>

namespace narthex::query {

namespace {

std::unexpected<Error> too_many_samples() {
  return fail(Code::limit, "query processing would load too many samples into memory in query execution");
}

}  // namespace

Result<void> QueryBudget::charge(std::uint64_t samples, std::uint64_t bytes) {
  if (samples_ + samples > max_samples_) return too_many_samples();
  if (bytes_ + bytes > max_bytes_)
    return fail(Code::limit,
                fmt::format("query processing would use more than {} bytes of memory in query execution "
                            "(limit of one query): select fewer series or a shorter time",
                            max_bytes_));
  samples_ += samples;
  bytes_ += bytes;
  peak_samples_ = std::max(peak_samples_, samples_);
  peak_bytes_ = std::max(peak_bytes_, bytes_);
  return {};
}

void QueryBudget::release(std::uint64_t samples, std::uint64_t bytes) {
  samples_ -= samples;
  bytes_ -= bytes;
}

Result<void> QueryBudget::check_passing(std::uint64_t samples) {
  if (samples_ + samples > max_samples_) return too_many_samples();
  peak_samples_ = std::max(peak_samples_, samples_ + samples);
  return {};
}

}  // namespace narthex::query
