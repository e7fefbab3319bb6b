// The small files of a block from arbitrary bytes: chunk segments, tombstones, meta.json. Reading
// stays inside; what is read is written so that it reads the same; what was written reads back.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "io/crc32c.h"
#include "tests/fuzz/fuzz_input.h"
#include "tsdb/block/block_meta.h"
#include "tsdb/block/chunk_segment.h"
#include "tsdb/block/tombstones.h"
#include "tsdb/encoding.h"

namespace {

using namespace narthex;
using namespace narthex::tsdb;

void try_chunk_segment(io::Bytes bytes) {
  io::FaultFileSystem fs;
  check(fs.make_directories("chunks").has_value(), "a folder can be made");
  put_file(fs, "chunks/000001", bytes);
  const auto segments = ChunkSegments::open(fs, "chunks");
  if (!segments) return;
  for (std::uint64_t offset = 0; offset < bytes.size() + 2; ++offset) {
    const auto chunk = segments->chunk(offset);
    if (chunk) check(chunk->data.size() < bytes.size(), "a chunk lies inside of its file");
  }
  check(!segments->chunk(std::uint64_t{1} << 32), "there is no second segment");
}

void check_chunks_come_back(FuzzInput& input) {
  io::FaultFileSystem fs;
  check(fs.make_directories("chunks").has_value(), "a folder can be made");
  ChunkSegmentWriter writer(fs, "chunks", 64 + input.u8());
  std::vector<std::pair<std::uint64_t, std::pair<std::uint8_t, io::Bytes>>> written;
  while (!input.empty()) {
    const std::uint8_t encoding = input.u8();
    const io::Bytes data = input.take(input.u8());
    const auto ref = writer.write(encoding, data);
    check(ref.has_value(), "a chunk can be written");
    written.push_back({*ref, {encoding, data}});
  }
  check(writer.finish().has_value(), "a segment can be finished");
  const auto segments = ChunkSegments::open(fs, "chunks");
  check(segments.has_value(), "our own segments open");
  for (const auto& [ref, want] : written) {
    const auto chunk = segments->chunk(ref);
    check(chunk.has_value() && chunk->encoding == want.first &&
              io::as_text(chunk->data) == io::as_text(want.second),
          "chunks come back");
  }
}

void try_tombstones(std::vector<std::byte> bytes) {
  // The checksum put right, or nothing would get past it.
  if (bytes.size() >= 9) {
    const io::Bytes body = io::Bytes(bytes).subspan(5, bytes.size() - 9);
    store_be(bytes.data() + bytes.size() - 4, io::crc32c(body));
  }
  const auto stones = read_tombstones(bytes);
  if (!stones) return;
  const auto again = read_tombstones(write_tombstones(stones->all()));
  check(again.has_value() && again->size() == stones->size(), "tombstones come back");
  for (std::size_t i = 0; i < stones->size(); ++i) {
    const Stone& a = stones->all()[i];
    const Stone& b = again->all()[i];
    check(a.ref == b.ref && a.range == b.range, "as they were");
    if (a.range.mint <= a.range.maxt) check(covers(stones->of(a.ref), a.range), "a stone covers its range");
  }
}

void try_meta(std::string_view text) {
  const auto meta = parse_block_meta(text);
  if (!meta) return;
  const std::string written = write_block_meta(*meta);
  const auto again = parse_block_meta(written);
  check(again.has_value(), "our own meta.json is read");
  check(write_block_meta(*again) == written, "and says the same");
  check(again->ulid == meta->ulid && again->mint == meta->mint && again->maxt == meta->maxt &&
            again->num_samples == meta->num_samples && again->hints == meta->hints &&
            again->sources == meta->sources && again->level == meta->level,
        "in every field");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  const std::uint8_t what = input.u8();
  // Letters, so that seeds can be read.
  if (what == 'r') {
    check_chunks_come_back(input);
    return 0;
  }
  const io::Bytes rest = input.rest();
  if (what == 'c') try_chunk_segment(rest);
  if (what == 't') try_tombstones({rest.begin(), rest.end()});
  if (what == 'm') try_meta(io::as_text(rest));
  return 0;
}
