#include "tsdb/head/extra_batch.h"

#include <algorithm>
#include <utility>

namespace narthex::tsdb {

HistogramKind kind_of(const AnyHistogram& value) {
  if (const auto* h = std::get_if<Histogram>(&value)) {
    return uses_custom_buckets(h->schema) ? HistogramKind::custom_ints : HistogramKind::ints;
  }
  const auto& h = std::get<FloatHistogram>(value);
  return uses_custom_buckets(h.schema) ? HistogramKind::custom_floats : HistogramKind::floats;
}

void ExtraBatch::add_histogram(storage::SeriesRef ref, HistogramRecord record, std::size_t floats) {
  const HistogramKind kind = kind_of(record.value);
  const auto [known, is_new] = kinds.try_emplace(ref, kind);
  // Records of one kind are logged together: another kind behind must not come before it.
  if (!is_new && known->second != kind) {
    finish_part(floats);
    kinds.emplace(ref, kind);
  }
  histograms.push_back({ref, floats + histograms.size(), std::move(record)});
}

std::vector<ExtraBatch::PartEnd> ExtraBatch::parts(std::size_t floats) const {
  std::vector<PartEnd> all = finished_parts;
  all.push_back({floats, histograms.size()});
  return all;
}

std::size_t ExtraBatch::index_of_float(std::size_t number) const {
  // Histogram k stands behind index - k floats.
  std::size_t before = 0;
  std::size_t end = histograms.size();
  while (before < end) {
    const std::size_t middle = before + (end - before) / 2;
    if (histograms[middle].index - middle <= number)
      before = middle + 1;
    else
      end = middle;
  }
  return number + before;
}

bool ExtraBatch::is_histogram(std::size_t index) const {
  return std::ranges::binary_search(histograms, index, {}, &PendingHistogram::index);
}

void ExtraBatch::encode_metadata() {
  if (metadata.empty()) return;
  std::vector<MetadataRecord> all;
  for (const PendingMetadata& one : metadata) all.push_back(one.record);
  tsdb::encode_metadata(all, records.emplace_back());
}

void ExtraBatch::encode_histograms(std::size_t begin, std::size_t end, bool with_start) {
  std::vector<HistogramRecord> some;
  for (std::size_t i = begin; i < end; ++i) {
    if (histograms[i].ref != storage::SeriesRef::none) some.push_back(histograms[i].record);
  }
  if (!some.empty()) tsdb::encode_histograms(some, with_start, records);
}

void ExtraBatch::encode_exemplars() {
  if (exemplars.empty()) return;
  std::vector<ExemplarRecord> all;
  for (const PendingExemplar& one : exemplars) {
    all.push_back({one.wal_ref, one.exemplar.t, one.exemplar.v, one.exemplar.labels});
  }
  tsdb::encode_exemplars(all, records.emplace_back());
}

}  // namespace narthex::tsdb
