#include "tsdb/log_manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "io/crc32c.h"
#include "tsdb/head/snapshot_bytes.h"

namespace narthex::tsdb {
namespace {

constexpr std::array<char, 8> kMagic = {'N', 'T', 'X', 'M', 'A', 'N', 'I', '\0'};
constexpr std::uint32_t kVersion = 1;

}  // namespace

std::vector<std::byte> encode_manifest(const LogManifest& manifest) {
  std::vector<std::byte> out;
  put_span(out, std::as_bytes(std::span(kMagic)));
  put_word(out, kVersion);
  put_word(out, static_cast<std::uint32_t>(manifest.segments.size()));
  put_word(out, manifest.epoch);
  for (const SegmentFile& s : manifest.segments) {
    put_word(out, s.number);
    put_word(out, std::uint32_t{0});
    put_word(out, s.size_bytes);
  }
  put_word(out, io::crc32c(out));
  return out;
}

Result<LogManifest> decode_manifest(io::Bytes bytes) {
  WordReader in(bytes);
  const io::Bytes magic = in.bytes(kMagic.size());
  const std::uint32_t version = in.u32();
  if (!in.ok() || std::memcmp(magic.data(), kMagic.data(), kMagic.size()) != 0) {
    return fail(Code::corruption, "the manifest is none");
  }
  if (version != kVersion) {
    return fail(Code::invalid,
                fmt::format("the manifest is of version {}, and version {} is read here", version, kVersion));
  }
  LogManifest manifest;
  std::uint32_t left = in.u32();
  manifest.epoch = in.u64();
  for (; left > 0 && in.ok(); --left) {
    SegmentFile& s = manifest.segments.emplace_back();
    s.number = in.u32();
    in.u32();
    s.size_bytes = in.u64();
  }
  const std::size_t checked = bytes.size() - in.left();
  const std::uint32_t crc = in.u32();
  if (!in.ok() || in.left() > 0 || io::crc32c(bytes.first(checked)) != crc) {
    return fail(Code::corruption, "the manifest is damaged");
  }
  return manifest;
}

std::optional<std::string> manifest_difference(const LogManifest& manifest,
                                               std::span<const SegmentFile> present) {
  if (manifest.segments.empty() || present.empty()) return "there is no log";
  const std::uint32_t last = manifest.segments.back().number;
  if (present.back().number != last) {
    return fmt::format("the log goes up to segment {}, and we left it at {}", present.back().number, last);
  }
  if (present.size() > manifest.segments.size()) return "the log has segments that we do not know";
  const auto known = std::span(manifest.segments).last(present.size());
  for (std::size_t i = 0; i < present.size(); ++i) {
    const bool is_finished = present[i].number != last;
    if (present[i].number != known[i].number ||
        (is_finished && present[i].size_bytes != known[i].size_bytes)) {
      return fmt::format("segment {} is not as we left it", present[i].name);
    }
  }
  return std::nullopt;
}

bool descends_from(const LogManifest& manifest, std::span<const SegmentFile> present) {
  if (manifest.segments.empty()) return false;
  std::size_t common = 0;
  for (const SegmentFile& known : std::span(manifest.segments).first(manifest.segments.size() - 1)) {
    const auto at = std::ranges::find(present, known.number, &SegmentFile::number);
    if (at == present.end()) continue;
    if (at->size_bytes != known.size_bytes) return false;
    ++common;
  }
  return common > 0;
}

}  // namespace narthex::tsdb
