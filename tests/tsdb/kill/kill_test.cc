// kill -9, again and again on one directory: nothing acknowledged is ever missing.
//
// 30 kills, 400 with NARTHEX_LONG. When it fails it names its seed: NARTHEX_SEED gives the same
// delays and samples again. NARTHEX_KILLS sets the number.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>

#include "model/clock.h"
#include "telemetry/log.h"
#include "tests/tsdb/kill/writer_process.h"
#include "tests/tsdb/why.h"

namespace narthex::tsdb {
namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// What was acknowledged over all lives so far, and what may be there beside it.
struct Ledger {
  struct Attempt {
    std::int64_t first = 0;
    LastSteps last{};  ///< acknowledged; at most one more of each was under way
  };
  std::vector<Attempt> attempts;

  [[nodiscard]] std::int64_t next_step() const {
    if (attempts.empty()) return 0;
    const LastSteps& last = attempts.back().last;
    // Behind what was under way; and on after a life that was too short for a step.
    return std::max({attempts.back().first, last[0] + 2, last[1] + 2});
  }
  [[nodiscard]] std::uint64_t commits() const {
    std::uint64_t sum = 0;
    for (const Attempt& a : attempts)
      for (const std::int64_t last : a.last)
        sum += last < a.first ? 0 : static_cast<std::uint64_t>(last - a.first + 1);
    return sum;
  }
};

using Expected = std::map<std::string, std::map<Timestamp, std::string>>;

/// A deletion that was under way leaves all, a part or nothing of its series.
void take_deleted(const Labels& series, bool acknowledged, Expected& required, Expected& under_way) {
  const auto at = required.find(series.to_string());
  if (at == required.end()) return;
  if (!acknowledged) under_way[at->first].insert(at->second.begin(), at->second.end());
  required.erase(at);
}

/// What `found` lacks or has too much from time `from` on; empty if nothing.
std::string compare(const TextContents& found, const Ledger& ledger, Timestamp from) {
  Expected required;
  Expected under_way;
  for (const Ledger::Attempt& a : ledger.attempts) {
    for (std::size_t writer = 0; writer < kWriters; ++writer) {
      const std::int64_t last = std::max(a.last[writer], a.first - 1);
      for (std::int64_t step = a.first; step <= last + 1; ++step) {
        if (time_of_step(step) < from) continue;
        if (const auto series = deleted_at(writer, step))
          take_deleted(*series, step <= last, required, under_way);
        for (const WriterSample& s : samples_of(writer, step)) {
          auto& expected = step <= last ? required : under_way;
          expected[s.labels.to_string()][s.t] = as_text(s.value);
        }
      }
    }
  }
  for (const auto& [labels, points] : found) {
    for (std::size_t i = 0; i < points.size(); ++i) {
      const auto& [t, text] = points[i];
      if (i > 0 && t <= points[i - 1].first) return fmt::format("{} has {} twice", labels, t);
      if (t < from) continue;
      auto& lacking = required[labels];
      const auto at = lacking.find(t);
      if (at == lacking.end()) {
        const auto begun = under_way[labels].find(t);
        if (begun == under_way[labels].end() || begun->second != text)
          return fmt::format("{} at {} never was {}", labels, t, text);
        continue;
      }
      if (at->second != text) return fmt::format("{} at {} is {}, not {}", labels, t, text, at->second);
      lacking.erase(at);
    }
  }
  for (const auto& [labels, points] : required) {
    for (const auto& [t, text] : points) {
      if (t >= from) return fmt::format("{} has lost what it had at {}: {}", labels, t, text);
    }
  }
  return "";
}

/// What the process was at when it was killed, by what it left behind.
void count_left_behind(const std::filesystem::path& data, std::map<std::string, int>& counts) {
  const auto count = [&](const std::filesystem::path& directory, const char* ending, const char* what) {
    if (!std::filesystem::is_directory(directory)) return;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      if (entry.path().filename().string().ends_with(ending)) ++counts[what];
    }
  };
  count(data, ".tmp-for-creation", "writing a block");
  count(data, ".tmp-for-deletion", "deleting a block");
  count(data / "wal", ".tmp", "writing a checkpoint");
}

TEST_CASE("kill -9: nothing acknowledged is missing, at whatever moment the process dies") {
  telemetry::set_up_log(telemetry::LogLevel::error, telemetry::LogFormat::logfmt);
  const std::uint64_t seed = number_from("NARTHEX_SEED", 20240229);
  const std::uint64_t kills = number_from("NARTHEX_KILLS", std::getenv("NARTHEX_LONG") ? 400 : 30);
  const auto folder =
      std::filesystem::temp_directory_path() / ("narthex_kill_test." + std::to_string(::getpid()));
  std::filesystem::remove_all(folder);
  const std::string data = (folder / "data").string();
  std::filesystem::create_directories(data);
  CAPTURE(seed);
  CAPTURE(data);
  std::mt19937_64 random(seed);
  Ledger ledger;
  std::map<std::string, int> left_behind;
  for (std::uint64_t kill = 0; kill < kills; ++kill) {
    CAPTURE(kill);
    const std::int64_t first = ledger.next_step();
    auto writer = WriterProcess::start(data, first, seed + kill);
    // One in four dies while it starts.
    const std::uint64_t most = random() % 4 == 0 ? 15'000 : 200'000;
    const bool alive = writer.run_for(std::chrono::microseconds(random() % most));
    ledger.attempts.push_back({first, writer.kill()});
    REQUIRE_MESSAGE(alive, writer.fault());
    count_left_behind(data, left_behind);
    // One in four starts upon what the one before left, unseen.
    if (random() % 4 == 0 && kill + 1 < kills) continue;

    DbOptions options = writer_options();
    options.background_interval = 0;
    const auto db = Db::open(io::local_file_system(), data, options, system_clock(), nullptr);
    REQUIRE_MESSAGE(db, why(db));
    REQUIRE((*db)->count_corruptions() == 0);
    {
      auto querier = (*db)->querier({});
      REQUIRE_MESSAGE(querier, why(querier));
      const Timestamp from = time_of_step(ledger.next_step()) - options.retention.time;
      REQUIRE(compare(read_kinds(**querier), ledger, from) == "");
    }
    REQUIRE((*db)->close());
  }
  MESSAGE(kills, " kills, ", ledger.commits(), " commits acknowledged");
  for (const auto& [what, count] : left_behind) MESSAGE(count, " while ", what);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace narthex::tsdb
