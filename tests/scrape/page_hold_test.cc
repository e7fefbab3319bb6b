#include "scrape/page_hold.h"

#include <doctest/doctest.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <optional>
#include <string>

using namespace narthex;
using namespace narthex::scrape;
using std::chrono::seconds;

namespace {

Page page(Timestamp t, std::size_t bytes) {
  Page page;
  page.input.t = t;
  page.input.start = seconds(t);
  page.body.assign(bytes, 'x');
  return page;
}

/// Times of what is held, oldest first; takes it.
std::string take_all(PageHold& hold) {
  std::string times;
  while (const auto page = hold.take(seconds(0))) times += std::to_string(page->input.t) + " ";
  return times;
}

}  // namespace

TEST_CASE("held pages come back oldest first, and waiting is no part of their duration") {
  ScrapeMetrics metrics(nullptr);
  HoldRoom room(1'000'000, metrics);
  PageHold hold(room);
  CHECK_FALSE(hold.take(seconds(1)));
  hold.add(page(10, 100), seconds(12));
  hold.add(page(25, 100), seconds(26));
  CHECK(metrics.held_bytes.Value() > 200);
  const auto first = hold.take(seconds(112));
  REQUIRE(first);
  CHECK(first->input.t == 10);
  CHECK(first->input.start == seconds(110));
  CHECK(first->body.size() == 100);
  CHECK(take_all(hold) == "25 ");
  CHECK(hold.empty());
  CHECK(metrics.held_bytes.Value() == 0);
  CHECK(metrics.held.Value() == 2);
  CHECK(metrics.held_dropped.Value() == 0);
}

TEST_CASE("where there is no room a target's oldest pages give way to its newest") {
  ScrapeMetrics metrics(nullptr);
  HoldRoom room(10'000, metrics);
  PageHold one(room);
  PageHold other(room);
  for (const Timestamp t : {1, 2, 3}) one.add(page(t, 2'000), {});
  other.add(page(4, 2'000), {});
  CHECK(metrics.held_dropped.Value() == 0);
  one.add(page(5, 2'000), {});
  CHECK(metrics.held_dropped.Value() == 1);
  one.add(page(6, 5'000), {});
  CHECK(take_all(one) == "5 6 ");
  CHECK(metrics.held_dropped.Value() == 3);
  other.add(page(7, 20'000), {});
  CHECK(other.empty());
  CHECK(metrics.held_dropped.Value() == 5);
  CHECK(metrics.held_bytes.Value() == 0);
  CHECK(metrics.held.Value() == 7);
}

TEST_CASE("pages that nobody takes give their room back") {
  ScrapeMetrics metrics(nullptr);
  HoldRoom room(10'000, metrics);
  {
    PageHold hold(room);
    hold.add(page(1, 5'000), {});
  }
  CHECK(metrics.held_bytes.Value() == 0);
}
