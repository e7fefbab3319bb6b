#include "tsdb/head_block.h"

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "model/label_pool.h"
#include "tsdb/block/block_writer.h"
#include "tsdb/chunk/xor_chunk.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kSamplesPerChunk = 120;

/// The chunks of one series, in buffers that the next series reuses.
class ChunkMaker {
 public:
  std::span<const ChunkToWrite> make(const storage::SampleColumns& samples) {
    chunks_.clear();
    const std::size_t count = samples.t.size();
    // Alike in length, so that 121 samples do not leave a chunk of one.
    const std::size_t pieces = (count + kSamplesPerChunk - 1) / kSamplesPerChunk;
    if (buffers_.size() < pieces) buffers_.resize(pieces);
    for (std::size_t p = 0; p < pieces; ++p) {
      const std::size_t begin = count * p / pieces;
      const std::size_t end = count * (p + 1) / pieces;
      auto& bytes = buffers_[p];
      XorState state;
      for (std::size_t i = begin; i < end; ++i) {
        bytes.resize(state.size_bytes() + kXorMaxSampleBytes);
        xor_append(state, bytes.data(), samples.t[i], samples.v[i]);
      }
      chunks_.push_back(
          {samples.t[begin], samples.t[end - 1], kXorEncoding, io::Bytes(bytes.data(), state.size_bytes())});
    }
    return chunks_;
  }

 private:
  std::vector<std::vector<std::byte>> buffers_;
  std::vector<ChunkToWrite> chunks_;
};

std::vector<std::string> symbols_of(const LabelPool& pool) {
  std::vector<std::string> symbols;
  std::vector<bool> named;
  for (std::size_t i = 0; i < pool.count_pairs(); ++i) {
    const PairId pair{static_cast<std::uint32_t>(i)};
    const auto name = static_cast<std::uint32_t>(pool.name_of(pair));
    if (name >= named.size()) named.resize(name + 1);
    if (!named[name]) symbols.emplace_back(pool.text(NameId{name}));
    named[name] = true;
    symbols.emplace_back(pool.value(pair));
  }
  return symbols;
}

}  // namespace

Result<std::optional<BlockMeta>> write_block(io::FileSystem& fs, const std::string& parent_dir,
                                             storage::Querier& source, Timestamp mint, Timestamp maxt,
                                             const std::string& ulid) {
  const TimeRange range{mint, maxt - 1};
  LabelPool pool;
  storage::SelectOptions options;
  options.sorted = true;
  auto series = source.select(range, {}, pool, options);
  if (!series) return pass(series, "reading the head");

  std::unique_ptr<BlockWriter> writer;
  ChunkMaker chunks;
  storage::SampleColumns samples;
  for (std::size_t i = 0; i < (*series)->size(); ++i) {
    samples.clear();
    if (auto read = (*series)->samples(i, range, samples); !read) return pass(read, "reading the head");
    if (samples.t.empty()) continue;
    if (!writer) {
      BlockMeta meta;
      meta.ulid = ulid;
      meta.mint = mint;
      meta.maxt = maxt;
      meta.sources = {ulid};
      auto created = BlockWriter::create(fs, parent_dir, std::move(meta), symbols_of(pool));
      if (!created) return pass(created);
      writer = std::move(*created);
    }
    const Labels labels = pool.labels((*series)->labels(i));
    if (auto added = writer->add_series(labels, chunks.make(samples)); !added) return pass(added);
  }
  if (!writer) return std::optional<BlockMeta>{};
  auto meta = writer->finish();
  if (!meta) return pass(meta);
  return std::optional(std::move(*meta));
}

}  // namespace narthex::tsdb
