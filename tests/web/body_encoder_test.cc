#include "web/server/body_encoder.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include "net/gzip.h"

using namespace narthex::web;

TEST_CASE("content coding: the first of gzip and deflate that is not refused") {
  const struct {
    std::string_view header;
    ContentCoding want;
  } rows[] = {
      {"", ContentCoding::identity},
      {"gzip", ContentCoding::gzip},
      {"br, deflate, gzip", ContentCoding::deflate},
      {"deflate;q=0, gzip;q=0.5", ContentCoding::gzip},
      {"gzip;q=0", ContentCoding::identity},
      {"identity", ContentCoding::identity},
  };
  for (const auto& row : rows) {
    CAPTURE(row.header);
    CHECK((choose_coding(row.header) == row.want));
  }
}

TEST_CASE("body encoder: pieces come out as one gzip stream") {
  Response response;
  response.pieces = [left = 3](std::string& out) mutable {
    out += std::string(100'000, static_cast<char>('a' + left));
    return --left > 0;
  };
  BodyEncoder encoder(response, ContentCoding::gzip);
  std::string body;
  std::size_t pieces = 1;
  while (encoder.next(body)) ++pieces;
  CHECK(pieces == 3);
  auto plain = narthex::net::gunzip(body, 1 << 20);
  REQUIRE(plain.has_value());
  CHECK(*plain == std::string(100'000, 'd') + std::string(100'000, 'c') + std::string(100'000, 'b'));
}

TEST_CASE("body encoder: without compression pieces pass unchanged") {
  Response response;
  response.body = "whole";
  BodyEncoder encoder(response, ContentCoding::identity);
  std::string body;
  CHECK_FALSE(encoder.next(body));
  CHECK(body == "whole");
}
