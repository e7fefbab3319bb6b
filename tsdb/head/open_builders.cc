#include "tsdb/head/open_builders.h"

namespace narthex::tsdb {

std::uint32_t OpenBuilders::add(const ChunkBuilderOptions& options) {
  if (free_.empty()) {
    entries_.push_back({ChunkBuilder(options)});
    return static_cast<std::uint32_t>(entries_.size() - 1);
  }
  const std::uint32_t number = free_.back();
  free_.pop_back();
  entries_[number] = {ChunkBuilder(options)};
  return number;
}

void OpenBuilders::remove(std::uint32_t number) {
  note_float(number);
  Entry& e = entries_[number];
  // What it held goes now: the entry may stay unused for long.
  const ChunkBuilder gone(std::move(e.builder));
  e.used = false;
  free_.push_back(number);
}

void OpenBuilders::note_histogram(std::uint32_t number, std::size_t buckets) {
  Entry& e = entries_[number];
  histograms_ += e.histogram ? 0 : 1;
  buckets_ += buckets - e.buckets;
  e.histogram = true;
  e.buckets = static_cast<std::uint32_t>(buckets);
}

void OpenBuilders::note_float(std::uint32_t number) {
  Entry& e = entries_[number];
  histograms_ -= e.histogram ? 1 : 0;
  buckets_ -= e.buckets;
  e.histogram = false;
  e.buckets = 0;
}

std::size_t OpenBuilders::size_bytes() const {
  std::size_t bytes = entries_.capacity() * sizeof(Entry) + free_.capacity() * sizeof(std::uint32_t);
  for (const Entry& e : entries_) {
    if (e.used) bytes += e.builder.size_bytes();
  }
  return bytes;
}

}  // namespace narthex::tsdb
