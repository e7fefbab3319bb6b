// The disk fails at every operation of a life in turn, in every way there is; then the directory
// opens on what is left, with everything that was promised, each sample once, and nothing else.
//
// Sampled operations in the short run; NARTHEX_LONG tries all, NARTHEX_POINT=n the one that a failure named.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <limits>
#include <optional>
#include <set>

#include "telemetry/log.h"
#include "tests/tsdb/db/scripted_life.h"
#include "tests/tsdb/directory_fixture.h"
#include "tests/tsdb/why.h"
#include "tsdb/verify.h"

namespace narthex::tsdb {
namespace {

constexpr std::int64_t kForEver = std::numeric_limits<std::int64_t>::max() / 2;

bool only_reads(io::Operation op) {
  using enum io::Operation;
  return op == read || op == map || op == list || op == space;
}

enum class Counted : std::uint8_t { all, changing };

/// Counts operations and does something at the `first` and the `count` behind it.
class Injector {
 public:
  Injector(io::FaultFileSystem& fs, Counted counted, std::int64_t first, std::int64_t count = kForEver)
      : fs_(fs), counted_(counted), first_(first), end_(first + count) {
    fs.set_judge([this](io::Operation op, const std::string&) { return judge(op); });
  }
  Injector(const Injector&) = delete;
  Injector& operator=(const Injector&) = delete;
  virtual ~Injector() { fs_.set_judge(nullptr); }

  [[nodiscard]] std::int64_t operations() const { return next_; }
  [[nodiscard]] bool reached() const { return next_ > first_; }

 protected:
  virtual std::optional<Error> strike(bool in_range) {
    if (!in_range) return std::nullopt;
    return Error{Code::io, "Input/output error", {}};
  }
  io::FaultFileSystem& fs_;

 private:
  std::optional<Error> judge(io::Operation op) {
    if (counted_ == Counted::changing && only_reads(op)) return std::nullopt;
    const std::int64_t n = next_++;
    return strike(n >= first_ && n < end_);
  }
  Counted counted_;
  std::int64_t first_;
  std::int64_t end_;
  std::atomic<std::int64_t> next_ = 0;
};

/// No space for new bytes.
class FullDisk final : public Injector {
 public:
  using Injector::Injector;
  ~FullDisk() override { fs_.set_free_bytes(-1); }

 private:
  std::optional<Error> strike(bool in_range) override {
    fs_.set_free_bytes(in_range ? 0 : -1);
    return std::nullopt;
  }
};

std::int64_t count_operations(Counted counted, bool snapshots) {
  io::FaultFileSystem fs;
  const Injector counter(fs, counted, kForEver, 0);
  Life life(fs, snapshots);
  life.run([] { return false; });
  REQUIRE(life.fault.empty());
  REQUIRE(compare(life.acknowledged, life.synced, life.acknowledged, 0).empty());
  return counter.operations();
}

/// Each case runs twice: starts read all of the log, or begin with a snapshot of the head.
bool with_snapshots() {
  bool snapshots = false;
  SUBCASE("reading all of the log") {
    snapshots = false;
  }
  SUBCASE("with snapshots of the head") {
    snapshots = true;
  }
  return snapshots;
}

/// Every operation, or some 80 spread over the life.
std::vector<std::int64_t> points_of(std::int64_t operations) {
  if (const char* const one = std::getenv("NARTHEX_POINT")) return {std::atoll(one)};
  const bool every = std::getenv("NARTHEX_LONG") != nullptr;
  const std::int64_t stride = every ? 1 : std::max<std::int64_t>(1, operations / 80);
  std::vector<std::int64_t> points;
  // From another place within each stride, or all would fall on the same kind of operation.
  for (std::int64_t n = 0; n < operations; n += stride) points.push_back(n + n / stride * 7 % stride);
  return points;
}

class Findings final : public VerifyObserver {
 public:
  void found(const Finding& f) override {
    if (f.severity == Severity::damage) text += f.path + ": " + f.reason + "\n";
  }
  void progress(std::uint64_t, std::uint64_t) override {}
  std::string text;
};

std::string damage_in(io::FileSystem& fs) {
  Findings findings;
  const auto totals = verify_directory(fs, "/data", findings);
  REQUIRE_MESSAGE(totals, why(totals));
  return findings.text;
}

TextContents contents_of(Db& db) {
  auto querier = db.querier({});
  REQUIRE_MESSAGE(querier, why(querier));
  return read_kinds(**querier);
}

/// Opens on what is left, twice, and goes on in between.
void check_survival(Life& life, const TextContents& required) {
  io::FaultFileSystem& fs = life.fs;
  REQUIRE(life.fault == "");
  const Timestamp deleted_before = life.deleted_before();
  auto db = try_open(fs, life.clock, life.options);
  REQUIRE_MESSAGE(db, why(db));
  const TextContents found = contents_of(**db);
  REQUIRE(compare(found, required, life.possible, deleted_before) == "");

  life.acknowledged = life.possible = found;
  REQUIRE(life.scrape(**db, kLifeSteps + 5));
  const auto maintained = (*db)->run_background_once();
  REQUIRE_MESSAGE(maintained, why(maintained));
  REQUIRE((*db)->close());
  db->reset();
  REQUIRE(damage_in(fs) == "");

  auto again = try_open(fs, life.clock, life.options);
  REQUIRE_MESSAGE(again, why(again));
  REQUIRE((*again)->count_corruptions() == 0);
  REQUIRE(compare(contents_of(**again), life.acknowledged, life.acknowledged, life.deleted_before()) == "");
}

/// The directory's own name is on the disk from the beginning.
void make_durable_directory(io::FaultFileSystem& fs) {
  REQUIRE(fs.make_directories("/data"));
  REQUIRE(fs.sync_directory("/"));
}

const auto never = [] { return false; };

TEST_CASE("faults: the life that is cut short has everything in it") {
  const bool snapshots = with_snapshots();
  telemetry::set_up_log(telemetry::LogLevel::error, telemetry::LogFormat::logfmt);
  io::FaultFileSystem fs;
  Life life(fs, snapshots);
  std::set<std::string> happened;
  fs.set_judge([&](io::Operation op, const std::string& path) -> std::optional<Error> {
    const auto note = [&](io::Operation wanted, const char* part, const char* what) {
      if (op == wanted && path.find(part) != std::string::npos) happened.insert(what);
    };
    note(io::Operation::rename, ".tmp-for-creation", "block written");
    note(io::Operation::remove, ".tmp-for-deletion", "block deleted");
    note(io::Operation::rename, "checkpoint.", "checkpoint");
    note(io::Operation::remove, "/wal/0000", "segment removed");
    note(io::Operation::append, "/chunks_head/", "chunks mapped");
    note(io::Operation::remove, "/chunks_head/", "head chunks removed");
    note(io::Operation::append, "/wbl/", "late samples logged");
    note(io::Operation::remove, "/wbl/", "log of late samples truncated");
    note(io::Operation::rename, "/tombstones", "tombstones replaced");
    return std::nullopt;
  });
  life.run(never);
  fs.set_judge(nullptr);
  CHECK(happened.size() == 9);
  REQUIRE(life.fault == "");
  const auto db = try_open(fs, life.clock, life.options);
  REQUIRE_MESSAGE(db, why(db));
  const auto blocks = (*db)->blocks();
  CHECK(std::ranges::any_of(blocks, [](const BlockMeta& b) { return b.level == 2; }));
  CHECK(std::ranges::any_of(blocks, [](const BlockMeta& b) { return b.level == 1; }));
  // Retention has taken the first ones.
  REQUIRE(!blocks.empty());
  CHECK(blocks.front().mint >= kStart + 3 * kLifeRange);
  CHECK((*db)->count_corruptions() == 0);
}

TEST_CASE("faults: killed at any operation, everything acknowledged is there once") {
  const bool snapshots = with_snapshots();
  telemetry::set_up_log(telemetry::LogLevel::error, telemetry::LogFormat::logfmt);
  const auto points = points_of(count_operations(Counted::changing, snapshots));
  for (const std::int64_t n : points) {
    CAPTURE(n);
    for (const bool short_writes : {false, true}) {
      CAPTURE(short_writes);
      io::FaultFileSystem fs;
      fs.set_short_write(short_writes);
      Life life(fs, snapshots);
      {
        const Injector killer(fs, Counted::changing, n);
        life.run([&] { return killer.reached(); });
      }
      const TextContents required = life.acknowledged;
      check_survival(life, required);
    }
  }
  MESSAGE(points.size(), " of ", points.back() + 1, " operations");
}

TEST_CASE("faults: after a power cut at any operation, everything synced is there once") {
  const bool snapshots = with_snapshots();
  telemetry::set_up_log(telemetry::LogLevel::error, telemetry::LogFormat::logfmt);
  const auto points = points_of(count_operations(Counted::changing, snapshots));
  for (const std::int64_t n : points) {
    CAPTURE(n);
    for (std::uint64_t cut = 0; cut < 4; ++cut) {
      CAPTURE(cut);
      io::FaultFileSystem fs;
      make_durable_directory(fs);
      Life life(fs, snapshots);
      {
        const Injector killer(fs, Counted::changing, n);
        life.run([&] { return killer.reached(); });
      }
      if (cut == 0)
        fs.crash();
      else
        fs.crash_in_write_back(static_cast<std::uint64_t>(n) * 4 + cut);
      check_survival(life, life.synced);
    }
  }
  MESSAGE(points.size(), " of ", points.back() + 1, " operations");
}

/// Everything on it is synced, directories too.
std::unique_ptr<io::FaultFileSystem> durable_disk_with(const Files& files) {
  auto fs = disk_with(files);
  for (const auto& [path, text] : files) {
    for (std::size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0;
         slash = path.rfind('/', slash - 1)) {
      REQUIRE(fs->sync_directory(path.substr(0, slash)));
    }
  }
  REQUIRE(fs->sync_directory("/"));
  return fs;
}

TEST_CASE("faults: killed again at any operation of the start behind a kill, or by a power cut") {
  const bool snapshots = with_snapshots();
  telemetry::set_up_log(telemetry::LogLevel::error, telemetry::LogFormat::logfmt);
  const bool every = std::getenv("NARTHEX_LONG") != nullptr;
  const auto points = points_of(count_operations(Counted::changing, snapshots));
  std::size_t starts = 0;
  for (std::size_t i = 0; i < points.size(); i += every ? 1 : 5) {
    CAPTURE(points[i]);
    io::FaultFileSystem first;
    first.set_short_write(true);
    Life life(first, snapshots);
    {
      const Injector killer(first, Counted::changing, points[i]);
      life.run([&] { return killer.reached(); });
    }
    Files files;
    if (first.exists("/data")) collect_files(first, "/data", files);
    for (std::int64_t n = 0;; ++n, ++starts) {
      CAPTURE(n);
      const auto fs = durable_disk_with(files);
      fs->set_short_write(true);
      bool done = false;
      {
        const Injector killer(*fs, Counted::changing, n);
        const auto opened = try_open(*fs, life.clock, life.options);
        done = opened.has_value() && !killer.reached();
      }
      if (n % 3 == 1) fs->crash();
      if (n % 3 == 2) fs->crash_in_write_back(static_cast<std::uint64_t>(n));
      Life after(*fs, snapshots);
      after.acknowledged = life.acknowledged;
      after.possible = life.possible;
      after.clock.set(life.clock.now());
      check_survival(after, life.acknowledged);
      if (done) break;
    }
  }
  MESSAGE(starts, " starts were cut short");
}

/// `count` operations from any one on meet trouble; then the life goes on, and ends in order or by a power
/// cut.
template <class Trouble>
void trouble_everywhere(std::int64_t count, bool snapshots) {
  telemetry::set_up_log(telemetry::LogLevel::error, telemetry::LogFormat::logfmt);
  const auto points = points_of(count_operations(Counted::all, snapshots));
  for (const std::int64_t n : points) {
    CAPTURE(n);
    for (const bool power_cut : {false, true}) {
      CAPTURE(power_cut);
      io::FaultFileSystem fs;
      fs.set_short_write(n % 2 == 0);
      make_durable_directory(fs);
      Life life(fs, snapshots);
      {
        const Trouble trouble(fs, Counted::all, n, count);
        life.run(never);
      }
      if (power_cut && n % 4 < 2) fs.crash();
      if (power_cut && n % 4 >= 2) fs.crash_in_write_back(static_cast<std::uint64_t>(n));
      const TextContents required = power_cut ? life.synced : life.acknowledged;
      check_survival(life, required);
    }
  }
  MESSAGE(points.size(), " of ", points.back() + 1, " operations");
}

TEST_CASE("faults: any one operation fails, and nothing acknowledged is lost") {
  trouble_everywhere<Injector>(1, with_snapshots());
}

TEST_CASE("faults: the disk fails for a while from any operation on, and nothing acknowledged is lost") {
  trouble_everywhere<Injector>(25, with_snapshots());
}

TEST_CASE("faults: the disk is full for a while from any operation on, and nothing acknowledged is lost") {
  trouble_everywhere<FullDisk>(40, with_snapshots());
}

}  // namespace
}  // namespace narthex::tsdb
