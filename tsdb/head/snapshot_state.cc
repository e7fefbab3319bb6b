#include "tsdb/head/snapshot_state.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "tsdb/head/snapshot_bytes.h"

namespace narthex::tsdb {

HeadChunkPlace SnapshotState::chunks_end() const {
  if (chunk_files.empty()) return {};
  return {chunk_files.back().number, static_cast<std::uint32_t>(chunk_files.back().size_bytes)};
}

std::vector<std::byte> SnapshotState::encode() const {
  std::vector<std::byte> out;
  put_word(out, first_segment);
  put_word(out, static_cast<std::uint32_t>(has_out_of_order));
  put_word(out, block_range);
  put_word(out, floor);
  put_word(out, last_ref);
  put_word(out, ordinals_end);
  put_word(out, pairs_end);
  put_word(out, series);
  put_word(out, static_cast<std::uint32_t>(chunk_files.size()));
  for (const HeadChunkFiles::File& file : chunk_files) {
    put_word(out, file.number);
    put_word(out, file.size_bytes);
  }
  return out;
}

Result<SnapshotState> SnapshotState::read(const SnapshotReader& snapshot) {
  auto bytes = snapshot.read_only_one(SnapshotSection::state);
  if (!bytes) return pass(bytes);
  WordReader in(*bytes);
  SnapshotState s;
  s.first_segment = in.u32();
  s.has_out_of_order = in.u32() != 0;
  s.block_range = in.i64();
  s.floor = in.i64();
  s.last_ref = in.u64();
  s.ordinals_end = in.u32();
  s.pairs_end = in.u32();
  s.series = in.u64();
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) {
    const std::uint32_t number = in.u32();
    const std::uint64_t size = in.u64();
    const bool follows = s.chunk_files.empty() || number == s.chunk_files.back().number + 1;
    if (!follows || size > 0xffff'ffff) in.reject();
    s.chunk_files.push_back({number, size});
  }
  // What is set aside before everything has been read is bounded by what there is to read.
  // Ordinals that are free were in use at a time of more series.
  const std::uint64_t most_ordinals = std::min<std::uint64_t>(1U << 28, 1'000'000 + 100 * s.series);
  static constexpr std::uint64_t kLeastPairBytes = 8;
  const bool is_sound = in.ok() && in.left() == 0 && s.series <= s.ordinals_end &&
                        s.ordinals_end <= most_ordinals &&
                        s.pairs_end <= snapshot.size_bytes() / kLeastPairBytes;
  if (!is_sound) return fail(Code::corruption, snapshot.path() + ": what it says of itself makes no sense");
  return s;
}

namespace {

/// Names and pairs by number.
struct SnapshotDictionary {
  std::vector<std::string_view> names;
  std::vector<std::pair<std::uint32_t, std::string_view>> pairs;

  Result<void> read(const SnapshotReader& snapshot) {
    for (const SnapshotReader::Section& section : snapshot.sections()) {
      const bool is_names = section.kind == SnapshotSection::names;
      if (!is_names && section.kind != SnapshotSection::pairs) continue;
      auto bytes = snapshot.read(section);
      if (!bytes) return pass(bytes);
      WordReader in(*bytes);
      while (in.ok() && in.left() > 0) {
        if (is_names) {
          in.u8();
          names.push_back(in.string());
        } else {
          const std::uint32_t name = in.u32();
          pairs.emplace_back(name, in.string());
        }
      }
      if (!in.ok()) return fail(Code::corruption, snapshot.path() + ": label pairs make no sense");
    }
    return {};
  }
};

}  // namespace

Result<std::vector<SeriesRecord>> read_series_records(const SnapshotReader& snapshot,
                                                      std::span<const WalRef> refs) {
  SnapshotDictionary dictionary;
  if (auto read = dictionary.read(snapshot); !read) return pass(read);
  std::vector<SeriesRecord> series;
  for (const SnapshotReader::Section& section : snapshot.sections()) {
    if (section.kind != SnapshotSection::labels) continue;
    auto bytes = snapshot.read(section);
    if (!bytes) return pass(bytes);
    WordReader in(*bytes);
    while (in.ok() && in.left() > 0) {
      in.u32();
      std::uint32_t left = in.u32();
      const WalRef ref = in.u64();
      const bool is_wanted = std::ranges::binary_search(refs, ref);
      std::vector<LabelView> labels;
      for (; left > 0 && in.ok(); --left) {
        const std::uint32_t pair = in.u32();
        if (!is_wanted) continue;
        const bool is_known =
            pair < dictionary.pairs.size() && dictionary.pairs[pair].first < dictionary.names.size();
        if (!is_known) return fail(Code::corruption, snapshot.path() + ": labels make no sense");
        labels.push_back({dictionary.names[dictionary.pairs[pair].first], dictionary.pairs[pair].second});
      }
      if (is_wanted && in.ok()) series.push_back({ref, Labels::from_pairs(std::move(labels))});
    }
    if (!in.ok()) return fail(Code::corruption, snapshot.path() + ": labels make no sense");
  }
  return series;
}

}  // namespace narthex::tsdb
