// Indexes of arbitrary bytes: whatever they say, reading and matching stay inside of them.
// The checksums are put right first where the sections can be found, or nothing would get past.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "io/crc32c.h"
#include "io/fault_file_system.h"
#include "model/check.h"
#include "tsdb/block/index_reader.h"
#include "tsdb/block/matching.h"
#include "tsdb/block/tombstones.h"
#include "tsdb/encoding.h"

namespace {

using namespace narthex;
using namespace narthex::tsdb;

/// Makes the checksum of a section with a leading length right.
void seal(std::vector<std::byte>& bytes, std::uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < 8) return;
  const std::uint64_t length = load_be<std::uint32_t>(bytes.data() + offset);
  if (length > bytes.size() - offset - 8) return;
  store_be(bytes.data() + offset + 4 + length, io::crc32c({bytes.data() + offset + 4, length}));
}

/// Makes the checksum of a series right.
void seal_series(std::vector<std::byte>& bytes, std::uint64_t offset) {
  if (offset >= bytes.size()) return;
  ByteReader in(io::Bytes(bytes).subspan(offset));
  const io::Bytes body = in.bytes(in.uvarint());
  if (in.ok() && in.left() >= 4)
    store_be(bytes.data() + (body.data() + body.size() - bytes.data()), io::crc32c(body));
}

void seal_index(std::vector<std::byte>& bytes) {
  if (bytes.size() < kIndexHeaderBytes + kIndexTocBytes) return;
  store_be(bytes.data(), kIndexMagic);
  bytes[4] = static_cast<std::byte>(1 + std::to_integer<unsigned>(bytes[4]) % 3);
  std::byte* toc = bytes.data() + bytes.size() - kIndexTocBytes;
  for (int i = 0; i < 6; ++i) store_be(toc + 8 * i, load_be<std::uint64_t>(toc + 8 * i) % bytes.size());
  for (int i = 0; i < 6; ++i) seal(bytes, load_be<std::uint64_t>(toc + 8 * i));
  for (std::uint64_t at = 0; at < bytes.size(); at += kSeriesAlignment) seal_series(bytes, at);
  store_be(toc + 48, io::crc32c({toc, 48}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  std::vector<std::byte> bytes(begin, begin + size);
  const auto stones = read_tombstones(bytes);
  if (stones) check(covers(stones->of(1), {0, 0}) || !covers(stones->of(1), {0, 0}), "covers() ends");
  seal_index(bytes);
  io::FaultFileSystem fs;
  auto file = fs.open_writable("index", io::OpenMode::create_new);
  check(file.has_value() && (*file)->append(bytes).has_value(), "a file in memory can be written");
  const auto index = IndexReader::open(fs, "index");
  if (!index) return 0;
  const auto table = (*index)->postings_table();
  if (!table) return 0;
  std::vector<Matcher> matchers = {Matcher::literal(MatchOp::not_equal, "a", "b"),
                                   Matcher::literal(MatchOp::equal, "c", "")};
  for (const std::string_view name : (*table)->names()) {
    matchers.push_back(Matcher::literal(MatchOp::not_equal, std::string(name), ""));
    (*table)->each_value(name, "", [&](std::string_view value, std::uint64_t offset) {
      const auto found = (*table)->find(name, value);
      check((*index)->version() == 1 || found == offset, "a value that is there is found");
      return true;
    });
    if (matchers.size() > 8) break;
  }
  for (const Matcher& m : matchers) {
    const auto refs = match_series(**index, {&m, 1});
    if (!refs) continue;
    for (const std::uint32_t ref : *refs) {
      const auto series = (*index)->series(ref);
      if (!series) continue;
      std::vector<ChunkMeta> chunks;
      const auto symbols = (*index)->symbols();
      if (!series->chunks(chunks) || !symbols) continue;
      const auto read = series->each_label([&](std::uint64_t name, std::uint64_t value) {
        for (const std::uint64_t number : {name, value}) {
          const auto text = (*symbols)->text(number);
          check(!text || text->size() <= bytes.size(), "a symbol lies inside the file");
        }
      });
      if (!read) continue;
    }
  }
  return 0;
}
