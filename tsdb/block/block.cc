#include "tsdb/block/block.h"

#include "tsdb/block/block_querier.h"
#include "tsdb/block/block_source.h"

namespace narthex::tsdb {

struct Block::Impl {
  BlockMeta meta;
  std::shared_ptr<const BlockFiles> files;
  std::uint64_t size_bytes = 0;
};

Block::Block(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Block::~Block() = default;

Result<std::shared_ptr<Block>> Block::open(io::FileSystem& fs, const std::string& directory) {
  const std::string during = "opening block " + directory;
  auto impl = std::make_unique<Impl>();
  auto json = fs.read_file(directory + "/meta.json");
  if (!json) return pass(json, during);
  auto meta = parse_block_meta(*json);
  if (!meta) return pass(meta, during);
  impl->meta = *std::move(meta);

  auto files = std::make_shared<BlockFiles>();
  files->directory = directory;
  auto index = IndexReader::open(fs, directory + "/index");
  if (!index) return pass(index, during);
  files->index = *std::move(index);
  auto chunks = ChunkSegments::open(fs, directory + "/chunks");
  if (!chunks) return pass(chunks, during);
  files->chunks = *std::move(chunks);
  impl->size_bytes = json->size() + files->index->size_bytes() + files->chunks.size_bytes();

  // Very old blocks have none.
  auto stones = fs.read_file(directory + "/tombstones");
  if (stones) {
    auto tombstones = read_tombstones(io::as_bytes(*stones));
    if (!tombstones) return pass(tombstones, during);
    files->tombstones = *std::move(tombstones);
    impl->size_bytes += stones->size();
  } else if (stones.error().code != Code::not_found) {
    return pass(stones, during);
  }
  impl->files = std::move(files);
  return std::shared_ptr<Block>(new Block(std::move(impl)));
}

const BlockMeta& Block::meta() const {
  return impl_->meta;
}
const std::string& Block::directory() const {
  return impl_->files->directory;
}
std::uint64_t Block::size_bytes() const {
  return impl_->size_bytes;
}
std::shared_ptr<const BlockFiles> Block::files() const {
  return impl_->files;
}
std::uint64_t Block::symbol_table_bytes() const {
  return impl_->files->index->symbol_table_bytes();
}

Result<std::unique_ptr<storage::Querier>> Block::querier(TimeRange range) const {
  return make_block_querier(impl_->files, range);
}
std::unique_ptr<ChunkSource> Block::chunk_source(TimeRange range) const {
  return make_block_source(impl_->files, range);
}

}  // namespace narthex::tsdb
