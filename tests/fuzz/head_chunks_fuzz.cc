// Files of head chunks from arbitrary bytes: loading repairs them so that a second loading sees the
// same chunks and no damage, each can be read at its place, and what is appended comes back.
// A checksum of 0xfeedfeed stands for the right one, or nothing would get past.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "io/crc32c.h"
#include "tests/fuzz/fuzz_input.h"
#include "tsdb/encoding.h"
#include "tsdb/head/head_chunk_files.h"

namespace {

using namespace narthex;
using namespace narthex::tsdb;

struct Seen {
  HeadChunk chunk;  ///< without its bytes
  std::string bytes;
  HeadChunkPlace place;
  bool operator==(const Seen& other) const {
    return chunk.series == other.chunk.series && chunk.range == other.chunk.range &&
           chunk.encoding == other.chunk.encoding && chunk.out_of_order == other.chunk.out_of_order &&
           bytes == other.bytes && place == other.place;
  }
};

void seal(std::vector<std::byte>& file) {
  std::size_t begin = 8;
  while (begin < file.size()) {
    ByteReader in(io::Bytes(file).subspan(begin));
    in.skip(8 + 8 + 8 + 1);
    // No encoding takes less, and Prometheus does not read so short a chunk at the end of a file.
    if (in.bytes(in.uvarint()).size() < 4) return;
    const std::size_t end = file.size() - in.left();
    if (in.be32() != 0xfeedfeed || !in.ok()) return;
    store_be(file.data() + end, io::crc32c(io::Bytes(file).subspan(begin, end - begin)));
    begin = end + 4;
  }
}

std::vector<Seen> load(HeadChunkFiles& files, bool must_be_sound) {
  std::vector<Seen> seen;
  const auto loaded = files.load([&](const HeadChunk& chunk, HeadChunkPlace place) {
    seen.push_back({chunk, std::string(io::as_text(chunk.bytes)), place});
    seen.back().chunk.bytes = {};
  });
  check(loaded.has_value() && loaded->chunks == seen.size(), "loading works");
  if (must_be_sound) check(loaded->damaged == 0, "repaired files have no damage");
  return seen;
}

std::unique_ptr<HeadChunkFiles> open(io::FileSystem& fs) {
  auto files = HeadChunkFiles::open(fs, "chunks_head", nullptr);
  check(files.has_value(), "the folder opens");
  return *std::move(files);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  io::FaultFileSystem fs;
  check(fs.make_directories("chunks_head").has_value(), "a folder can be made");
  const std::size_t count = input.u8() % 3;
  for (std::size_t i = 1; i <= count; ++i) {
    const io::Bytes part = i == count ? input.rest() : input.take(input.u8());
    std::vector<std::byte> file(part.begin(), part.end());
    seal(file);
    put_file(fs, "chunks_head/00000" + std::to_string(i), file);
  }
  std::vector<Seen> seen;
  {
    const auto files = open(fs);
    seen = load(*files, false);
    for (const Seen& s : seen) {
      const auto read = files->read(s.place);
      check(read.has_value() && io::as_text(read->chunk.bytes) == s.bytes, "a chunk is read at its place");
    }
    const std::string bytes = "what is appended";
    const HeadChunk more{
        .series = 7, .range = {1, 2}, .encoding = 1, .out_of_order = false, .bytes = io::as_bytes(bytes)};
    const auto places = files->append({&more, 1});
    check(places.has_value() && places->size() == 1, "appending works");
    seen.push_back({more, bytes, (*places)[0]});
    check(files->sync().has_value(), "syncing works");
  }
  check(load(*open(fs), true) == seen, "a second loading sees the same");
  return 0;
}
