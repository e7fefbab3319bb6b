#include "net/gzip.h"

#include <doctest/doctest.h>

#include <cstdint>

#include "net/http.h"

using namespace narthex;
using namespace narthex::net;

namespace {

std::string repetitive(std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += "node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} 12345.67\n";
  return text;
}

}  // namespace

TEST_CASE("gzip bodies come back as they were") {
  for (const std::size_t size : {0UL, 1UL, 100UL, 70'000UL, 3'000'000UL}) {
    CAPTURE(size);
    const std::string body = repetitive(size);
    const auto back = gunzip(gzip(body), 10'000'000);
    REQUIRE(back);
    CHECK(*back == body);
  }
}

TEST_CASE("a gzip body of several members is one text") {
  const auto back = gunzip(gzip("one,") + gzip("two,") + gzip(repetitive(200'000)), 1'000'000);
  REQUIRE(back);
  CHECK(*back == "one,two," + repetitive(200'000));
}

TEST_CASE("a decompression bomb ends at the limit") {
  // NOLINTNEXTLINE(bugprone-string-constructor): a bomb is meant to be large.
  const std::string bomb = gzip(std::string(50'000'000, 'a'));
  REQUIRE(bomb.size() < 300'000);
  const auto exact = gunzip(bomb, 50'000'000);
  CHECK(exact);
  for (const std::uint64_t limit : {49'999'999UL, 1'000UL, 0UL}) {
    CAPTURE(limit);
    const auto refused = gunzip(bomb, limit);
    REQUIRE(!refused);
    CHECK(refused.error().code == Code::limit);
    CHECK(refused.error().text == "body size limit exceeded");
  }
}

TEST_CASE("damaged gzip is refused, wherever it is damaged") {
  const std::string whole = gzip(repetitive(5'000));
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    CAPTURE(cut);
    const auto back = gunzip(std::string_view(whole).substr(0, cut), 1'000'000);
    REQUIRE(!back);
    CHECK(back.error().code == Code::corruption);
  }
  std::string lies = whole;
  lies[lies.size() - 1] = '\x7f';  // a size in the trailer that no deflate reaches
  CHECK(!gunzip(lies, 1'000'000'000));
  CHECK(!gunzip(whole + "trailing", 1'000'000));
  CHECK(!gunzip("not gzip at all, but long enough", 1'000'000));
}
