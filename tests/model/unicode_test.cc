#include "model/unicode.h"

#include <doctest/doctest.h>

#include "model/labels.h"

using namespace narthex;

TEST_CASE("UTF-8 is decoded strictly") {
  const struct {
    std::string_view text;
    bool valid;
    char32_t code;
    int size;
  } rows[] = {{"a", true, 'a', 1},
              {"é", true, 0xE9, 2},
              {"€", true, 0x20AC, 3},
              {"😀", true, 0x1F600, 4},
              {"\x80", false, 0xFFFD, 1},
              {"\xC0\x80", false, 0xFFFD, 1},
              {"\xE0\x80\x80", false, 0xFFFD, 1},
              {"\xED\xA0\x80", false, 0xFFFD, 1},
              {"\xF4\x90\x80\x80", false, 0xFFFD, 1},
              {"\xE2\x82", false, 0xFFFD, 1}};
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const Rune rune = decode_rune(row.text);
    CHECK(rune.valid == row.valid);
    CHECK(rune.code == row.code);
    CHECK(rune.size == row.size);
    CHECK(is_valid_utf8(std::string("0123456789") + std::string(row.text)) == row.valid);
    if (rune.valid) {
      std::string back;
      append_rune(back, rune.code);
      CHECK(back == row.text);
    }
  }
}

TEST_CASE("quoting is Go's") {
  const struct {
    std::string_view text;
    std::string_view want;
  } rows[] = {{"", R"("")"},
              {"a\"b\\c", R"("a\"b\\c")"},
              {"\a\b\f\n\r\t\v", R"("\a\b\f\n\r\t\v")"},
              {std::string_view("\0\x1f\x7f", 3), R"("\x00\x1f\x7f")"},
              {"é日😀", R"("é日😀")"},
              {"\xff", R"("\xff")"},
              {"\u00a0\u200b\ufeff", R"("\u00a0\u200b\ufeff")"},
              {"\U000e0001", R"("\U000e0001")"},
              {"\ufffd", "\"\ufffd\""}};
  for (const auto& row : rows) CHECK(quote(row.text) == row.want);
}

TEST_CASE("case is mapped rune by rune") {
  CHECK(to_lower("ABC xyz ÀÉ ΣΑΣ İ") == "abc xyz àé σασ i");
  CHECK(to_upper("abc XYZ àé ß ǆ ı") == "ABC XYZ ÀÉ ß Ǆ I");
  CHECK(to_lower("A\xff") == "a\ufffd");
}
