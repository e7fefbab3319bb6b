// WAL records of all types from arbitrary bytes: what decodes encodes to a record that says the
// same, and a checkpoint's filter keeps exactly the entries that it should.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <variant>
#include <vector>

#include "tests/fuzz/fuzz_input.h"
#include "tsdb/wal/record.h"
#include "tsdb/wal/record_filter.h"

namespace {

using namespace narthex;
using namespace narthex::tsdb;

using Record = std::vector<std::byte>;
using Records = std::vector<Record>;
/// Entries as their encoded records; nothing if the record is refused.
using Decoded = std::optional<Records>;

constexpr Timestamp kMint = 1000;

bool kept_ref(WalRef ref) {
  return ref % 2 == 0;
}
bool kept_time(Timestamp t) {
  return t >= kMint;
}

/// @param filter  leave out what a checkpoint leaves out
template <class Entry, class Wanted>
Decoded by(io::Bytes record, Result<void> (*decode)(io::Bytes, std::vector<Entry>&),
           void (*encode)(std::span<const Entry>, std::vector<std::byte>&), bool filter, Wanted wanted) {
  std::vector<Entry> entries;
  if (!decode(record, entries)) return std::nullopt;
  if (filter) std::erase_if(entries, [&](const Entry& e) { return !wanted(e); });
  if (entries.empty()) return Records{};
  Records out(1);
  encode(entries, out[0]);
  return out;
}

Decoded samples_of(io::Bytes record, bool filter) {
  std::vector<SampleRecord> samples;
  std::vector<Timestamp> starts;
  std::vector<SampleRecord> plain;
  const bool decoded = decode_samples(record, samples, starts).has_value();
  check(decode_samples(record, plain).has_value() == decoded, "with starts and without: both or none");
  check(plain.size() == samples.size() && starts.size() == samples.size(), "as many either way");
  if (!decoded) return std::nullopt;
  std::vector<SampleRecord> kept;
  std::vector<Timestamp> kept_starts;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (filter && !(kept_ref(samples[i].ref) && kept_time(samples[i].t))) continue;
    kept.push_back(samples[i]);
    kept_starts.push_back(starts[i]);
  }
  if (kept.empty()) return Records{};
  Records out(1);
  if (record_type(record) == RecordType::samples_v2)
    encode_samples_v2(kept, kept_starts, out[0]);
  else
    encode_samples(kept, out[0]);
  return out;
}

bool has_custom_buckets(const HistogramRecord& record) {
  return std::visit([](const auto& h) { return uses_custom_buckets(h.schema); }, record.value);
}

Decoded histograms_of(io::Bytes record, bool filter) {
  std::vector<HistogramRecord> histograms;
  if (!decode_histograms(record, histograms)) return std::nullopt;
  if (filter) {
    std::erase_if(histograms, [](const HistogramRecord& h) { return !kept_ref(h.ref) || !kept_time(h.t); });
  }
  // Both kinds become records of their own, and the first entry of all is the base of the one that
  // comes first. If it is in the other one, that record read alone and written again has another base.
  std::vector<HistogramRecord> custom_last;
  for (const bool custom : {false, true})
    for (const HistogramRecord& h : histograms)
      if (has_custom_buckets(h) == custom) custom_last.push_back(h);
  const RecordType type = record_type(record);
  const bool with_start = type == RecordType::histograms_v2 || type == RecordType::float_histograms_v2;
  Records out;
  encode_histograms(custom_last, with_start, out);
  return out;
}

/// The newest of each series, by reference.
Decoded metadata_of(io::Bytes record, bool filter) {
  std::vector<MetadataRecord> metadata;
  if (!decode_metadata(record, metadata)) return std::nullopt;
  if (filter) {
    std::map<WalRef, storage::Metadata> newest;
    for (const MetadataRecord& m : metadata) {
      if (kept_ref(m.ref)) newest[m.ref] = m.metadata;
    }
    metadata.clear();
    for (const auto& [ref, value] : newest) metadata.push_back({ref, value});
  }
  if (metadata.empty()) return Records{};
  Records out(1);
  encode_metadata(metadata, out[0]);
  return out;
}

Decoded entries_of(io::Bytes record, bool filter) {
  switch (record_type(record)) {
    case RecordType::series:
      return by<SeriesRecord>(record, decode_series, encode_series, filter,
                              [](const SeriesRecord& s) { return kept_ref(s.ref); });
    case RecordType::samples:
    case RecordType::samples_v2:
      return samples_of(record, filter);
    case RecordType::tombstones:
      return by<TombstoneRecord>(
          record, decode_tombstones, encode_tombstones, filter,
          [](const TombstoneRecord& t) { return kept_ref(t.ref) && kept_time(t.range.maxt); });
    case RecordType::exemplars:
      return by<ExemplarRecord>(record, decode_exemplars, encode_exemplars, filter,
                                [](const ExemplarRecord& e) { return kept_ref(e.ref) && kept_time(e.t); });
    case RecordType::mmap_markers:
      return by<MmapMarkerRecord>(record, decode_mmap_markers, encode_mmap_markers, false,
                                  [](const MmapMarkerRecord&) { return true; });
    case RecordType::metadata:
      return metadata_of(record, filter);
    case RecordType::unknown:
      return std::nullopt;
    default:
      return histograms_of(record, filter);
  }
}

/// What the records say, each encoded anew. They are sound.
Records read_again(const Records& records) {
  Records out;
  for (const Record& record : records) {
    const Decoded entries = entries_of(record, false);
    check(entries.has_value(), "our own record decodes");
    out.insert(out.end(), entries->begin(), entries->end());
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  const Record record(begin, begin + size);
  const Decoded entries = entries_of(record, false);
  if (entries) check(read_again(*entries) == *entries, "entries come back");

  const std::function<bool(WalRef)> keep = kept_ref;
  RecordFilter filter(keep, kMint);
  Record kept;
  filter.apply(record, kept);
  if (record_type(record) == RecordType::metadata && kept.empty()) filter.put_metadata(kept);
  check(kept.size() <= record.size() || record_type(record) == RecordType::samples_v2 ||
            record_type(record) == RecordType::histograms_v2 ||
            record_type(record) == RecordType::float_histograms_v2,
        "a filter only leaves out");
  if (!entries || record_type(record) == RecordType::mmap_markers) return 0;
  const Decoded wanted = entries_of(record, true);
  const Decoded got = kept.empty() ? Records{} : entries_of(kept, false);
  check(got.has_value() && got == wanted, "a filter keeps what it should");
  return 0;
}
