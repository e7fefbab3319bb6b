#include "tsdb/block/symbol_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "io/crc32c.h"
#include "tsdb/block/index_format.h"
#include "tsdb/encoding.h"

namespace narthex::tsdb {
namespace {

constexpr std::uint64_t kStep = 8;

}  // namespace

Result<io::Bytes> checked_section(io::Bytes index, std::uint64_t offset, const char* name, Checksum known) {
  const auto bad = [&](const char* why) {
    return fail(Code::corruption, fmt::format("index: {} at offset {}: {}", name, offset, why));
  };
  if (offset > index.size()) return bad("begins behind the end of the file");
  ByteReader in(index.subspan(offset));
  const std::uint32_t length = in.be32();
  const io::Bytes content = in.bytes(length);
  const std::uint32_t checksum = in.be32();
  if (!in.ok()) return bad("goes beyond the end of the file");
  if (known == Checksum::to_be_checked && io::crc32c(content) != checksum) return bad("wrong checksum");
  return content;
}

Result<SymbolTable> SymbolTable::open(io::Bytes index, std::uint8_t version, std::uint64_t offset) {
  auto content = checked_section(index, offset, "symbol table");
  if (!content) return pass(content);
  SymbolTable table;
  table.index_ = index;
  table.version_ = version;
  ByteReader in(*content);
  table.count_ = in.be32();
  const std::uint64_t end = offset + 4 + content->size();
  for (std::uint64_t i = 0; i < table.count_; ++i) {
    if (i % kStep == 0) table.offsets_.push_back(end - in.left());
    in.text();
    // Here and not behind the loop: a count from outside is not walked beyond the bytes.
    if (!in.ok()) return fail(Code::corruption, "index: symbol table ends early");
  }
  table.end_ = end - in.left();
  return table;
}

Result<std::string_view> SymbolTable::text(std::uint64_t number) const {
  const auto unknown = [number] {
    return fail(Code::corruption, fmt::format("index: there is no symbol {}", number));
  };
  std::uint64_t from = number;
  std::uint64_t skip = 0;
  if (version_ == 1) {
    if (count_ == 0 || number < offsets_.front() || number >= end_) return unknown();
  } else {
    if (number >= count_) return unknown();
    from = offsets_[number / kStep];
    skip = number % kStep;
  }
  ByteReader in(index_.subspan(from, end_ - from));
  for (; skip > 0; --skip) in.text();
  const std::string_view text = in.text();
  if (!in.ok()) return unknown();
  return text;
}

std::optional<std::uint64_t> SymbolTable::find(std::string_view text) const {
  const auto symbol_at = [this](std::uint64_t offset) {
    return ByteReader(index_.subspan(offset, end_ - offset)).text();
  };
  // The last step that does not begin behind the text.
  const auto step = std::ranges::upper_bound(offsets_, text, {}, symbol_at);
  if (step == offsets_.begin()) return std::nullopt;
  const auto block = static_cast<std::uint64_t>(step - offsets_.begin()) - 1;
  ByteReader in(index_.subspan(offsets_[block], end_ - offsets_[block]));
  for (std::uint64_t number = block * kStep; number < std::min(count_, (block + 1) * kStep); ++number) {
    const std::uint64_t offset = end_ - in.left();
    const std::string_view symbol = in.text();
    if (symbol == text) return version_ == 1 ? offset : number;
    if (symbol > text) break;
  }
  return std::nullopt;
}

}  // namespace narthex::tsdb
