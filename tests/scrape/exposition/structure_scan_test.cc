#include "scrape/exposition/structure_scan.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "scrape/exposition/scrape_body.h"

using namespace narthex::scrape;

TEST_CASE("both ways of scanning give the same bits for every byte at every place") {
  const ScanBlock best = best_scan_block();
  for (int byte = 0; byte < 256; ++byte) {
    for (std::size_t place = 0; place < kBlockSize; ++place) {
      std::array<char, kBlockSize> block;
      // Neighbours of other kinds, so that no bit can come from beside.
      for (std::size_t i = 0; i < kBlockSize; ++i) block[i] = "a\n\"\\} \t1:_{\x80"[i % 12];
      block[place] = static_cast<char>(byte);
      BlockMasks scalar;
      BlockMasks vector;
      scan_block_scalar(block.data(), scalar);
      best(block.data(), vector);
      REQUIRE(scalar == vector);
    }
  }
}

TEST_CASE("a cursor finds across blocks and ends at the end") {
  const std::string text = std::string(200, 'a') + "\"" + std::string(100, 'b');
  const ScrapeBody body(text);
  StructureCursor cursor(body.text().data(), body.size(), best_scan_block());
  const auto quote = [](const BlockMasks& m) { return m.quote; };
  const auto newline = [](const BlockMasks& m) { return m.newline; };
  CHECK(cursor.find(0, quote) == 200);
  CHECK(cursor.find(200, quote) == 200);
  CHECK(cursor.find(201, quote) == body.size());
  CHECK(cursor.find(0, newline) == body.size());
  CHECK(cursor.find(3, quote) == 200);
}

TEST_CASE("a body grows piece by piece and is used again") {
  ScrapeBody body;
  CHECK(body.text().empty());
  body.append("a 1\n");
  body.append("b 2\n");
  CHECK(body.text() == "a 1\nb 2\n");
  CHECK(body.text().data()[body.size()] == '\n');
  body.clear();
  CHECK(body.size() == 0);
  body.append("c");
  CHECK(body.text() == "c");
}
