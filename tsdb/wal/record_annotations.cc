// Records beside samples: exemplars, metadata, deletions, and the markers of `wbl/`.
#include <array>
#include <bit>
#include <string>
#include <string_view>
#include <utility>

#include "tsdb/encoding.h"
#include "tsdb/wal/record.h"
#include "tsdb/wal/record_parts.h"

namespace narthex::tsdb {
namespace {

/// By their number on disk; all others are unknown.
constexpr std::array<std::string_view, 8> kMetricTypes = {"unknown",        "counter", "gauge", "histogram",
                                                          "gaugehistogram", "summary", "info",  "stateset"};
constexpr std::string_view kUnitField = "UNIT";
constexpr std::string_view kHelpField = "HELP";

std::uint8_t number_of_type(std::string_view type) {
  for (std::size_t i = 0; i < kMetricTypes.size(); ++i) {
    if (kMetricTypes[i] == type) return static_cast<std::uint8_t>(i);
  }
  return 0;
}

std::string_view type_of_number(std::uint8_t number) {
  return kMetricTypes[number < kMetricTypes.size() ? number : 0];
}

void put_type(std::vector<std::byte>& out, RecordType type) {
  put_u8(out, static_cast<std::uint8_t>(type));
}

}  // namespace

// ---- Exemplars

void encode_exemplars(std::span<const ExemplarRecord> exemplars, std::vector<std::byte>& out) {
  if (exemplars.empty()) return;
  put_type(out, RecordType::exemplars);
  const BaseWriter base(out, exemplars.front().ref, exemplars.front().t);
  for (const ExemplarRecord& e : exemplars) {
    base.put(out, e.ref, e.t);
    put_be(out, std::bit_cast<std::uint64_t>(e.v));
    put_labels(out, e.labels);
  }
}

Result<void> decode_exemplars(io::Bytes record, std::vector<ExemplarRecord>& out) {
  if (record_type(record) != RecordType::exemplars) return wrong_record_type("exemplars", record);
  if (record.size() == 1) return {};
  ByteReader in(record.subspan(1));
  const BaseReader base(in);
  if (!in.ok()) return ends_in_entry("exemplars", 0);
  const std::size_t first = out.size();
  while (in.left() > 0) {
    const EntryHead head = base.take(in);
    const auto v = std::bit_cast<double>(in.be64());
    auto labels = take_labels(in);
    if (!labels) {
      const std::size_t item = out.size() - first;
      out.resize(first);
      return pass(labels, "exemplars record, entry " + std::to_string(item));
    }
    out.push_back({head.ref, head.t, v, *std::move(labels)});
  }
  return {};
}

// ---- Metadata: uvarint reference | type u8 | uvarint fields | name and value of each

void encode_metadata(std::span<const MetadataRecord> metadata, std::vector<std::byte>& out) {
  if (metadata.empty()) return;
  put_type(out, RecordType::metadata);
  for (const MetadataRecord& m : metadata) {
    put_uvarint(out, m.ref);
    put_u8(out, number_of_type(m.metadata.type));
    put_uvarint(out, 2);
    put_text(out, kUnitField);
    put_text(out, m.metadata.unit);
    put_text(out, kHelpField);
    put_text(out, m.metadata.help);
  }
}

Result<void> decode_metadata(io::Bytes record, std::vector<MetadataRecord>& out) {
  if (record_type(record) != RecordType::metadata) return wrong_record_type("metadata", record);
  ByteReader in(record.subspan(1));
  const std::size_t first = out.size();
  while (in.left() > 0) {
    MetadataRecord entry;
    entry.ref = in.uvarint();
    entry.metadata.type = type_of_number(in.u8());
    // Fields that we do not know are read over.
    const std::uint64_t fields = in.uvarint();
    for (std::uint64_t i = 0; i < fields && in.ok(); ++i) {
      const std::string_view name = in.text();
      const std::string_view value = in.text();
      if (name == kUnitField) entry.metadata.unit = value;
      if (name == kHelpField) entry.metadata.help = value;
    }
    if (!in.ok()) {
      const std::size_t item = out.size() - first;
      out.resize(first);
      return ends_in_entry("metadata", item);
    }
    out.push_back(std::move(entry));
  }
  return {};
}

// ---- Deletions: reference u64 | varint mint | varint maxt

void encode_tombstones(std::span<const TombstoneRecord> tombstones, std::vector<std::byte>& out) {
  if (tombstones.empty()) return;
  put_type(out, RecordType::tombstones);
  for (const TombstoneRecord& t : tombstones) {
    put_be<std::uint64_t>(out, t.ref);
    put_varint(out, t.range.mint);
    put_varint(out, t.range.maxt);
  }
}

Result<void> decode_tombstones(io::Bytes record, std::vector<TombstoneRecord>& out) {
  if (record_type(record) != RecordType::tombstones) return wrong_record_type("tombstones", record);
  ByteReader in(record.subspan(1));
  const std::size_t first = out.size();
  while (in.left() > 0) {
    TombstoneRecord entry;
    entry.ref = in.be64();
    entry.range.mint = in.varint();
    entry.range.maxt = in.varint();
    if (!in.ok()) {
      const std::size_t item = out.size() - first;
      out.resize(first);
      return ends_in_entry("tombstones", item);
    }
    out.push_back(entry);
  }
  return {};
}

// ---- Markers: reference u64 | mapped chunk u64

void encode_mmap_markers(std::span<const MmapMarkerRecord> markers, std::vector<std::byte>& out) {
  if (markers.empty()) return;
  put_type(out, RecordType::mmap_markers);
  for (const MmapMarkerRecord& m : markers) {
    put_be<std::uint64_t>(out, m.ref);
    put_be<std::uint64_t>(out, m.chunk);
  }
}

Result<void> decode_mmap_markers(io::Bytes record, std::vector<MmapMarkerRecord>& out) {
  if (record_type(record) != RecordType::mmap_markers) return wrong_record_type("mmap markers", record);
  ByteReader in(record.subspan(1));
  const std::size_t first = out.size();
  while (in.left() > 0) {
    const WalRef ref = in.be64();
    const std::uint64_t chunk = in.be64();
    if (!in.ok()) {
      const std::size_t item = out.size() - first;
      out.resize(first);
      return ends_in_entry("mmap markers", item);
    }
    out.push_back({ref, chunk});
  }
  return {};
}

}  // namespace narthex::tsdb
