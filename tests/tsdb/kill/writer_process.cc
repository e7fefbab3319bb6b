#include "tests/tsdb/kill/writer_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <barrier>
#include <random>
#include <thread>
#include <utility>

#include "io/file_system.h"
#include "model/clock.h"
#include "telemetry/log.h"

namespace narthex::tsdb {
namespace {

using Steady = std::chrono::steady_clock;

constexpr Timestamp kBegin = 1'700'000'000'000;
/// So many steps a series lives.
constexpr std::int64_t kGeneration = 15;

Labels labels_of(std::size_t writer, const char* name, std::int64_t row) {
  return Labels{{"__name__", name}, {"row", std::to_string(row)}, {"writer", std::to_string(writer)}};
}

/// Less than a pipe writes at once, so that it comes whole or not at all.
struct Message {
  std::uint32_t writer = 0;
  std::int64_t step = 0;
};

/// The child has no test to fail: its exit code says what went wrong.
enum Exit : int { kNotOpened = 10, kSeriesRefused, kCommitFailed, kSampleRefused, kPipeClosed, kNotDeleted };

[[noreturn]] void give_up(Exit why) {
  ::_exit(why);
}

void commit_step(Db& db, std::size_t writer, std::int64_t step) {
  auto appender = db.appender();
  for (const WriterSample& s : samples_of(writer, step)) {
    const auto ref = appender->series(s.labels);
    if (!ref) give_up(kSeriesRefused);
    append_any(*appender, *ref, s.t, s.value);
  }
  const auto stats = appender->commit();
  if (!stats) give_up(kCommitFailed);
  if (!stats->refused.empty()) give_up(kSampleRefused);
}

void delete_series_of(Db& db, std::size_t writer, std::int64_t step) {
  const std::optional<Labels> series = deleted_at(writer, step);
  if (!series) return;
  std::vector<Matcher> exactly;
  for (const auto& [name, value] : *series)
    exactly.push_back(Matcher::literal(MatchOp::equal, std::string(name), std::string(value)));
  if (!db.delete_series({}, exactly)) give_up(kNotDeleted);
}

[[noreturn]] void write_for_ever(const std::string& directory, std::int64_t first, std::uint64_t seed,
                                 int pipe) {
  telemetry::set_up_log(telemetry::LogLevel::error, telemetry::LogFormat::logfmt);
  auto db = Db::open(io::local_file_system(), directory, writer_options(), system_clock(), nullptr);
  if (!db) give_up(kNotOpened);
  std::barrier side_by_side(static_cast<std::ptrdiff_t>(kWriters));
  const auto write = [&](std::size_t writer) {
    std::mt19937_64 random(seed + writer);
    for (std::int64_t step = first;; ++step) {
      // Or one of them would be refused for being older than the newest block.
      side_by_side.arrive_and_wait();
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 1500));
      delete_series_of(**db, writer, step);
      commit_step(**db, writer, step);
      const Message message{static_cast<std::uint32_t>(writer), step};
      if (::write(pipe, &message, sizeof message) != sizeof message) give_up(kPipeClosed);
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t writer = 0; writer < kWriters; ++writer) threads.emplace_back(write, writer);
  for (std::thread& thread : threads) thread.join();
  ::_exit(0);
}

}  // namespace

DbOptions writer_options() {
  DbOptions options;
  options.min_block_range = kWriterRange;
  options.max_block_range = 3 * kWriterRange;
  options.retention.time = 20 * kWriterRange;
  options.out_of_order_window = kWriterRange / 2;
  options.background_interval = 10;
  options.snapshots = {.enabled = true, .interval = 30};
  options.wal.segment_bytes = 32 * 1024;
  return options;
}

Timestamp time_of_step(std::int64_t step) {
  return kBegin + step * kWriterStep;
}

std::vector<WriterSample> samples_of(std::size_t writer, std::int64_t step) {
  std::vector<WriterSample> samples;
  const Timestamp now = time_of_step(step);
  for (std::int64_t row = 0; row < 6; ++row)
    samples.push_back({labels_of(writer, "number", row), now, static_cast<double>(step * (row + 1)) / 8});
  samples.push_back({labels_of(writer, "churning", step / kGeneration), now, static_cast<double>(step)});
  samples.push_back(
      {labels_of(writer, "histogram", 0), now, int_histogram(0, 3, static_cast<int>(step % 1000) + 1)});
  if (step % 5 == 3) {
    const Timestamp late = now - 4 * kWriterStep + 17;
    samples.push_back({labels_of(writer, "number", 0), late, static_cast<double>(-step)});
    samples.push_back(
        {labels_of(writer, "histogram", 0), late, int_histogram(0, 3, static_cast<int>(step % 500) + 7)});
  }
  return samples;
}

std::optional<Labels> deleted_at(std::size_t writer, std::int64_t step) {
  if (step % 40 != 20) return std::nullopt;
  return labels_of(writer, "churning", step / kGeneration - 1);
}

WriterProcess WriterProcess::start(const std::string& directory, std::int64_t first, std::uint64_t seed) {
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC) == 0, "a test's pipe cannot be made");
  const pid_t pid = ::fork();
  check(pid >= 0, "a test's process cannot be made");
  if (pid == 0) {
    ::close(ends[0]);
    write_for_ever(directory, first, seed, ends[1]);
  }
  ::close(ends[1]);
  return {pid, ends[0]};
}

WriterProcess::WriterProcess(WriterProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      pipe_(std::exchange(other.pipe_, -1)),
      last_(other.last_),
      fault_(std::move(other.fault_)) {}

WriterProcess::~WriterProcess() {
  kill();
  if (pipe_ >= 0) ::close(pipe_);
}

bool WriterProcess::take_message() {
  Message message;
  const ssize_t size = ::read(pipe_, &message, sizeof message);
  if (size != sizeof message) return false;
  check(message.writer < kWriters, "a test's message is wrong");
  last_[message.writer] = message.step;
  return true;
}

bool WriterProcess::run_for(std::chrono::microseconds time) {
  const auto end = Steady::now() + time;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Steady::now());
    if (left.count() <= 0) return true;
    pollfd ready{pipe_, POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(left.count())) <= 0) continue;
    if (take_message()) continue;
    reap();
    return false;
  }
}

LastSteps WriterProcess::kill() {
  if (pid_ == 0) return last_;
  ::kill(pid_, SIGKILL);
  reap();
  while (take_message()) {
  }
  return last_;
}

void WriterProcess::reap() {
  int status = 0;
  ::waitpid(std::exchange(pid_, 0), &status, 0);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return;
  fault_ = WIFEXITED(status) ? fmt::format("it ended with {}", WEXITSTATUS(status))
                             : fmt::format("it died of signal {}", WTERMSIG(status));
}

}  // namespace narthex::tsdb
