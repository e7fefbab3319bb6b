// A small data directory with a file of every kind, and ways to copy and spoil it.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/tsdb/db/db_fixture.h"
#include "tsdb/block/block_writer.h"
#include "tsdb/block/index_reader.h"
#include "tsdb/block/tombstones.h"
#include "tsdb/chunk/chunk_builder.h"
#include "tsdb/wal/framing.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {

inline void write_file(io::FileSystem& fs, const std::string& path, io::Bytes bytes) {
  if (const std::size_t slash = path.rfind('/'); slash > 0) {
    check(fs.make_directories(path.substr(0, slash)).has_value(), "a test's folder cannot be made");
  }
  auto file = fs.open_writable(path, io::OpenMode::create_truncate);
  check(file.has_value() && (*file)->append(bytes).has_value() && (*file)->sync().has_value(),
        "a test's file cannot be written");
}

/// Path -> content of everything below `directory`.
using Files = std::map<std::string, std::string>;

inline void collect_files(io::FileSystem& fs, const std::string& directory, Files& out) {
  const auto entries = fs.list(directory);
  check(entries.has_value(), "a test's folder cannot be listed");
  for (const io::DirEntry& e : *entries) {
    const std::string path = directory + "/" + e.name;
    if (e.is_directory) {
      collect_files(fs, path, out);
    } else {
      auto text = fs.read_file(path);
      check(text.has_value(), "a test's file cannot be read");
      out.emplace(path, *std::move(text));
    }
  }
}

/// A disk with these files and nothing else.
inline std::unique_ptr<io::FaultFileSystem> disk_with(const Files& files) {
  auto fs = std::make_unique<io::FaultFileSystem>();
  for (const auto& [path, text] : files) write_file(*fs, path, io::as_bytes(text));
  return fs;
}

inline Histogram histogram_at(int step) {
  Histogram h;
  h.schema = 1;
  h.zero_threshold = 0.001;
  h.zero_count = static_cast<std::uint64_t>(step);
  h.positive_spans = {{0, 2}, {1, 1}};
  h.positive_deltas = {step, 1, -1};
  h.count = static_cast<std::uint64_t>(4 * step + 1);
  h.sum = 1.5 * step;
  return h;
}

/// A block with floats, histograms and float histograms, `steps` samples each, and a deletion.
inline void write_mixed_block(io::FileSystem& fs, const std::string& ulid, Timestamp mint, int steps) {
  struct Made {
    Labels labels;
    std::vector<BuiltChunk> chunks;
  };
  std::vector<Made> series;
  const auto build = [&](const char* name, auto value) {
    ChunkBuilder builder(ChunkBuilderOptions{});
    for (int i = 0; i < steps; ++i) builder.append(mint + i * kStep, 0, value(i));
    builder.finish();
    series.push_back({Labels{{"__name__", name}, {"kind", "mixed"}}, builder.take_finished()});
  };
  build("a_float", [](int i) { return 0.5 * i; });
  build("b_histogram", histogram_at);
  build("c_float_histogram", [](int i) { return to_float(histogram_at(i)); });
  BlockMeta meta;
  meta.ulid = ulid;
  meta.mint = mint;
  meta.maxt = mint + kRange;
  meta.sources = {ulid};
  auto writer = BlockWriter::create(
      fs, "/data", meta, {"__name__", "kind", "mixed", "a_float", "b_histogram", "c_float_histogram"});
  check(writer.has_value(), "a test's block cannot be written");
  for (const Made& made : series) {
    std::vector<ChunkToWrite> chunks;
    for (const BuiltChunk& c : made.chunks)
      chunks.push_back({c.range.mint, c.range.maxt, c.encoding, c.bytes});
    check((*writer)->add_series(made.labels, chunks).has_value(), "a test's series cannot be written");
  }
  auto written = (*writer)->finish();
  check(written.has_value(), "a test's block cannot be finished");

  const std::string directory = "/data/" + ulid;
  const auto index = IndexReader::open(fs, directory + "/index");
  check(index.has_value(), "a test's index cannot be read");
  const auto refs = (*index)->postings("__name__", "a_float");
  check(refs.has_value() && refs->size() == 1, "a test's series is missing");
  const Stone stone{(*refs)[0], {mint, mint + 2 * kStep}};
  write_file(fs, directory + "/tombstones", write_tombstones({&stone, 1}));
  written->num_tombstones = 1;
  write_file(fs, directory + "/meta.json", io::as_bytes(write_block_meta(*written)));
}

inline constexpr const char* kMixedBlock = "01HF4YRXG0ABCDEFGHJKMNPQRS";

/// /data: two blocks cut from the head, one with histograms and a deletion before them, a log with
/// a checkpoint, out-of-order samples in wbl, head chunks in files. Nothing is wrong with it.
/// @param model  receives the floats of the head and the blocks that were cut from it
inline void make_directory(io::FileSystem& fs, Contents& model) {
  const ManualClock clock(kNow);
  DbOptions options = quiet_options();
  options.wal.segment_bytes = 32 * 1024;
  auto db = open_db(fs, clock, options);
  for (int step = 0; step < 5 * 60; ++step) check(scrape(*db, 6, step, model), "a test's scrape was refused");
  check(db->run_background_once().has_value(), "a test's block cannot be cut");
  for (int step = 5 * 60; step < 5 * 60 + 3; ++step)
    check(scrape(*db, 6, step, model), "a test's scrape was refused");
  check(db->close().has_value(), "a test's database cannot be closed");
  db.reset();

  write_mixed_block(fs, kMixedBlock, kStart - kRange, 60);
  std::vector<std::byte> record;
  const SampleRecord sample{1, kStart + 4 * 60 * kStep + 1, 17};
  encode_samples({&sample, 1}, record);
  std::vector<std::byte> log;
  frame_record(0, RecordFlag::plain, record, log);
  write_file(fs, "/data/wbl/00000000", log);
  Points& points = model[series_labels(0).to_string()];
  points.insert(std::ranges::upper_bound(points, std::pair(sample.t, sample.v)), {sample.t, sample.v});
}

}  // namespace narthex::tsdb
