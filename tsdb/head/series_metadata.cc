#include "tsdb/head/series_metadata.h"

#include <xxhash.h>

namespace narthex::tsdb {
namespace {

std::size_t bytes_of(const storage::Metadata& m) {
  return sizeof(m) + m.type.size() + m.unit.size() + m.help.size();
}

}  // namespace

std::size_t SeriesMetadata::Hash::operator()(const storage::Metadata& m) const {
  std::uint64_t h = XXH3_64bits(m.type.data(), m.type.size());
  h = XXH3_64bits_withSeed(m.unit.data(), m.unit.size(), h);
  return XXH3_64bits_withSeed(m.help.data(), m.help.size(), h);
}

const storage::Metadata* SeriesMetadata::find(std::uint32_t ordinal) const {
  const auto at = series_.find(ordinal);
  return at == series_.end() ? nullptr : &at->second->first;
}

void SeriesMetadata::set(std::uint32_t ordinal, const storage::Metadata& metadata) {
  const auto [text, is_new] = texts_.try_emplace(metadata, 0);
  if (is_new) text_bytes_ += bytes_of(metadata);
  ++text->second;
  const auto [at, unknown] = series_.try_emplace(ordinal, nullptr);
  if (!unknown) release(at->second);
  at->second = &*text;
}

void SeriesMetadata::forget(std::uint32_t ordinal) {
  const auto at = series_.find(ordinal);
  if (at == series_.end()) return;
  release(at->second);
  series_.erase(at);
}

void SeriesMetadata::release(Texts::value_type* text) {
  if (--text->second > 0) return;
  text_bytes_ -= bytes_of(text->first);
  texts_.erase(texts_.find(text->first));
}

std::size_t SeriesMetadata::size_bytes() const {
  constexpr std::size_t kEntryBytes = sizeof(std::uint32_t) + 2 * sizeof(void*);
  return text_bytes_ + texts_.size() * 4 * sizeof(void*) + series_.size() * kEntryBytes;
}

}  // namespace narthex::tsdb
