// What the WAL tests share: a directory written and read back as plain strings.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "io/fault_file_system.h"
#include "tests/tsdb/why.h"
#include "tsdb/wal/segments.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {

struct Damage {
  WalPosition at;
  std::uint64_t bytes;
  std::string why;
};

struct ReadBack {
  std::vector<std::string> records;
  std::vector<Damage> damage;
};

inline void read_segment(io::FileSystem& fs, const std::string& dir, std::uint32_t segment, ReadBack& out) {
  auto reader = WalReader::open(fs, segment_path(dir, segment), segment,
                                [&out](WalPosition at, std::uint64_t bytes, const std::string& why) {
                                  out.damage.push_back({at, bytes, why});
                                });
  REQUIRE_MESSAGE(reader, why(reader));
  while (const auto record = reader->next()) out.records.emplace_back(io::as_text(*record));
}

inline ReadBack read_all(io::FileSystem& fs, const std::string& dir) {
  ReadBack out;
  const auto segments = list_segments(fs, dir);
  REQUIRE_MESSAGE(segments, why(segments));
  for (const std::uint32_t segment : *segments) read_segment(fs, dir, segment, out);
  return out;
}

inline std::unique_ptr<Wal> open_wal(io::FileSystem& fs, const std::string& dir, WalOptions options = {}) {
  auto wal = Wal::open(fs, dir, options, nullptr);
  REQUIRE_MESSAGE(wal, why(wal));
  return *std::move(wal);
}

inline Result<void> log_texts(Wal& wal, const std::vector<std::string>& texts) {
  std::vector<io::Bytes> records;
  for (const std::string& text : texts) records.push_back(io::as_bytes(text));
  return wal.log(records);
}

inline void write_file(io::FileSystem& fs, const std::string& path, io::Bytes bytes) {
  auto file = fs.open_writable(path, io::OpenMode::create_truncate);
  REQUIRE(file);
  REQUIRE((*file)->append(bytes));
  REQUIRE((*file)->sync());
}

/// Texts of the given sizes, none alike, that do not compress.
inline std::vector<std::string> make_texts(const std::vector<std::size_t>& sizes) {
  std::vector<std::string> texts;
  std::uint64_t state = 88172645463325252;
  for (const std::size_t size : sizes) {
    std::string text(size, '\0');
    for (char& c : text) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      c = static_cast<char>(state >> 24);
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

}  // namespace narthex::tsdb
