// SeriesMetadata: what the head's series measure, as the log told it.
//
// Empty unless the feature metadata-wal-records is on. All series of a family say the same, so
// each text is kept once.
//
// Threads: its owner's mutex.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "storage/metadata.h"

namespace narthex::tsdb {

class SeriesMetadata {
 public:
  /// Null if nothing is known. Valid until the series is set anew or forgotten.
  [[nodiscard]] const storage::Metadata* find(std::uint32_t ordinal) const;
  void set(std::uint32_t ordinal, const storage::Metadata& metadata);
  void forget(std::uint32_t ordinal);
  [[nodiscard]] std::size_t size() const { return series_.size(); }
  [[nodiscard]] std::size_t size_bytes() const;

 private:
  struct Hash {
    std::size_t operator()(const storage::Metadata& m) const;
  };
  /// And how many series have it. Nodes stay where they are.
  using Texts = std::unordered_map<storage::Metadata, std::uint32_t, Hash>;

  void release(Texts::value_type* text);

  Texts texts_;
  boost::unordered_flat_map<std::uint32_t, Texts::value_type*> series_;
  std::size_t text_bytes_ = 0;
};

}  // namespace narthex::tsdb
