#include "tsdb/block/block_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "telemetry/log.h"
#include "tsdb/block/index_writer.h"
#include "tsdb/block/tombstones.h"
#include "tsdb/chunk/encoding.h"

namespace narthex::tsdb {
namespace {

Result<void> write_file(io::FileSystem& fs, const std::string& path, io::Bytes bytes) {
  auto file = fs.open_writable(path, io::OpenMode::create_new);
  if (!file) return pass(file);
  return (*file)->append(bytes);
}

}  // namespace

struct BlockWriter::Impl {
  Impl(io::FileSystem& f, std::string t, std::string d, BlockMeta m, IndexWriter i,
       std::uint64_t segment_bytes)
      : fs(f),
        temporary(std::move(t)),
        destination(std::move(d)),
        meta(std::move(m)),
        index(std::move(i)),
        chunks(f, temporary + "/chunks", segment_bytes) {}

  io::FileSystem& fs;
  std::string temporary;
  std::string destination;
  BlockMeta meta;
  IndexWriter index;
  ChunkSegmentWriter chunks;
  std::vector<ChunkMeta> written;
  bool published = false;
};

BlockWriter::BlockWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

BlockWriter::~BlockWriter() {
  if (impl_->published) return;
  // What is left here is also removed by the next start.
  if (auto removed = impl_->fs.remove_tree(impl_->temporary); !removed)
    telemetry::warn("Removing an unfinished block failed",
                    {{"dir", impl_->temporary}, {"err", removed.error().text}});
}

Result<std::unique_ptr<BlockWriter>> BlockWriter::create(io::FileSystem& fs, const std::string& parent_dir,
                                                         BlockMeta meta, std::vector<std::string> symbols,
                                                         std::uint64_t segment_bytes) {
  if (!is_ulid(meta.ulid)) return fail(Code::invalid, fmt::format("\"{}\" is no ULID", meta.ulid));
  const std::string destination = parent_dir + "/" + meta.ulid;
  const std::string temporary = destination + ".tmp-for-creation";
  if (fs.exists(destination)) return fail(Code::invalid, "block " + destination + " exists already");
  if (auto removed = fs.remove_tree(temporary); !removed) return pass(removed, "writing a block");
  if (auto made = fs.make_directories(temporary + "/chunks"); !made) return pass(made, "writing a block");
  auto index = IndexWriter::create(fs, temporary + "/index", std::move(symbols));
  if (!index) {
    const auto removed = fs.remove_tree(temporary);
    if (!removed) index.error().text += " (and " + removed.error().text + ")";
    return pass(index, "writing block " + destination);
  }
  meta.version = 1;
  meta.num_samples = meta.num_float_samples = meta.num_histogram_samples = 0;
  meta.num_series = meta.num_chunks = meta.num_tombstones = 0;
  return std::unique_ptr<BlockWriter>(new BlockWriter(
      std::make_unique<Impl>(fs, temporary, destination, std::move(meta), *std::move(index), segment_bytes)));
}

Result<void> BlockWriter::add_series(const Labels& labels, std::span<const ChunkToWrite> chunks) {
  if (chunks.empty()) return {};
  BlockMeta& meta = impl_->meta;
  impl_->written.clear();
  for (const ChunkToWrite& chunk : chunks) {
    auto ref = impl_->chunks.write(chunk.encoding, chunk.bytes);
    if (!ref) return pass(ref, "writing block " + impl_->destination);
    impl_->written.push_back({chunk.mint, chunk.maxt, *ref});
    const std::uint64_t samples = count_chunk_samples(chunk.encoding, chunk.bytes);
    meta.num_samples += samples;
    (is_histogram_encoding(chunk.encoding) ? meta.num_histogram_samples : meta.num_float_samples) += samples;
  }
  if (auto added = impl_->index.add_series(labels, impl_->written); !added)
    return pass(added, "writing block " + impl_->destination);
  ++meta.num_series;
  meta.num_chunks += chunks.size();
  return {};
}

Result<BlockMeta> BlockWriter::finish() {
  const std::string during = "writing block " + impl_->destination;
  if (auto done = impl_->chunks.finish(); !done) return pass(done, during);
  if (auto done = impl_->index.finish(); !done) return pass(done, during);
  io::FileSystem& fs = impl_->fs;
  if (auto done = write_file(fs, impl_->temporary + "/tombstones", write_tombstones({})); !done)
    return pass(done, during);
  const std::string meta = write_block_meta(impl_->meta);
  if (auto done = write_file(fs, impl_->temporary + "/meta.json", io::as_bytes(meta)); !done)
    return pass(done, during);
  if (auto done = io::publish_directory(fs, impl_->temporary, impl_->destination); !done)
    return pass(done, during);
  impl_->published = true;
  return impl_->meta;
}

}  // namespace narthex::tsdb
