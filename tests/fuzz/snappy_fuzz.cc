// Snappy blocks of arbitrary bytes: our reader takes what the library takes, and makes the same of it.
// But for literals of 4 GiB, which no block has room for: the library adds one to their 32 bits and
// takes them for literals of nothing; ours refuses them, as Prometheus' does.
#include <snappy.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "model/check.h"
#include "tsdb/wal/snappy_block.h"

namespace {

/// Whether what the library takes for an empty literal may be there.
bool may_have_literal_of_4_gib(narthex::io::Bytes block) {
  constexpr std::array kLiteral = {std::byte{0xfc}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff},
                                   std::byte{0xff}};
  return !std::ranges::search(block, kLiteral).empty();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace narthex;
  const io::Bytes block(reinterpret_cast<const std::byte*>(data), size);
  const auto* chars = reinterpret_cast<const char*>(data);
  const auto said = tsdb::snappy_content_size(block);
  std::size_t wanted = 0;
  check(snappy::GetUncompressedLength(chars, size, &wanted) == said.has_value(),
        "both see a length, or none");
  constexpr std::size_t kMost = 1U << 20U;
  if (!said || *said > kMost) return 0;
  check(*said == wanted, "both see the same length");
  std::vector<std::byte> content(*said + tsdb::kUnpackSlack);
  const bool unpacked = tsdb::unpack_snappy(block, content);
  std::string by_library;
  const bool by_both = snappy::Uncompress(chars, size, &by_library) == unpacked;
  check(by_both || (!unpacked && may_have_literal_of_4_gib(block)), "both take it, or neither");
  if (unpacked)
    check(std::ranges::equal(io::Bytes(content).first(*said), io::as_bytes(by_library)),
          "both make the same of it");
  return 0;
}
