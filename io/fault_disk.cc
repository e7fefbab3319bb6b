#include "io/fault_disk.h"

#include <utility>

namespace narthex::io {
namespace {

/// What a disk writes whole or not at all.
constexpr std::size_t kSectorBytes = 512;

void make_so(std::map<std::string, Entry>& entries, const Change& change) {
  if (change.entry.empty())
    entries.erase(change.name);
  else
    entries[change.name] = change.entry;
}

}  // namespace

void FileNode::sync() {
  if (dirty_from == std::string::npos || sync_is_lost) return;
  durable.resize(std::min(dirty_from, durable.size()));
  durable.append(content, durable.size());
  dirty_from = std::string::npos;
}

void FileNode::drop_unsynced() {
  content = durable;
  dirty_from = std::string::npos;
  locked = false;
  sync_is_lost = false;
}

void FileNode::write_back_some(std::mt19937_64& random) {
  if (dirty_from != std::string::npos && !sync_is_lost) {
    if (random() % 2 == 0) durable.resize(content.size());
    const std::size_t end = std::min(durable.size(), content.size());
    for (std::size_t at = dirty_from / kSectorBytes * kSectorBytes; at < end; at += kSectorBytes) {
      const std::size_t size = std::min(kSectorBytes, end - at);
      if (random() % 2 == 0) durable.replace(at, size, content, at, size);
    }
  }
  drop_unsynced();
}

void DirectoryNode::change(std::uint64_t number, const std::string& name, Entry entry) {
  journal.push_back({number, name, std::move(entry)});
  make_so(entries, journal.back());
}

void DirectoryNode::sync() {
  durable = entries;
  journal.clear();
}

void DirectoryNode::drop_unsynced() {
  entries = durable;
  journal.clear();
  for (auto& [name, entry] : entries) {
    if (entry.file) entry.file->drop_unsynced();
    if (entry.directory) entry.directory->drop_unsynced();
  }
}

void DirectoryNode::write_back_some(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::uint64_t> numbers = {0};
  collect_changes(numbers);
  std::ranges::sort(numbers);
  const std::uint64_t last = numbers[random() % numbers.size()];
  write_back_to(last, random);
}

void DirectoryNode::collect_changes(std::vector<std::uint64_t>& numbers) const {
  for (const Change& made : journal) numbers.push_back(made.number);
  for (const auto& [name, entry] : entries) {
    if (entry.directory) entry.directory->collect_changes(numbers);
  }
}

void DirectoryNode::write_back_to(std::uint64_t last, std::mt19937_64& random) {
  for (const Change& made : journal) {
    if (made.number <= last) make_so(durable, made);
  }
  entries = durable;
  journal.clear();
  for (auto& [name, entry] : entries) {
    if (entry.file) entry.file->write_back_some(random);
    if (entry.directory) entry.directory->write_back_to(last, random);
  }
}

}  // namespace narthex::io
