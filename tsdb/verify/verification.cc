#include "tsdb/verify/verification.h"

#include <fmt/format.h>

#include <algorithm>

namespace narthex::tsdb {
namespace {

/// More of one file tell nobody anything.
constexpr std::uint64_t kMostFindings = 50;

}  // namespace

std::optional<std::size_t> first_nonzero(io::Bytes bytes) {
  const auto at = std::ranges::find_if(bytes, [](std::byte b) { return b != std::byte{0}; });
  if (at == bytes.end()) return std::nullopt;
  return static_cast<std::size_t>(at - bytes.begin());
}

void Verification::report(Severity severity, const std::string& path, std::optional<std::uint64_t> offset,
                          std::string reason) {
  ++(severity == Severity::damage ? totals.damage : totals.notices);
  if (++findings_[path] > kMostFindings) return;
  observer_.found({severity, path, offset, std::move(reason)});
}

void Verification::finish() {
  for (const auto& [path, count] : findings_) {
    if (count <= kMostFindings) continue;
    observer_.found(
        {Severity::damage, path, std::nullopt, fmt::format("and {} more", count - kMostFindings)});
  }
}

template <class Value>
bool Verification::was_read(const std::string& path, const Result<Value>& result) {
  if (result) return true;
  if (result.error().code != Code::not_found) damage(path, std::nullopt, result.error().text);
  return false;
}

std::unique_ptr<io::Mapping> Verification::map(const std::string& path) {
  auto mapping = fs_.map(absolute(path));
  if (!was_read(path, mapping)) return nullptr;
  add_bytes((*mapping)->bytes().size());
  return *std::move(mapping);
}

std::optional<std::string> Verification::read(const std::string& path) {
  auto text = fs_.read_file(absolute(path));
  if (!was_read(path, text)) return std::nullopt;
  add_bytes(text->size());
  return *std::move(text);
}

std::optional<std::vector<io::DirEntry>> Verification::list(const std::string& path) {
  auto entries = fs_.list(absolute(path));
  if (!was_read(path, entries)) {
    if (entries.error().code == Code::not_found) return std::nullopt;
    return std::vector<io::DirEntry>();
  }
  return *std::move(entries);
}

std::uint64_t Verification::measure(const std::string& path) {
  const auto entries = fs_.list(absolute(path));
  if (!entries) return 0;
  std::uint64_t bytes = 0;
  for (const io::DirEntry& e : *entries) {
    bytes += e.is_directory ? measure(path.empty() ? e.name : path + "/" + e.name) : e.size_bytes;
  }
  return bytes;
}

void Verification::add_bytes(std::uint64_t bytes) {
  totals.bytes += bytes;
  observer_.progress(totals.bytes, std::max(total_bytes_, totals.bytes));
}

}  // namespace narthex::tsdb
