#include "query/engine/active_query_file.h"

#include <algorithm>
#include <array>

#include "model/json_writer.h"
#include "model/unicode.h"
#include "telemetry/log.h"

namespace narthex::query {

namespace {

std::string json_entry(std::string_view query, std::int64_t seconds) {
  std::string out;
  out.reserve(kActiveEntryBytes);
  JsonWriter(out).begin_object().key("query").string(query).key("timestamp_sec").number(seconds).end_object();
  return out;
}

/// At most `size` bytes, no rune cut in two.
std::string_view trim(std::string_view text, std::size_t size) {
  if (size >= text.size()) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) --size;
  return text.substr(0, size);
}

/// A whole slot: the entry, zero bytes, a comma.
std::string slot_of(std::string_view query, std::int64_t seconds) {
  // Escaping may make the entry longer than its slot: it is cut there, as Prometheus does.
  constexpr std::size_t kMostAround = 64;
  if (query.size() > kActiveEntryBytes - kMostAround) {
    const std::size_t room = kActiveEntryBytes - (json_entry("", seconds).size() + 1);
    query = trim(query, room);
  }
  std::string slot = json_entry(query, seconds);
  slot.resize(kActiveEntryBytes);
  slot.back() = ',';
  return slot;
}

}  // namespace

std::string unfinished_queries(std::string_view file) {
  std::string list;
  std::ranges::copy_if(file, std::back_inserter(list), [](char c) { return c != '\0'; });
  if (list.size() <= 1) return {};
  list.back() = ']';
  return list;
}

Result<std::unique_ptr<ActiveQueryFile>> ActiveQueryFile::open(io::FileSystem& fs,
                                                               const std::string& directory,
                                                               std::size_t slots, const Clock& clock) {
  const std::string path = directory + "/queries.active";
  const std::size_t size = 1 + slots * kActiveEntryBytes;
  if (auto made = fs.make_directories(directory); !made) return pass(made);
  if (fs.exists(path)) {
    if (const auto old = fs.read_file(path); !old)
      telemetry::error("Failed to read query log file", {{"err", old.error().text}});
    else if (auto left = unfinished_queries(std::string_view(*old).substr(0, size)); !left.empty())
      telemetry::info("These queries didn't finish in prometheus' last run:", {{"queries", std::move(left)}});
  }
  auto file = fs.open_writable(path, io::OpenMode::create_truncate);
  if (!file) return pass(file, "opening the log of active queries");
  std::string empty(size, '\0');
  empty.front() = '[';
  // Its whole size at once, so that a full disk is met now and not by a query.
  if (auto written = (*file)->append(io::as_bytes(empty)); !written) return pass(written);
  if (auto synced = (*file)->sync(); !synced) return pass(synced);
  return std::unique_ptr<ActiveQueryFile>(new ActiveQueryFile(std::move(*file), path, slots, clock));
}

void ActiveQueryFile::begin(std::size_t slot, std::string_view query) {
  write(slot, slot_of(query, clock_.now() / 1000));
}

void ActiveQueryFile::end(std::size_t slot) {
  static constexpr std::array<char, kActiveEntryBytes> kFree{};
  write(slot, {kFree.data(), kFree.size()});
}

void ActiveQueryFile::write(std::size_t slot, std::string_view entry) {
  const sync::MutexLock lock(mutex_);
  const auto written = file_->write_at(1 + slot * kActiveEntryBytes, io::as_bytes(entry));
  if (!written && !failed_)
    telemetry::error("Cannot note an active query", {{"file", path_}, {"err", written.error().text}});
  failed_ = !written;
}

}  // namespace narthex::query
