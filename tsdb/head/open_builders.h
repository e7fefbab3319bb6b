// OpenBuilders: open chunks that are not plain XOR, by number.
//
// Nearly all series have floats, whose open chunk is HotSeries and a slot of a slab. The others
// have their builder here, and its number in HotSeries.
//
// Threads: its owner's mutex.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tsdb/chunk/chunk_builder.h"

namespace narthex::tsdb {

class OpenBuilders {
 public:
  std::uint32_t add(const ChunkBuilderOptions& options);
  void remove(std::uint32_t number);
  [[nodiscard]] ChunkBuilder& operator[](std::uint32_t number) { return entries_[number].builder; }
  [[nodiscard]] const ChunkBuilder& operator[](std::uint32_t number) const {
    return entries_[number].builder;
  }
  /// The newest sample has so many buckets, or is no histogram.
  void note_histogram(std::uint32_t number, std::size_t buckets);
  void note_float(std::uint32_t number);
  /// What was noted last.
  struct Newest {
    bool is_histogram;
    std::uint32_t buckets;
  };
  [[nodiscard]] Newest newest(std::uint32_t number) const {
    return {entries_[number].histogram, entries_[number].buckets};
  }

  /// Builders whose newest sample is a histogram, and the buckets of all these.
  [[nodiscard]] std::size_t count_histograms() const { return histograms_; }
  [[nodiscard]] std::size_t count_buckets() const { return buckets_; }
  /// Walks all.
  [[nodiscard]] std::size_t size_bytes() const;

 private:
  struct Entry {
    ChunkBuilder builder;
    std::uint32_t buckets = 0;
    bool histogram = false;
    bool used = true;
  };

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
  std::size_t histograms_ = 0;
  std::size_t buckets_ = 0;
};

}  // namespace narthex::tsdb
