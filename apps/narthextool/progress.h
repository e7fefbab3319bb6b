// A line on standard error that says how far long work has come.
//
//   verifying: 45 % of 12.3 GiB
//
// On a terminal it overwrites itself; elsewhere it comes only if asked for, a line every few
// seconds. Never faster than the eye: calls in between cost a look at the clock.
//
// Threads: one at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "model/clock.h"

namespace narthex::apps {

class Progress {
 public:
  enum class Mode : std::uint8_t { off, lines, terminal };
  /// What standard error is; `wanted` turns lines on where it is no terminal.
  static Mode mode_for_stderr(bool wanted);

  /// @param put  receives the text; standard error, but for tests
  Progress(std::string what, Mode mode, const Clock& clock, std::function<void(std::string_view)> put);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(std::uint64_t done_bytes, std::uint64_t total_bytes);
  /// The same where the work is no bytes: `backfilling: 45 % of 360 queries`.
  void update(std::uint64_t done, std::uint64_t total, std::string_view unit);
  /// Wipes the line, so that other text can be printed; the next update() draws it again.
  void clear();

 private:
  [[nodiscard]] bool is_due();
  void draw(std::uint64_t done, std::uint64_t total, const std::string& total_text);

  std::string what_;
  Mode mode_;
  const Clock& clock_;
  std::function<void(std::string_view)> put_;
  std::chrono::nanoseconds next_{0};
  bool drawn_ = false;
};

void put_on_stderr(std::string_view text);

}  // namespace narthex::apps
