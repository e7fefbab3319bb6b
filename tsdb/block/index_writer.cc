#include "tsdb/block/index_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

#include "io/crc32c.h"
#include "tsdb/encoding.h"

namespace narthex::tsdb {
namespace {

constexpr std::uint8_t kVersion = 2;
constexpr std::uint64_t kMax32 = std::numeric_limits<std::uint32_t>::max();

std::uint64_t uvarint_bytes(std::uint64_t value) {
  std::uint64_t bytes = 1;
  for (; value >= 0x80; value >>= 7) ++bytes;
  return bytes;
}
std::uint64_t text_bytes(std::string_view text) {
  return uvarint_bytes(text.size()) + text.size();
}

std::unexpected<Error> too_large(const char* what) {
  return fail(Code::limit, fmt::format("the block's {} would exceed what its format can address; write "
                                       "smaller blocks",
                                       what));
}

/// Writes a section piece by piece and its checksum at the end.
class CheckedSection {
 public:
  explicit CheckedSection(BufferedFile& file) : file_(file) {}

  Result<void> write(io::Bytes bytes) {
    crc_ = io::crc32c_extend(crc_, bytes);
    return file_.write(bytes);
  }
  Result<void> finish() {
    std::byte checksum[4];
    store_be(checksum, crc_);
    return file_.write(checksum);
  }

 private:
  BufferedFile& file_;
  std::uint32_t crc_ = 0;
};

}  // namespace

IndexWriter::IndexWriter(BufferedFile file, std::vector<std::string> symbols)
    : file_(std::move(file)), symbols_(std::move(symbols)) {
  std::sort(symbols_.begin(), symbols_.end());
  symbols_.erase(std::unique(symbols_.begin(), symbols_.end()), symbols_.end());
  symbol_numbers_.reserve(symbols_.size());
  for (std::size_t i = 0; i < symbols_.size(); ++i)
    symbol_numbers_.emplace(symbols_[i], static_cast<std::uint32_t>(i));
}

Result<IndexWriter> IndexWriter::create(io::FileSystem& fs, const std::string& path,
                                        std::vector<std::string> symbols) {
  if (symbols.size() > kMax32) return too_large("symbol table");
  auto file = BufferedFile::create(fs, path);
  if (!file) return pass(file);
  IndexWriter writer(*std::move(file), std::move(symbols));
  std::byte header[kIndexHeaderBytes];
  store_be(header, kIndexMagic);
  header[4] = std::byte{kVersion};
  if (auto written = writer.file_.write(header); !written) return pass(written);
  if (auto written = writer.write_symbols(); !written) return pass(written);
  writer.toc_.series = writer.file_.position();
  return writer;
}

Result<void> IndexWriter::write_symbols() {
  toc_.symbols = file_.position();
  std::uint64_t length = 4;
  for (const std::string& text : symbols_) length += text_bytes(text);
  if (length > kMax32) return too_large("symbol table");
  entry_.clear();
  put_be(entry_, static_cast<std::uint32_t>(length));
  if (auto written = file_.write(entry_); !written) return written;
  CheckedSection section(file_);
  entry_.clear();
  put_be(entry_, static_cast<std::uint32_t>(symbols_.size()));
  for (const std::string& text : symbols_) {
    put_text(entry_, text);
    if (auto written = section.write(entry_); !written) return written;
    entry_.clear();
  }
  if (auto written = section.write(entry_); !written) return written;
  return section.finish();
}

Result<std::uint32_t> IndexWriter::symbol(std::string_view text) const {
  const auto found = symbol_numbers_.find(text);
  if (found == symbol_numbers_.end())
    return fail(Code::invalid, fmt::format("{} is none of the block's symbols", quote(text)));
  return found->second;
}

Result<std::uint32_t> IndexWriter::pair(std::size_t position, LabelView label) {
  if (position < last_pairs_.size()) {
    const Pair& last = pairs_[last_pairs_[position]];
    if (symbols_[last.name] == label.name && symbols_[last.value] == label.value)
      return last_pairs_[position];
  }
  auto name = symbol(label.name);
  if (!name) return name;
  auto value = symbol(label.value);
  if (!value) return value;
  const std::uint64_t key = std::uint64_t{*name} << 32 | *value;
  const auto [at, added] = pair_numbers_.try_emplace(key, static_cast<std::uint32_t>(pairs_.size()));
  if (added) pairs_.push_back({*name, *value, 0, 0});
  return at->second;
}

Result<void> IndexWriter::check_order(const Labels& labels, std::span<const ChunkMeta> chunks) {
  if (!series_refs_.empty() && labels <= last_labels_) {
    return fail(Code::invalid, fmt::format("series {} does not come behind {}", labels.to_string(),
                                           last_labels_.to_string()));
  }
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    if (chunks[i].maxt < chunks[i].mint || (i > 0 && chunks[i].mint <= chunks[i - 1].maxt))
      return fail(Code::invalid, fmt::format("chunks of series {} are not in order", labels.to_string()));
  }
  return {};
}

Result<void> IndexWriter::add_series(const Labels& labels, std::span<const ChunkMeta> chunks) {
  if (auto ordered = check_order(labels, chunks); !ordered) return ordered;
  if (auto padded = file_.pad(kSeriesAlignment); !padded) return padded;
  const std::uint64_t ref = file_.position() / kSeriesAlignment;
  if (ref > kMax32) return too_large("index");

  body_.clear();
  std::size_t count = 0;
  const std::size_t first_pair = series_pairs_.size();
  put_uvarint(body_, labels.count());
  for (const LabelView label : labels) {
    auto number = pair(count++, label);
    if (!number) {
      series_pairs_.resize(first_pair);
      return pass(number);
    }
    series_pairs_.push_back(*number);
    put_uvarint(body_, pairs_[*number].name);
    put_uvarint(body_, pairs_[*number].value);
  }
  put_uvarint(body_, chunks.size());
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const ChunkMeta& c = chunks[i];
    const auto difference = [](std::int64_t a, std::int64_t b) {
      return static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b);
    };
    if (i == 0)
      put_varint(body_, c.mint);
    else
      put_uvarint(body_, difference(c.mint, chunks[i - 1].maxt));
    put_uvarint(body_, difference(c.maxt, c.mint));
    if (i == 0)
      put_uvarint(body_, c.ref);
    else
      put_varint(body_, static_cast<std::int64_t>(c.ref - chunks[i - 1].ref));
  }
  entry_.clear();
  put_uvarint(entry_, body_.size());
  put_bytes(entry_, body_);
  put_be(entry_, io::crc32c(body_));
  if (auto written = file_.write(entry_); !written) return pass(written, "writing the index");

  last_pairs_.assign(series_pairs_.begin() + static_cast<std::ptrdiff_t>(first_pair), series_pairs_.end());
  for (const std::uint32_t number : last_pairs_) ++pairs_[number].count;
  series_refs_.push_back(static_cast<std::uint32_t>(ref));
  label_counts_.push_back(static_cast<std::uint32_t>(count));
  last_labels_ = labels;
  return {};
}

Result<void> IndexWriter::finish() {
  toc_.label_indices = file_.position();
  toc_.postings = file_.position();
  if (auto written = write_postings(); !written) return pass(written, "writing postings");
  toc_.label_indices_table = file_.position();
  toc_.postings_table = file_.position();
  if (auto written = write_postings_table(); !written) return pass(written, "writing the postings table");
  if (auto written = write_toc(); !written) return pass(written, "writing the table of contents");
  return file_.flush();
}

/// Symbols are numbered in the order of their texts, so numbers sort pairs.
std::vector<std::uint32_t> IndexWriter::sorted_pairs() const {
  std::vector<std::uint32_t> order(pairs_.size());
  std::iota(order.begin(), order.end(), std::uint32_t{0});
  std::sort(order.begin(), order.end(), [this](std::uint32_t a, std::uint32_t b) {
    return std::pair(pairs_[a].name, pairs_[a].value) < std::pair(pairs_[b].name, pairs_[b].value);
  });
  return order;
}

Result<void> IndexWriter::write_postings() {
  // A counting sort: series are in order, so each pair's references come out in order too.
  std::vector<std::uint32_t> refs(series_pairs_.size());
  std::vector<std::size_t> ends(pairs_.size());
  std::size_t begin = 0;
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    ends[i] = begin;
    begin += pairs_[i].count;
  }
  const std::uint32_t* next = series_pairs_.data();
  for (std::size_t s = 0; s < series_refs_.size(); ++s) {
    for (std::uint32_t i = 0; i < label_counts_[s]; ++i) refs[ends[*next++]++] = series_refs_[s];
  }
  if (auto padded = file_.pad(kPostingsAlignment); !padded) return padded;
  all_series_offset_ = file_.position();
  if (auto written = write_postings_list(series_refs_); !written) return written;
  for (const std::uint32_t number : sorted_pairs()) {
    if (auto padded = file_.pad(kPostingsAlignment); !padded) return padded;
    Pair& pair = pairs_[number];
    pair.offset = file_.position();
    const std::span<const std::uint32_t> list(refs.data() + ends[number] - pair.count, pair.count);
    if (auto written = write_postings_list(list); !written) return written;
  }
  return {};
}

Result<void> IndexWriter::write_postings_list(std::span<const std::uint32_t> refs) {
  const std::uint64_t length = 4 + 4 * std::uint64_t{refs.size()};
  if (length > kMax32) return too_large("postings");
  entry_.resize(4 + length + 4);
  std::byte* at = entry_.data();
  store_be(at, static_cast<std::uint32_t>(length));
  store_be(at += 4, static_cast<std::uint32_t>(refs.size()));
  for (const std::uint32_t ref : refs) store_be(at += 4, ref);
  store_be(at + 4, io::crc32c(io::Bytes(entry_).subspan(4, length)));
  return file_.write(entry_);
}

Result<void> IndexWriter::write_postings_table() {
  const std::vector<std::uint32_t> order = sorted_pairs();
  std::uint64_t length = 4 + 3 + uvarint_bytes(all_series_offset_);
  for (const Pair& pair : pairs_)
    length +=
        1 + text_bytes(symbols_[pair.name]) + text_bytes(symbols_[pair.value]) + uvarint_bytes(pair.offset);
  if (length > kMax32) return too_large("postings table");
  entry_.clear();
  put_be(entry_, static_cast<std::uint32_t>(length));
  if (auto written = file_.write(entry_); !written) return written;

  CheckedSection section(file_);
  const auto put_entry = [this](std::string_view name, std::string_view value, std::uint64_t offset) {
    put_uvarint(entry_, 2);
    put_text(entry_, name);
    put_text(entry_, value);
    put_uvarint(entry_, offset);
  };
  entry_.clear();
  put_be(entry_, static_cast<std::uint32_t>(pairs_.size() + 1));
  put_entry("", "", all_series_offset_);
  for (const std::uint32_t number : order) {
    const Pair& pair = pairs_[number];
    put_entry(symbols_[pair.name], symbols_[pair.value], pair.offset);
    if (auto written = section.write(entry_); !written) return written;
    entry_.clear();
  }
  if (auto written = section.write(entry_); !written) return written;
  return section.finish();
}

Result<void> IndexWriter::write_toc() {
  entry_.clear();
  for (const std::uint64_t offset : {toc_.symbols, toc_.series, toc_.label_indices, toc_.label_indices_table,
                                     toc_.postings, toc_.postings_table})
    put_be(entry_, offset);
  put_be(entry_, io::crc32c(entry_));
  return file_.write(entry_);
}

}  // namespace narthex::tsdb
