// One wrong bit anywhere in a data directory: verify reports it, and the database opens, keeps the
// damage to what was damaged, and says so.
//
// Every byte of small files is tried, evenly spread ones of larger files; which of its bits goes by
// the position, so that all eight come up. NARTHEX_LONG tries every byte of every file.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "telemetry/log.h"
#include "tests/tsdb/db/scripted_life.h"
#include "tests/tsdb/directory_fixture.h"
#include "tests/tsdb/why.h"
#include "tsdb/block/block_meta.h"
#include "tsdb/verify.h"

namespace narthex::tsdb {
namespace {

class Counter final : public VerifyObserver {
 public:
  void found(const Finding& f) override { paths.insert(f.path); }
  void progress(std::uint64_t, std::uint64_t) override {}
  std::set<std::string> paths;
};

/// Places that say nothing that anything else in the directory could contradict: the version of an
/// index, where 2 and 3 are the same, and in meta.json, which has no checksum, spaces, the level,
/// what the block was compacted from, and a range that is wider than its samples need.
bool means_nothing(const std::string& path, const std::string& before, const std::string& after) {
  if (path.ends_with("/index")) return before[4] == 2 && after[4] == 3;
  if (!path.ends_with("/meta.json")) return false;
  const auto a = parse_block_meta(before);
  const auto b = parse_block_meta(after);
  return a && b && a->ulid == b->ulid && b->mint <= a->mint && b->maxt >= a->maxt &&
         a->num_samples == b->num_samples && a->num_series == b->num_series &&
         a->num_chunks == b->num_chunks && a->num_tombstones == b->num_tombstones;
}

/// The database believes the range of a block, as Prometheus does: samples outside are not looked
/// for, and those that the log has of it are taken for the block's.
bool moves_range(const std::string& path, const std::string& before, const std::string& after) {
  if (!path.ends_with("/meta.json")) return false;
  const auto a = parse_block_meta(before);
  const auto b = parse_block_meta(after);
  return a && b && (a->mint != b->mint || a->maxt != b->maxt);
}

struct Flip {
  std::string path;
  std::size_t at;
  unsigned bit;
};

std::vector<Flip> flips_of(const Files& files, std::size_t per_file) {
  const bool every = std::getenv("NARTHEX_LONG") != nullptr;
  std::vector<Flip> flips;
  for (const auto& [path, text] : files) {
    const std::size_t count = every ? text.size() : std::min(per_file, text.size());
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = i * text.size() / count;
      flips.push_back({path, at, static_cast<unsigned>((at * 5 + i) % 8)});
    }
  }
  return flips;
}

Files flipped(const Files& files, const Flip& flip) {
  Files changed = files;
  char& byte = changed.at(flip.path).at(flip.at);
  byte = static_cast<char>(byte ^ (1 << flip.bit));
  return changed;
}

struct Directory {
  Files files;
  Contents model;
};

const Directory& directory() {
  static const Directory made = [] {
    io::FaultFileSystem fs;
    Directory d;
    make_directory(fs, d.model);
    collect_files(fs, "/data", d.files);
    return d;
  }();
  return made;
}

TEST_CASE("bit flips: verify reports every bit that means something, in its file") {
  const Files& files = directory().files;
  std::size_t silent = 0;
  for (const Flip& flip : flips_of(files, 400)) {
    CAPTURE(flip.path);
    CAPTURE(flip.at);
    CAPTURE(flip.bit);
    const Files changed = flipped(files, flip);
    const auto disk = disk_with(changed);
    Counter counter;
    const auto totals = verify_directory(*disk, "/data", counter);
    REQUIRE_MESSAGE(totals, why(totals));
    if (counter.paths.contains(flip.path.substr(6))) continue;
    if (totals->damage > 0) {
      // Chunks are looked for where the index says, tombstones by what it names.
      CHECK(counter.paths.begin()->substr(0, 26) == flip.path.substr(6, 26));
      continue;
    }
    ++silent;
    CHECK(means_nothing(flip.path, files.at(flip.path), changed.at(flip.path)));
  }
  MESSAGE(silent, " flips in meta.json changed nothing that can be checked");
}

/// What `contents` has is in `model`, too.
bool is_part_of(const Contents& contents, const Contents& model) {
  for (const auto& [labels, points] : contents) {
    const auto whole = model.find(labels);
    if (whole == model.end()) return false;
    if (!std::includes(whole->second.begin(), whole->second.end(), points.begin(), points.end()))
      return false;
  }
  return true;
}

TEST_CASE("bit flips: the database opens, loses at most what was damaged, and says so") {
  const auto& [files, model] = directory();
  const ManualClock clock(kStart + 6 * 60 * kStep);
  telemetry::set_up_log(telemetry::LogLevel::error, telemetry::LogFormat::logfmt);
  std::size_t complete = 0;
  std::size_t partial = 0;
  for (const Flip& flip : flips_of(files, 80)) {
    CAPTURE(flip.path);
    CAPTURE(flip.at);
    CAPTURE(flip.bit);
    const Files changed = flipped(files, flip);
    const auto disk = disk_with(changed);
    auto opened = try_open(*disk, clock);
    REQUIRE_MESSAGE(opened, why(opened));
    Db& db = **opened;
    auto querier = db.querier({});
    REQUIRE_MESSAGE(querier, why(querier));
    Contents found;
    LabelPool pool;
    bool said = db.count_corruptions() > 0;
    auto set = (*querier)->select({}, std::vector{match(MatchOp::regex, "__name__", "metric_.*")}, pool, {});
    if (!set) {
      CHECK(set.error().code == Code::corruption);
      continue;
    }
    for (std::size_t i = 0; i < (*set)->size(); ++i) {
      storage::SampleColumns columns;
      if (auto read = (*set)->samples(i, {}, columns); !read) {
        CHECK(read.error().code == Code::corruption);
        said = true;
        continue;
      }
      Points points;
      for (std::size_t k = 0; k < columns.t.size(); ++k) points.emplace_back(columns.t[k], columns.v[k]);
      if (!points.empty()) found[pool.labels((*set)->labels(i)).to_string()] = std::move(points);
    }
    CHECK(is_part_of(found, model));
    const bool whole = same(found, model);
    CHECK((whole || said || moves_range(flip.path, files.at(flip.path), changed.at(flip.path))));
    ++(whole ? complete : partial);
    querier->reset();
    CHECK(db.close());
  }
  telemetry::set_up_log(telemetry::LogLevel::info, telemetry::LogFormat::logfmt);
  MESSAGE(complete, " flips cost nothing, ", partial, " a part");
  CHECK(complete > 0);
}

/// A directory as a kill leaves it, with a checkpoint, head chunks of all kinds, exemplars and metadata
/// in the log, and merged blocks.
struct CutLife {
  Files files;
  TextContents whole;  ///< what is there without any damage
  Timestamp end = 0;
};

const CutLife& cut_life() {
  static const CutLife made = [] {
    io::FaultFileSystem fs;
    Life life(fs);
    // In the middle of a range, so that there is something in the head.
    life.run([&] { return life.clock.now() >= kStart + 175 * kStep; });
    CutLife cut;
    collect_files(fs, "/data", cut.files);
    cut.end = life.clock.now();
    const ManualClock clock(cut.end);
    const auto disk = disk_with(cut.files);
    const auto db = try_open(*disk, clock, life_options());
    REQUIRE_MESSAGE(db, why(db));
    auto querier = (*db)->querier({});
    REQUIRE(querier);
    cut.whole = read_kinds(**querier);
    return cut;
  }();
  return made;
}

/// What can be read; `said` is set where something cannot.
TextContents read_what_is_sound(Db& db, bool& said) {
  TextContents found;
  auto querier = db.querier({});
  REQUIRE_MESSAGE(querier, why(querier));
  LabelPool pool;
  auto set = (*querier)->select({}, std::vector{everything()}, pool, {});
  if (!set) {
    CHECK(set.error().code == Code::corruption);
    said = true;
    return found;
  }
  for (std::size_t i = 0; i < (*set)->size(); ++i) {
    storage::SampleColumns columns;
    if (auto read = (*set)->samples(i, {}, columns); !read) {
      CHECK(read.error().code == Code::corruption);
      said = true;
      continue;
    }
    if (!columns.t.empty()) found[pool.labels((*set)->labels(i)).to_string()] = as_points(columns);
  }
  return found;
}

TEST_CASE("bit flips: in checkpoints, head chunks and logs of every kind, too") {
  const CutLife& life = cut_life();
  for (const char* part :
       {"/wal/checkpoint.", "/wal/0000", "/chunks_head/", "/index", "/meta.json", "/tombstones"}) {
    CAPTURE(part);
    CHECK(std::ranges::any_of(life.files,
                              [&](const auto& f) { return f.first.find(part) != std::string::npos; }));
  }
  telemetry::set_up_log(telemetry::LogLevel::error, telemetry::LogFormat::logfmt);
  std::size_t complete = 0;
  std::size_t partial = 0;
  for (const Flip& flip : flips_of(life.files, 60)) {
    CAPTURE(flip.path);
    CAPTURE(flip.at);
    CAPTURE(flip.bit);
    const Files changed = flipped(life.files, flip);
    const auto disk = disk_with(changed);
    const ManualClock clock(life.end);
    auto opened = try_open(*disk, clock, life_options());
    REQUIRE_MESSAGE(opened, why(opened));
    bool said = (*opened)->count_corruptions() > 0;
    const TextContents found = read_what_is_sound(**opened, said);
    CHECK(compare(found, {}, life.whole, 0) == "");
    const bool whole = found == life.whole;
    CHECK((whole || said || moves_range(flip.path, life.files.at(flip.path), changed.at(flip.path))));
    ++(whole ? complete : partial);
    CHECK((*opened)->close());
  }
  telemetry::set_up_log(telemetry::LogLevel::info, telemetry::LogFormat::logfmt);
  MESSAGE(complete, " flips cost nothing, ", partial, " a part");
  CHECK(complete > 0);
  CHECK(partial > 0);
}

}  // namespace
}  // namespace narthex::tsdb
