// Byte for byte what Prometheus 3.14 (commit d15adb9) writes; see golden/README.md.
//
//   samples|histograms start=BOOL     REF v|i|f T ST ... (as in tests/tsdb/chunk/golden_samples.h)
//   series                            REF NAME=VALUE...     texts in hex, here and below
//   exemplars                         REF T VALUE NAME=VALUE...
//   metadata                          REF TYPE .UNIT .HELP
//   tombstones                        REF MINT MAXT
//   markers                           REF CHUNK
//   = HEX                             a record of all entries above
#include <doctest/doctest.h>

#include <bit>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include "tests/tsdb/chunk/golden_samples.h"
#include "tests/tsdb/why.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {
namespace {

struct Group {
  std::string kind;
  bool start = false;
  std::vector<std::string> entries;
  std::vector<std::string> records;
};

std::vector<Group> read_groups() {
  std::ifstream in = open_golden("tests/tsdb/wal/golden/records-3.14.txt");
  std::vector<Group> groups;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (line.starts_with("= ")) {
      groups.back().records.push_back(line.substr(2));
    } else if (line[0] >= 'a') {
      const std::size_t blank = line.find(' ');
      groups.push_back({line.substr(0, blank), line.ends_with("start=true"), {}, {}});
    } else {
      groups.back().entries.push_back(line);
    }
  }
  return groups;
}

std::string text_from_hex(std::string_view hex) {
  const std::vector<std::byte> bytes = from_hex(hex);
  return std::string(io::as_text(bytes));
}

Labels parse_labels(std::istream& in) {
  std::vector<std::pair<std::string, std::string>> texts;
  for (std::string pair; in >> pair;) {
    const std::size_t equals = pair.find('=');
    texts.emplace_back(text_from_hex(pair.substr(0, equals)), text_from_hex(pair.substr(equals + 1)));
  }
  std::vector<LabelView> views;
  for (const auto& [name, value] : texts) views.push_back({name, value});
  return Labels::from_pairs(std::move(views));
}

/// Encodes what the entries say, and again what our decoder reads from Prometheus' records.
struct Both {
  std::vector<std::string> encoded;
  std::vector<std::string> again;
};

template <class Entry, class Parse>
Both one_record(const Group& group, Parse parse,
                void (*encode)(std::span<const Entry>, std::vector<std::byte>&),
                Result<void> (*decode)(io::Bytes, std::vector<Entry>&)) {
  std::vector<Entry> entries;
  for (const std::string& line : group.entries) {
    std::istringstream words(line);
    std::uint64_t ref = 0;
    words >> ref;
    entries.push_back(parse(ref, words));
  }
  std::vector<std::byte> record;
  encode(entries, record);
  std::vector<Entry> decoded;
  const auto done = decode(from_hex(group.records.at(0)), decoded);
  REQUIRE_MESSAGE(done, why(done));
  std::vector<std::byte> again;
  encode(decoded, again);
  return {{to_hex(record)}, {to_hex(again)}};
}

struct SamplesWithStart {
  std::vector<SampleRecord> samples;
  std::vector<Timestamp> starts;
  [[nodiscard]] std::string encode(bool start) const {
    std::vector<std::byte> record;
    if (start)
      encode_samples_v2(samples, starts, record);
    else
      encode_samples(samples, record);
    return to_hex(record);
  }
};

Both sample_records(const Group& group) {
  SamplesWithStart given;
  for (const std::string& line : group.entries) {
    std::istringstream words(line);
    std::uint64_t ref = 0;
    std::string kind;
    words >> ref >> kind;
    const GoldenSample s = parse_golden_sample(kind, words);
    given.samples.push_back({ref, s.t, std::get<double>(s.value)});
    given.starts.push_back(s.st);
  }
  SamplesWithStart decoded;
  const auto done = decode_samples(from_hex(group.records.at(0)), decoded.samples, decoded.starts);
  REQUIRE_MESSAGE(done, why(done));
  CHECK(decoded.starts.size() == decoded.samples.size());
  return {{given.encode(group.start)}, {decoded.encode(group.start)}};
}

std::vector<std::string> encode_all(const std::vector<HistogramRecord>& histograms, bool start) {
  std::vector<std::vector<std::byte>> records;
  encode_histograms(histograms, start, records);
  std::vector<std::string> out;
  for (const std::vector<std::byte>& record : records) out.push_back(to_hex(record));
  return out;
}

Both histogram_records(const Group& group) {
  std::vector<HistogramRecord> given;
  for (const std::string& line : group.entries) {
    std::istringstream words(line);
    std::uint64_t ref = 0;
    std::string kind;
    words >> ref >> kind;
    GoldenSample s = parse_golden_sample(kind, words);
    if (kind == "i")
      given.push_back({ref, s.t, s.st, std::get<Histogram>(std::move(s.value))});
    else
      given.push_back({ref, s.t, s.st, std::get<FloatHistogram>(std::move(s.value))});
  }
  Both both{encode_all(given, group.start), {}};
  for (const std::string& record : group.records) {
    std::vector<HistogramRecord> decoded;
    const auto done = decode_histograms(from_hex(record), decoded);
    REQUIRE_MESSAGE(done, why(done));
    CHECK(*done == 0);
    REQUIRE_FALSE(decoded.empty());
    const std::vector<std::string> again = encode_all(decoded, group.start);
    REQUIRE(again.size() == 1);
    // Where the base went to another record, ours has another base: then its content must agree.
    if (again[0] != record) {
      std::vector<HistogramRecord> twice;
      REQUIRE(decode_histograms(from_hex(again[0]), twice));
      CHECK(twice.size() == decoded.size());
      CHECK((encode_all(twice, group.start) == again));
    }
    both.again.push_back(record);
  }
  return both;
}

Both records_of(const Group& group) {
  if (group.kind == "samples") return sample_records(group);
  if (group.kind == "histograms") return histogram_records(group);
  if (group.kind == "series") {
    const auto parse = [](WalRef ref, std::istream& in) { return SeriesRecord{ref, parse_labels(in)}; };
    return one_record<SeriesRecord>(group, parse, encode_series, decode_series);
  }
  if (group.kind == "exemplars") {
    const auto parse = [](WalRef ref, std::istream& in) {
      Timestamp t = 0;
      std::string v;
      in >> t >> v;
      return ExemplarRecord{ref, t, parse_golden_number(v), parse_labels(in)};
    };
    return one_record<ExemplarRecord>(group, parse, encode_exemplars, decode_exemplars);
  }
  if (group.kind == "metadata") {
    const auto parse = [](WalRef ref, std::istream& in) {
      std::string type, unit, help;
      in >> type >> unit >> help;
      return MetadataRecord{ref, {type, text_from_hex(unit.substr(1)), text_from_hex(help.substr(1))}};
    };
    return one_record<MetadataRecord>(group, parse, encode_metadata, decode_metadata);
  }
  if (group.kind == "tombstones") {
    const auto parse = [](WalRef ref, std::istream& in) {
      TombstoneRecord t{ref, {}};
      in >> t.range.mint >> t.range.maxt;
      return t;
    };
    return one_record<TombstoneRecord>(group, parse, encode_tombstones, decode_tombstones);
  }
  REQUIRE(group.kind == "markers");
  const auto parse = [](WalRef ref, std::istream& in) {
    MmapMarkerRecord m{ref, 0};
    in >> m.chunk;
    return m;
  };
  return one_record<MmapMarkerRecord>(group, parse, encode_mmap_markers, decode_mmap_markers);
}

TEST_CASE("golden records: the same entries make the same records as Prometheus 3.14, and back") {
  const std::vector<Group> groups = read_groups();
  REQUIRE(groups.size() > 60);
  for (const Group& group : groups) {
    if (group.records.empty()) continue;
    CAPTURE(group.kind);
    CAPTURE(group.start);
    const Both both = records_of(group);
    CHECK((both.encoded == group.records));
    CHECK((both.again == group.records));
  }
}

}  // namespace
}  // namespace narthex::tsdb
