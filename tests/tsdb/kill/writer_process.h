// A process that appends to a database like a scraper, says over a pipe what was acknowledged, and
// is killed.
//
//   parent: start() -> acknowledged() ... -> kill(), which gives what came over the pipe till then
//   child:  opens the directory -> two writers commit step after step side by side, some samples late,
//           and delete series, while the background cuts blocks, truncates the logs, merges and deletes
//           every few milliseconds
//
// Threads: none of this process may run while start() is called: it forks.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "tests/tsdb/head/kinds_fixture.h"
#include "tsdb/db.h"

namespace narthex::tsdb {

inline constexpr std::size_t kWriters = 2;
/// Virtual time between two steps; a block has twenty.
inline constexpr DurationMs kWriterStep = 50;
inline constexpr DurationMs kWriterRange = 20 * kWriterStep;

/// For the writer; a reader sets the background interval to 0.
DbOptions writer_options();
[[nodiscard]] Timestamp time_of_step(std::int64_t step);

struct WriterSample {
  Labels labels;
  Timestamp t;
  AnyValue value;
};
/// What one writer commits at a step: floats, histograms, a series that is new now and then, and some
/// steps late what nobody has sent yet.
std::vector<WriterSample> samples_of(std::size_t writer, std::int64_t step);
/// The series that a writer deletes before it commits this step; no sample of it comes any more.
std::optional<Labels> deleted_at(std::size_t writer, std::int64_t step);

/// The last step of each writer that was acknowledged; -1 for none.
using LastSteps = std::array<std::int64_t, kWriters>;

class WriterProcess {
 public:
  /// @param first  the step to begin with
  static WriterProcess start(const std::string& directory, std::int64_t first, std::uint64_t seed);
  WriterProcess(const WriterProcess&) = delete;
  WriterProcess& operator=(const WriterProcess&) = delete;
  WriterProcess(WriterProcess&& other) noexcept;
  WriterProcess& operator=(WriterProcess&&) = delete;
  ~WriterProcess();

  /// Reads what is acknowledged for so long. @return  false: the process has ended by itself
  bool run_for(std::chrono::microseconds time);
  /// SIGKILL. @return  what was acknowledged
  LastSteps kill();
  /// Why it ended by itself; empty if it did not.
  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  WriterProcess(pid_t pid, int pipe) : pid_(pid), pipe_(pipe) {}
  bool take_message();
  void reap();

  pid_t pid_;
  int pipe_;
  LastSteps last_{-1, -1};
  std::string fault_;
};

}  // namespace narthex::tsdb
