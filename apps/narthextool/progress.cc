#include "apps/narthextool/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

namespace narthex::apps {
namespace {

constexpr std::chrono::milliseconds kTerminalPause{200};
constexpr std::chrono::milliseconds kLinePause{5000};

std::string size_text(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < std::size(kUnits); ++unit) size /= 1024;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", size, kUnits[unit]);
}

}  // namespace

void put_on_stderr(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
}

Progress::Mode Progress::mode_for_stderr(bool wanted) {
  if (::isatty(STDERR_FILENO) != 0) return Mode::terminal;
  return wanted ? Mode::lines : Mode::off;
}

Progress::Progress(std::string what, Mode mode, const Clock& clock, std::function<void(std::string_view)> put)
    : what_(std::move(what)), mode_(mode), clock_(clock), put_(std::move(put)) {
  if (mode_ != Mode::off) next_ = clock_.steady() + kTerminalPause;
}

Progress::~Progress() {
  clear();
}

void Progress::update(std::uint64_t done_bytes, std::uint64_t total_bytes) {
  if (total_bytes != 0 && is_due()) draw(done_bytes, total_bytes, size_text(total_bytes));
}

void Progress::update(std::uint64_t done, std::uint64_t total, std::string_view unit) {
  if (total != 0 && is_due()) draw(done, total, fmt::format("{} {}", total, unit));
}

bool Progress::is_due() {
  if (mode_ == Mode::off) return false;
  const auto now = clock_.steady();
  if (now < next_) return false;
  next_ = now + (mode_ == Mode::terminal ? kTerminalPause : kLinePause);
  return true;
}

void Progress::draw(std::uint64_t done, std::uint64_t total, const std::string& total_text) {
  const auto percent = static_cast<int>(100.0 * static_cast<double>(done) / static_cast<double>(total));
  const std::string text = fmt::format("{}: {} % of {}", what_, percent, total_text);
  put_(mode_ == Mode::terminal ? "\r\033[K" + text : text + "\n");
  drawn_ = mode_ == Mode::terminal;
}

void Progress::clear() {
  if (!drawn_) return;
  put_("\r\033[K");
  drawn_ = false;
}

}  // namespace narthex::apps
