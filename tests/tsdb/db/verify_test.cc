// What verify says of a sound directory, and of one with a single thing wrong.
#include "tsdb/verify.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "tests/tsdb/directory_fixture.h"
#include "tests/tsdb/why.h"

namespace narthex::tsdb {
namespace {

class Findings final : public VerifyObserver {
 public:
  void found(const Finding& f) override { all.push_back(f); }
  void progress(std::uint64_t done_bytes, std::uint64_t total_bytes) override {
    CHECK(done_bytes <= total_bytes);
    done = done_bytes;
    total = total_bytes;
  }
  [[nodiscard]] std::string text() const {
    std::string out;
    for (const Finding& f : all) {
      out += (f.severity == Severity::damage ? "damage: " : "notice: ") + f.path + ": ";
      if (f.offset) out += std::to_string(*f.offset) + ": ";
      out += f.reason + "\n";
    }
    return out;
  }

  std::vector<Finding> all;
  std::uint64_t done = 0;
  std::uint64_t total = 0;
};

struct Verified {
  VerifyTotals totals;
  std::string text;
};

Verified verify(io::FileSystem& fs) {
  Findings findings;
  const auto totals = verify_directory(fs, "/data", findings);
  REQUIRE_MESSAGE(totals, why(totals));
  return {*totals, findings.text()};
}

Files sound_directory() {
  static const Files files = [] {
    io::FaultFileSystem fs;
    Contents model;
    make_directory(fs, model);
    Files all;
    collect_files(fs, "/data", all);
    return all;
  }();
  return files;
}

std::string first_with(const Files& files, std::string_view part) {
  const auto at = std::ranges::find_if(files, [&](const auto& f) { return f.first.contains(part); });
  REQUIRE(at != files.end());
  return at->first;
}

const std::string kMixed = std::string("/data/") + kMixedBlock;

TEST_CASE("verify: a directory with a file of every kind is sound, and everything in it was read") {
  const Files files = sound_directory();
  const auto disk = disk_with(files);
  const Verified v = verify(*disk);
  CHECK(v.text == "");
  CHECK(v.totals.damage == 0);
  CHECK(v.totals.blocks == 2);
  CHECK(v.totals.series == 6 + 3);
  CHECK(v.totals.samples == 6 * 120 + 3 * 60);
  CHECK(v.totals.log_records > 100);
  CHECK(v.totals.log_segments >= 3);
  CHECK(v.totals.head_chunk_files > 0);
  CHECK(v.totals.head_chunks > 0);
  std::uint64_t bytes = 0;
  for (const auto& [path, text] : files) bytes += text.size();
  CHECK(v.totals.bytes == bytes);
}

TEST_CASE("verify: what is wrong is named with its file and place") {
  const std::string index = kMixed + "/index";
  const std::string chunks = kMixed + "/chunks/000001";
  const std::string meta = kMixed + "/meta.json";
  const auto replace = [](const std::string& path, std::string from, std::string to) {
    return [=](Files& files) {
      std::string& text = files.at(path);
      const std::size_t at = text.find(from);
      REQUIRE(at != std::string::npos);
      text.replace(at, from.size(), to);
    };
  };
  const auto set = [](const std::string& path, std::size_t at, char byte) {
    return [=](Files& files) { files.at(path).at(at) = byte; };
  };
  const std::string block = std::string("damage: ") + kMixedBlock;
  const struct {
    std::string what;
    std::function<void(Files&)> spoil;
    std::string want;
  } rows[] = {
      {"magic", set(index, 0, 'x'), block + "/index: 0: invalid magic number 78aad700"},
      {"version", set(index, 4, 9), block + "/index: 4: unknown version 9"},
      {"contents", [&](Files& f) { f.at(index).back() ^= 1; }, block + "/index: "},
      {"symbols", replace(index, "a_float", "x_float"),
       block + "/index: 5: index: symbol table at offset 5: wrong checksum"},
      {"chunk", set(chunks, 20, 'x'), block + "/chunks/000001: 8: chunk of the series at offset "},
      {"chunk header", set(chunks, 6, 1),
       block + "/chunks/000001: 5: the unused bytes of the header are not zero"},
      {"bytes behind the chunks", [&](Files& f) { f.at(chunks) += "stray"; },
       "no series refers to these 5 bytes"},
      {"no chunks", [&](Files& f) { f.erase(chunks); },
       block + "/chunks: the folder of the chunks is missing"},
      {"no meta", [&](Files& f) { f.erase(meta); }, block + "/meta.json: is missing"},
      {"another name", replace(meta, kMixedBlock, "01HF4YRXG0ABCDEFGHJKMNPQRT"),
       block + "/meta.json: names another block: 01HF4YRXG0ABCDEFGHJKMNPQRT"},
      {"counts", replace(meta, "\"numSamples\": 180", "\"numSamples\": 181"),
       block + "/meta.json: numSamples is 181, and there are 180"},
      {"range", replace(meta, "\"maxTime\": 16", "\"maxTime\": 15"),
       block + "/meta.json: its time range is empty"},
      {"tombstones", [&](Files& f) { f.at(kMixed + "/tombstones").back() ^= 1; },
       block + "/tombstones: tombstones: wrong checksum"},
      {"foreign file", [&](Files& f) { f[kMixed + "/chunks/README"] = "x"; },
       std::string("notice: ") + kMixedBlock + "/chunks/README: does not belong here"},
      {"foreign name", [&](Files& f) { f["/data/backup.tar"] = "x"; },
       "notice: backup.tar: does not belong to a data directory"},
      {"number in wal", [&](Files& f) { f["/data/wal/00000099"] = ""; }, "damage: wal/00000099: segments "},
      {"torn log", [&](Files& f) { f.at("/data/wbl/00000000").pop_back(); },
       "notice: wbl/00000000: 0: the last "},
      {"record", set("/data/wbl/00000000", 12, 'x'), "damage: wbl/00000000: 0: a wrong checksum ("},
      {"fragment type", set("/data/wbl/00000000", 0, 0x41),
       "damage: wbl/00000000: 0: reserved bits are set in the type of a fragment"},
      {"head chunks", [&](Files& f) { f["/data/chunks_head/000009"] = "x"; }, "chunks_head/000009: "},
      {"quarantine", [&](Files& f) { f["/data/narthex/quarantine/wal-00000001"] = "x"; },
       "notice: narthex/quarantine/wal-00000001: was set aside because of damage"},
      {"snapshot", [&](Files& f) { f["/data/narthex/head.00000001"] = "NTXHEAD and so on"; },
       "damage: narthex/head.00000001: narthex/head.00000001: it is no snapshot of the head; the next start"},
      {"manifest", [&](Files& f) { f["/data/narthex/manifest"] = "x"; },
       "damage: narthex/manifest: the manifest is none; the next start"},
      {"interrupted snapshot", [&](Files& f) { f["/data/narthex/head.tmp"] = "x"; },
       "notice: narthex/head.tmp: left behind by an interrupted run"},
      {"interrupted block", [&](Files& f) { f[kMixed + ".tmp-for-creation/index"] = "x"; },
       std::string("notice: ") + kMixedBlock + ".tmp-for-creation: left behind by an interrupted run"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    Files files = sound_directory();
    row.spoil(files);
    const auto disk = disk_with(files);
    const Verified v = verify(*disk);
    CAPTURE(v.text);
    CHECK(v.text.contains(row.want));
    CHECK(v.totals.damage + v.totals.notices > 0);
    CHECK((v.totals.damage > 0) == v.text.contains("damage: "));
  }
}

TEST_CASE("verify: a damaged series costs its finding, and those behind it are still looked at") {
  Files files = sound_directory();
  // Its symbols are few, its series stand at multiples of 16: length, count of labels, symbols.
  std::string& text = files.at(kMixed + "/index");
  std::size_t at = 16;
  while (text.at(at + 1) != 2 || text.at(at) < 10) at += 16;
  text.at(at + 3) ^= 0x40;
  const auto disk = disk_with(files);
  const Verified v = verify(*disk);
  CAPTURE(v.text);
  CHECK(v.text.contains("series: no length and checksum that fit"));
  CHECK(v.totals.series == 6 + 3 - 1);
}

TEST_CASE("verify: a file that cannot be read is a finding, not an end") {
  const auto disk = disk_with(sound_directory());
  disk->set_judge([](io::Operation op, const std::string& path) -> std::optional<Error> {
    if ((op == io::Operation::map || op == io::Operation::read) && path.ends_with("/index"))
      return Error{Code::io, "reading " + path + ": Input/output error", std::nullopt};
    return std::nullopt;
  });
  Findings findings;
  const auto totals = verify_directory(*disk, "/data", findings);
  REQUIRE_MESSAGE(totals, why(totals));
  CHECK(findings.text().contains("/index: reading /data/"));
  CHECK(totals->damage == 2);
  CHECK(totals->log_records > 100);
}

TEST_CASE("verify: many findings of one file are cut short, and all are counted") {
  Files files = sound_directory();
  std::string& wal = files.at(first_with(files, "/wal/0"));
  for (std::size_t at = 20; at < wal.size(); at += 60) wal[at] ^= 1;
  const auto disk = disk_with(files);
  Findings findings;
  const auto totals = verify_directory(*disk, "/data", findings);
  REQUIRE(totals);
  CHECK(totals->damage > 0);
  CHECK(findings.all.size() <= totals->damage + totals->notices + 1);
}

TEST_CASE("verify: a directory that is not there is an error") {
  io::FaultFileSystem fs;
  Findings findings;
  const auto totals = verify_directory(fs, "/nowhere", findings);
  REQUIRE(!totals);
  CHECK(totals.error().code == Code::not_found);
}

}  // namespace
}  // namespace narthex::tsdb
