#include "io/crc32c.h"

#include <doctest/doctest.h>

using namespace narthex::io;

TEST_CASE("CRC-32C of known texts") {
  const struct {
    std::string text;
    std::uint32_t want;
  } rows[] = {{"", 0},
              {"a", 0xC1D04330},
              {"123456789", 0xE3069283},
              {std::string(32, '\0'), 0x8A9136AA},
              {std::string(32, '\xff'), 0x62A8AB43}};
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(crc32c(as_bytes(row.text)) == row.want);
    CHECK(crc32c_by_table(as_bytes(row.text)) == row.want);
  }
}

TEST_CASE("a checksum can be continued at any place, and both ways agree") {
  std::string text;
  // More than the stretches that are taken three at a time.
  for (int i = 0; i < 4000; ++i) text += static_cast<char>(i * i * 7);
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const Bytes all = as_bytes(std::string_view(text).substr(0, size));
    CHECK(crc32c(all) == crc32c_by_table(all));
    const std::size_t cut = size / 3;
    CHECK(crc32c_extend(crc32c(all.first(cut)), all.subspan(cut)) == crc32c(all));
  }
}
