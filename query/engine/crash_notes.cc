#include "query/engine/crash_notes.h"

#include <array>
#include <charconv>
#include <csignal>
#include <ctime>
#include <span>

#include "io/signal_safe_write.h"

namespace narthex::query {

namespace {

constexpr std::array kSignals{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

std::atomic<const CrashNotes*> g_notes = nullptr;
/// What the signals did before, in the order of kSignals; written before a handler can run.
std::array<struct sigaction, kSignals.size()> g_before{};

extern "C" void note_and_pass_on(int signal, siginfo_t* info, void*) {
  if (const CrashNotes* notes = g_notes.exchange(nullptr)) notes->write();
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    if (kSignals[i] == signal) ::sigaction(signal, &g_before[i], nullptr);
  // A fault comes again when its instruction does; what was sent does not.
  if (info->si_code <= 0) ::raise(signal);
}

void install_handlers() {
  struct sigaction action{};
  action.sa_sigaction = note_and_pass_on;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    struct sigaction now{};
    ::sigaction(kSignals[i], nullptr, &now);
    if (now.sa_sigaction == note_and_pass_on) continue;
    g_before[i] = now;
    ::sigaction(kSignals[i], &action, nullptr);
  }
}

/// A slot of the file, filled without allocation.
class Entry {
 public:
  Entry(std::string_view query, std::int64_t seconds) {
    append(R"({"query":")");
    for (const char c : query)
      if (!append_escaped(c)) break;
    append(R"(","timestamp_sec":)");
    std::array<char, 20> digits;
    append({digits.data(), std::to_chars(digits.begin(), digits.end(), seconds).ptr});
    append("}");
    bytes_.back() = ',';
  }
  [[nodiscard]] std::span<const char> bytes() const { return bytes_; }

 private:
  /// Behind the query and its escapes.
  static constexpr std::size_t kRoomBehind = 48;

  void append(std::string_view text) {
    for (const char c : text) bytes_[used_++] = c;
  }
  bool append_escaped(char c) {
    constexpr std::string_view kHex = "0123456789abcdef";
    constexpr std::size_t kLongest = 6;
    if (used_ + kLongest + kRoomBehind > bytes_.size()) return false;
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      append("\\");
      append({&c, 1});
    } else if (c == '\n') {
      append("\\n");
    } else if (byte < 0x20 || c == '<' || c == '>' || c == '&') {
      append("\\u00");
      append(kHex.substr(byte >> 4U, 1));
      append(kHex.substr(byte & 15U, 1));
    } else {
      append({&c, 1});
    }
    return true;
  }

  std::array<char, kActiveEntryBytes> bytes_{};
  std::size_t used_ = 0;
};

}  // namespace

CrashNotes::CrashNotes(std::string path, std::size_t slots) : path_(std::move(path)), slots_(slots) {
  install_handlers();
  g_notes = this;
}

CrashNotes::~CrashNotes() {
  const CrashNotes* self = this;
  g_notes.compare_exchange_strong(self, nullptr);
}

void CrashNotes::begin(std::size_t slot, std::string_view query) {
  slots_[slot].size.store(query.size(), std::memory_order_relaxed);
  slots_[slot].text.store(query.data(), std::memory_order_release);
}

void CrashNotes::end(std::size_t slot) {
  slots_[slot].text.store(nullptr, std::memory_order_release);
}

void CrashNotes::write() const {
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    const char* const text = slots_[slot].text.load(std::memory_order_acquire);
    if (text == nullptr) continue;
    const Entry entry({text, slots_[slot].size.load(std::memory_order_relaxed)}, ::time(nullptr));
    io::write_in_signal_handler(path_.c_str(), 1 + slot * kActiveEntryBytes, std::as_bytes(entry.bytes()));
  }
}

}  // namespace narthex::query
