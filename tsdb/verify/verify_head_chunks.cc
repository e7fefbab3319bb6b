// chunks_head: full chunks of the head in files (tsdb/head/head_chunk_files.h has the format).
#include <fmt/format.h>

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>

#include "io/crc32c.h"
#include "tsdb/encoding.h"
#include "tsdb/verify/verify_chunks.h"
#include "tsdb/verify/verify_log.h"
#include "tsdb/wal/segments.h"

namespace narthex::tsdb {
namespace {

constexpr std::uint32_t kMagic = 0x0130BC91;
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 8;
/// Series and both times: all zeros mean that nothing follows.
constexpr std::size_t kChunkHeadBytes = 24;
constexpr std::uint8_t kOutOfOrder = 0x80;

class HeadChunkVerifier {
 public:
  HeadChunkVerifier(Verification& v, const std::string& path) : v_(v), path_(path) {}

  void run() {
    const auto entries = v_.list(path_);
    if (!entries) return;
    std::vector<std::pair<std::uint32_t, std::string>> files;
    for (const io::DirEntry& e : *entries) {
      const auto number = e.is_directory ? std::nullopt : parse_segment_name(e.name);
      if (number)
        files.emplace_back(*number, path_ + "/" + e.name);
      else
        v_.notice(path_ + "/" + e.name, std::nullopt, "does not belong here; nobody reads it");
    }
    std::ranges::sort(files);
    for (std::size_t i = 0; i < files.size(); ++i) {
      if (i > 0 && files[i].first != files[i - 1].first + 1) {
        v_.damage(files[i].second, std::nullopt,
                  fmt::format("file {:06} before it is missing", files[i - 1].first + 1));
      }
      verify_file(files[i].second, i + 1 == files.size());
    }
  }

 private:
  struct Chunk {
    std::uint64_t series = 0;
    TimeRange range;
    std::uint8_t encoding = 0;
    io::Bytes data;
    std::uint64_t end = 0;  ///< 0: the file ends inside it
    bool good = false;      ///< by its checksum
  };

  static Chunk chunk_at(io::Bytes file, std::uint64_t at) {
    ByteReader in(file.subspan(at));
    Chunk c;
    c.series = in.be64();
    c.range.mint = static_cast<Timestamp>(in.be64());
    c.range.maxt = static_cast<Timestamp>(in.be64());
    c.encoding = in.u8();
    c.data = in.bytes(in.uvarint());
    const std::uint64_t covered = file.size() - at - in.left();
    const std::uint32_t checksum = in.be32();
    if (!in.ok()) return {};
    c.end = file.size() - in.left();
    c.good = io::crc32c(file.subspan(at, covered)) == checksum;
    return c;
  }

  bool verify_header(const std::string& path, io::Bytes file, bool is_last) {
    if (file.size() < kHeaderBytes || !first_nonzero(file)) {
      if (is_last)
        v_.notice(path, 0, "begun and not written; the next start removes it");
      else
        v_.damage(path, 0, "shorter than its header");
      return false;
    }
    const auto magic = load_be<std::uint32_t>(file.data());
    const auto version = std::to_integer<std::uint8_t>(file[4]);
    if (magic != kMagic) v_.damage(path, 0, fmt::format("invalid magic number {:x}", magic));
    if (version != kVersion) v_.damage(path, 4, fmt::format("unknown version {}", version));
    if (first_nonzero(file.subspan(5, kHeaderBytes - 5))) {
      v_.damage(path, 5, "the unused bytes of the header are not zero");
    }
    return true;
  }

  void verify_file(const std::string& path, bool is_last) {
    const auto text = v_.read(path);
    if (!text) return;
    const io::Bytes file = io::as_bytes(*text);
    ++v_.totals.head_chunk_files;
    if (!verify_header(path, file, is_last)) return;
    for (std::uint64_t at = kHeaderBytes; at < file.size();) {
      const io::Bytes rest = file.subspan(at);
      if (!first_nonzero(rest.first(std::min(rest.size(), kChunkHeadBytes)))) {
        if (const auto stray = first_nonzero(rest))
          v_.damage(path, at + *stray, "bytes behind the last chunk");
        return;
      }
      const Chunk chunk = chunk_at(file, at);
      if (chunk.end == 0 || (!chunk.good && !follows_well(file, chunk.end))) {
        report_end(path, file, at, is_last && chunk.end == 0 && !holds_chunk(file, at + 1));
        return;
      }
      verify_chunk(path, at, chunk);
      at = chunk.end;
    }
  }

  /// Whether a chunk, or nothing, stands at `at`: then the length of the one before it is right.
  static bool follows_well(io::Bytes file, std::uint64_t at) {
    return !first_nonzero(file.subspan(at)) || chunk_at(file, at).good;
  }

  /// Whether a whole chunk stands somewhere behind `from`: then the bytes before it are no torn end.
  static bool holds_chunk(io::Bytes file, std::uint64_t from) {
    constexpr std::size_t kEncodingAt = kChunkHeadBytes;
    constexpr std::uint8_t kLastEncoding = 6;
    constexpr std::uint64_t kMostChunkBytes = 1 << 20;
    std::uint64_t budget = 64 << 20;
    for (std::uint64_t at = from; at + kChunkHeadBytes < file.size(); ++at) {
      const auto encoding = std::to_integer<unsigned>(file[at + kEncodingAt]) & ~unsigned{kOutOfOrder};
      if (encoding == 0 || encoding > kLastEncoding) continue;
      const std::uint64_t length = ByteReader(file.subspan(at + kEncodingAt + 1)).uvarint();
      if (length == 0 || length > std::min(kMostChunkBytes, file.size() - at)) continue;
      if (chunk_at(file, at).good) return true;
      if (length > budget) return false;
      budget -= length;
    }
    return false;
  }

  void report_end(const std::string& path, io::Bytes file, std::uint64_t at, bool torn) {
    const std::uint64_t left = file.size() - at;
    if (torn) {
      v_.notice(path, at,
                fmt::format("the last {} bytes are a chunk that was not written to its end; the log has its "
                            "samples",
                            left));
    } else {
      v_.damage(path, at, fmt::format("a chunk of wrong length or checksum; {} bytes cannot be read", left));
    }
  }

  void verify_chunk(const std::string& path, std::uint64_t at, const Chunk& chunk) {
    ++v_.totals.head_chunks;
    if (!chunk.good) {
      v_.damage(path, at, "chunk: wrong checksum");
      return;
    }
    const bool out_of_order = (chunk.encoding & kOutOfOrder) != 0;
    const auto encoding = static_cast<std::uint8_t>(chunk.encoding & ~kOutOfOrder);
    const std::string fault = fault_in_chunk(encoding, chunk.data, chunk.range, samples_);
    if (!fault.empty()) v_.damage(path, at, fmt::format("chunk of series {}: {}", chunk.series, fault));
    if (out_of_order) return;
    const auto [last, is_first] = newest_.try_emplace(chunk.series, chunk.range.maxt);
    if (!is_first && chunk.range.mint <= last->second) {
      v_.damage(path, at,
                fmt::format("chunk of series {} begins at {}, before the end of the one before it at {}",
                            chunk.series, chunk.range.mint, last->second));
    }
    last->second = std::max(last->second, chunk.range.maxt);
  }

  Verification& v_;
  const std::string& path_;
  boost::unordered_flat_map<std::uint64_t, Timestamp> newest_;  ///< by series
  ChunkSamples samples_;
};

}  // namespace

void verify_head_chunks(Verification& v, const std::string& path) {
  HeadChunkVerifier(v, path).run();
}

}  // namespace narthex::tsdb
