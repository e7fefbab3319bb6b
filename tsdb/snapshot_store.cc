#include "tsdb/snapshot_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "io/crc32c.h"
#include "telemetry/log.h"
#include "tsdb/head/snapshot_bytes.h"
#include "tsdb/wal/segments.h"

namespace narthex::tsdb {
namespace {

constexpr std::array<char, 8> kManifestMagic = {'N', 'T', 'X', 'M', 'A', 'N', 'I', '\0'};
constexpr std::uint32_t kManifestVersion = 1;
constexpr std::string_view kPrefix = "head.";
constexpr std::size_t kGenerations = 2;

using Segments = std::vector<SegmentFile>;

std::vector<std::byte> encode_manifest(const Segments& segments) {
  std::vector<std::byte> out;
  put_span(out, std::as_bytes(std::span(kManifestMagic)));
  put_word(out, kManifestVersion);
  put_word(out, static_cast<std::uint32_t>(segments.size()));
  for (const SegmentFile& s : segments) {
    put_word(out, s.number);
    put_word(out, std::uint32_t{0});
    put_word(out, s.size_bytes);
  }
  put_word(out, io::crc32c(out));
  return out;
}

Result<Segments> decode_manifest(io::Bytes bytes) {
  WordReader in(bytes);
  const io::Bytes magic = in.bytes(kManifestMagic.size());
  const std::uint32_t version = in.u32();
  if (!in.ok() || std::memcmp(magic.data(), kManifestMagic.data(), kManifestMagic.size()) != 0) {
    return fail(Code::corruption, "the manifest is none");
  }
  if (version != kManifestVersion) {
    return fail(Code::invalid, fmt::format("the manifest is of version {}, and version {} is read here",
                                           version, kManifestVersion));
  }
  Segments segments;
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) {
    SegmentFile& s = segments.emplace_back();
    s.number = in.u32();
    in.u32();
    s.size_bytes = in.u64();
  }
  const std::size_t checked = bytes.size() - in.left();
  const std::uint32_t crc = in.u32();
  if (!in.ok() || in.left() > 0 || io::crc32c(bytes.first(checked)) != crc) {
    return fail(Code::corruption, "the manifest is damaged");
  }
  return segments;
}

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

void SnapshotStore::note_segment(std::uint32_t segment) {
  if (auto written = write_manifest(segment); !written) {
    telemetry::warn("The manifest could not be written: the next start cannot use a snapshot of the head",
                    {{"directory", directory_}, {"error", written.error().text}});
  }
}

Result<void> SnapshotStore::write_manifest(std::uint32_t segment) {
  auto segments = list_segment_files(fs_, wal_directory_);
  if (!segments) return pass(segments);
  if (segments->empty() || segments->back().number != segment) {
    return fail(Code::internal, fmt::format("{} does not end with segment {}", wal_directory_, segment));
  }
  segments->back().size_bytes = 0;
  if (auto made = fs_.make_directories(directory_); !made) return made;
  return io::replace_file(fs_, directory_ + "/manifest", encode_manifest(*segments));
}

Result<SnapshotWriter> SnapshotStore::begin() {
  if (auto made = fs_.make_directories(directory_); !made) return pass(made);
  return SnapshotWriter::create(fs_, temporary());
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

std::optional<std::string> SnapshotStore::why_foreign() const {
  auto bytes = fs_.read_file(directory_ + "/manifest");
  if (!bytes) return bytes.error().text;
  auto listed = decode_manifest(io::as_bytes(*bytes));
  if (!listed) return listed.error().text;
  auto present = list_segment_files(fs_, wal_directory_);
  if (!present) return present.error().text;
  if (present->empty() || listed->empty()) return "there is no log";
  if (present->back().number != listed->back().number) {
    return fmt::format("the log goes up to segment {}, and we left it at {}", present->back().number,
                       listed->back().number);
  }
  // Those that are gone from the front are in a checkpoint.
  if (present->size() > listed->size()) return "the log has segments that we do not know";
  auto known = listed->end() - static_cast<std::ptrdiff_t>(present->size());
  for (const SegmentFile& s : *present) {
    const bool is_last = s.number == listed->back().number;
    if (s.number != known->number || (!is_last && s.size_bytes != known->size_bytes)) {
      return fmt::format("segment {} is not as we left it", s.name);
    }
    ++known;
  }
  return std::nullopt;
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
    auto unfit = state ? why_unfit(*state, floor) : Result<std::string>(pass(state));
    if (unfit && unfit->empty()) return Found{*number, std::move(*reader), std::move(*state)};
    discard(*number, unfit ? *unfit : unfit.error().text);
  }
  return std::nullopt;
}

Result<std::string> SnapshotStore::why_unfit(const SnapshotState& state, Timestamp floor) const {
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
