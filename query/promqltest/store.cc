#include "query/promqltest/store.h"

#include <fmt/format.h>

#include <string_view>

namespace narthex::query {
namespace {

std::string_view in_words(storage::AppendFault fault) {
  switch (fault) {
    case storage::AppendFault::out_of_order:
      return "out of order sample";
    case storage::AppendFault::duplicate_timestamp:
      return "duplicate sample for timestamp";
    case storage::AppendFault::out_of_bounds:
      return "out of bounds";
    case storage::AppendFault::too_old:
      return "too old sample";
    case storage::AppendFault::unknown_series:
      return "unknown series";
    case storage::AppendFault::invalid_labels:
      return "invalid labels";
    case storage::AppendFault::start_out_of_order:
      return "start timestamp out of order, ignoring";
    case storage::AppendFault::start_not_before:
      return "ST is newer or the same as sample's timestamp, ignoring";
    case storage::AppendFault::limit:
      return "limit of series reached";
  }
  return "refused";
}

}  // namespace

Result<void> load_into(storage::Appendable& store, std::span<const LoadedSeries> series) {
  const auto appender = store.appender();
  for (const LoadedSeries& one : series) {
    if (one.samples.empty()) continue;
    const auto ref = appender->series(one.labels);
    if (!ref)
      return fail(Code::invalid,
                  fmt::format("series {}: {}", one.labels.to_metric_string(), in_words(ref.error())));
    for (const LoadedSample& sample : one.samples) {
      if (sample.histogram) {
        const auto taken = appender->append_histogram(*ref, sample.t, *sample.histogram, sample.st);
        if (!taken) return fail(taken.error().code, taken.error().text);
        continue;
      }
      const storage::RefSample value{*ref, sample.t, sample.v};
      appender->append({&value, 1}, {&sample.st, 1});
    }
  }
  const auto committed = appender->commit();
  if (!committed) return fail(committed.error().code, committed.error().text);
  if (!committed->refused.empty())
    return fail(Code::invalid,
                fmt::format("{} samples were refused, the first as: {}", committed->refused.size(),
                            in_words(committed->refused.front().fault)));
  return {};
}

}  // namespace narthex::query
