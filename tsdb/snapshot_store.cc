#include "tsdb/snapshot_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <string_view>
#include <utility>

#include "telemetry/log.h"
#include "tsdb/head/snapshot_bytes.h"
#include "tsdb/wal/segments.h"

namespace narthex::tsdb {
namespace {

constexpr std::string_view kPrefix = "head.";
constexpr std::size_t kGenerations = 2;

}  // namespace

SnapshotStore::SnapshotStore(io::FileSystem& fs, const std::string& data)
    : fs_(fs), directory_(data + "/narthex"), wal_directory_(data + "/wal") {}

std::string SnapshotStore::path_of(std::uint32_t number) const {
  return fmt::format("{}/{}{:08}", directory_, kPrefix, number);
}

Result<std::vector<std::uint32_t>> SnapshotStore::list() const {
  std::vector<std::uint32_t> numbers;
  if (!fs_.exists(directory_)) return numbers;
  auto entries = fs_.list(directory_);
  if (!entries) return pass(entries);
  for (const io::DirEntry& e : *entries) {
    if (e.is_directory || !e.name.starts_with(kPrefix)) continue;
    if (const auto number = parse_segment_name(std::string_view(e.name).substr(kPrefix.size()))) {
      numbers.push_back(*number);
    }
  }
  std::ranges::sort(numbers);
  return numbers;
}

// ---- Writing

void SnapshotStore::note_segments() {
  const sync::MutexLock lock(manifest_mutex_);
  if (auto written = write_manifest(); !written) {
    telemetry::warn("The manifest could not be written: the next start cannot use a snapshot of the head",
                    {{"directory", directory_}, {"error", written.error().text}});
  }
}

Result<void> SnapshotStore::write_manifest() {
  auto segments = list_segment_files(fs_, wal_directory_);
  if (!segments) return pass(segments);
  if (!segments->empty()) segments->back().size_bytes = 0;
  if (auto made = fs_.make_directories(directory_); !made) return made;
  return io::replace_file(fs_, directory_ + "/manifest", encode_manifest({epoch_, std::move(*segments)}));
}

Result<SnapshotWriter> SnapshotStore::begin() {
  if (auto made = fs_.make_directories(directory_); !made) return pass(made);
  auto out = SnapshotWriter::create(fs_, temporary());
  if (!out) return out;
  std::vector<std::byte> origin;
  put_word(origin, epoch_);
  if (auto added = out->add(SnapshotSection::origin, 0, origin); !added) return pass(added);
  return out;
}

Result<std::uint32_t> SnapshotStore::publish() {
  auto present = list();
  if (!present) return pass(present);
  const std::uint32_t number = present->empty() ? 1 : present->back() + 1;
  if (auto renamed = fs_.rename(temporary(), path_of(number)); !renamed) return pass(renamed);
  if (auto synced = fs_.sync_directory(directory_); !synced) return pass(synced);
  while (present->size() >= kGenerations) {
    if (auto removed = fs_.remove_file(path_of(present->front())); !removed) return pass(removed);
    present->erase(present->begin());
  }
  return number;
}

// ---- Reading

std::optional<std::string> SnapshotStore::why_foreign() {
  const auto why = read_manifest();
  if (!why && found_) {
    epoch_ = found_->epoch;
    return why;
  }
  std::random_device random;
  epoch_ = std::uint64_t{random()} << 32 | random();
  return why;
}

std::optional<std::string> SnapshotStore::read_manifest() {
  auto bytes = fs_.read_file(directory_ + "/manifest");
  if (!bytes) return bytes.error().text;
  auto manifest = decode_manifest(io::as_bytes(*bytes));
  if (!manifest) return manifest.error().text;
  found_ = std::move(*manifest);
  auto present = list_segment_files(fs_, wal_directory_);
  if (!present) return present.error().text;
  return manifest_difference(*found_, *present);
}

Result<std::uint64_t> SnapshotStore::epoch_of(const SnapshotReader& snapshot) {
  auto bytes = snapshot.read_only_one(SnapshotSection::origin);
  if (!bytes) return pass(bytes);
  return WordReader(*bytes).u64();
}

std::optional<SnapshotStore::Found> SnapshotStore::find(std::uint32_t below, Timestamp floor) {
  auto numbers = list();
  if (!numbers) {
    telemetry::warn("Snapshots of the head cannot be listed; the whole log is read",
                    {{"error", numbers.error().text}});
    return std::nullopt;
  }
  for (auto number = numbers->rbegin(); number != numbers->rend(); ++number) {
    if (*number >= below) continue;
    auto reader = SnapshotReader::open(fs_, path_of(*number));
    if (!reader) {
      discard(*number, reader.error().text);
      continue;
    }
    auto state = SnapshotState::read(*reader);
    auto unfit = state ? why_unfit(*reader, *state, floor) : Result<std::string>(pass(state));
    if (unfit && unfit->empty()) return Found{*number, std::move(*reader), std::move(*state)};
    discard(*number, unfit ? *unfit : unfit.error().text);
  }
  return std::nullopt;
}

Result<std::string> SnapshotStore::why_unfit(const SnapshotReader& snapshot, const SnapshotState& state,
                                             Timestamp floor) const {
  auto epoch = epoch_of(snapshot);
  if (!epoch) return pass(epoch);
  if (*epoch != epoch_) return "it is from before another server wrote the log";
  auto present = list_segment_files(fs_, wal_directory_);
  if (!present) return pass(present);
  const bool has_tail = !present->empty() && present->front().number <= state.first_segment &&
                        state.first_segment <= present->back().number;
  if (!has_tail) return fmt::format("the log does not go on from segment {} any more", state.first_segment);
  if (floor < state.floor) return "the block is gone that held what is not in it any more";
  return "";
}

bool SnapshotStore::fits(const SnapshotState& state, const std::vector<HeadChunkFiles::File>& present) {
  if (present.empty()) return true;
  for (const HeadChunkFiles::File& known : state.chunk_files) {
    if (known.number < present.front().number) continue;
    const auto at = std::ranges::find(present, known.number, &HeadChunkFiles::File::number);
    if (at == present.end() || at->size_bytes < known.size_bytes) return false;
  }
  return true;
}

std::vector<SeriesRecord> SnapshotStore::names_of(std::span<const WalRef> refs) const {
  std::vector<SeriesRecord> found;
  const auto numbers = list();
  const auto present = list_segment_files(fs_, wal_directory_);
  if (!numbers || !present || !found_ || !descends_from(*found_, *present)) return found;
  for (auto number = numbers->rbegin(); number != numbers->rend() && found.size() < refs.size(); ++number) {
    auto reader = SnapshotReader::open(fs_, path_of(*number));
    if (!reader) continue;
    const auto epoch = epoch_of(*reader);
    if (!epoch || *epoch != found_->epoch) continue;
    auto series = read_series_records(*reader, refs);
    if (!series) continue;
    for (SeriesRecord& s : *series) {
      if (std::ranges::find(found, s.ref, &SeriesRecord::ref) == found.end()) found.push_back(std::move(s));
    }
  }
  return found;
}

void SnapshotStore::discard(std::uint32_t number, const std::string& why) {
  telemetry::warn("A snapshot of the head is not used and removed; the log holds all that is in it",
                  {{"file", path_of(number)}, {"why", why}});
  if (auto removed = fs_.remove_file(path_of(number)); !removed) {
    telemetry::warn("It stays", {{"file", path_of(number)}, {"error", removed.error().text}});
  }
}

void SnapshotStore::discard_all(const std::string& why) {
  auto numbers = list();
  if (!numbers) return;
  for (const std::uint32_t number : *numbers) discard(number, why);
}

}  // namespace narthex::tsdb
