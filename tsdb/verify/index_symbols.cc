#include "tsdb/verify/index_symbols.h"

#include <fmt/format.h>

#include <algorithm>

#include "tsdb/block/index_format.h"
#include "tsdb/block/symbol_table.h"
#include "tsdb/encoding.h"

namespace narthex::tsdb {

IndexSymbols IndexSymbols::read(Verification& v, const std::string& path, io::Bytes index,
                                std::uint8_t version, std::uint64_t offset) {
  IndexSymbols symbols;
  symbols.version_ = version;
  const auto content = checked_section(index, offset, "symbol table");
  if (!content) {
    v.damage(path, offset, content.error().text);
    return symbols;
  }
  constexpr std::size_t kLengthBytes = 4;
  symbols.end_ = offset + kLengthBytes + content->size() + kIndexChecksumBytes;
  ByteReader in(*content);
  const std::uint32_t count = in.be32();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    const std::uint64_t at = offset + kLengthBytes + content->size() - in.left();
    const std::string_view text = in.text();
    if (!in.ok()) break;
    if (i > 0 && text <= symbols.texts_.back()) {
      if (symbols.ascending_) v.damage(path, at, fmt::format("symbol {} does not ascend", i));
      symbols.ascending_ = false;
    }
    symbols.texts_.push_back(text);
    if (version == 1) symbols.by_offset_.emplace(at, i);
  }
  if (!in.ok()) {
    v.damage(path, offset, fmt::format("the symbol table ends inside symbol {}", symbols.texts_.size()));
  } else if (in.left() > 0) {
    v.damage(path, symbols.end_ - kIndexChecksumBytes - in.left(),
             fmt::format("{} bytes behind the last symbol", in.left()));
  }
  return symbols;
}

std::optional<std::uint32_t> IndexSymbols::position(std::uint64_t number) const {
  if (version_ == 1) {
    const auto at = by_offset_.find(number);
    if (at == by_offset_.end()) return std::nullopt;
    return at->second;
  }
  if (number >= texts_.size()) return std::nullopt;
  return static_cast<std::uint32_t>(number);
}

std::optional<std::uint32_t> IndexSymbols::find(std::string_view text) const {
  const auto at = ascending_ ? std::ranges::lower_bound(texts_, text) : std::ranges::find(texts_, text);
  if (at == texts_.end() || *at != text) return std::nullopt;
  return static_cast<std::uint32_t>(at - texts_.begin());
}

}  // namespace narthex::tsdb
