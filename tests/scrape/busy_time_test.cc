#include "scrape/busy_time.h"

#include <doctest/doctest.h>

#include <vector>

using namespace narthex::scrape;

namespace {

/// Tenths of a millisecond after some moment: fine enough to tell pauses apart.
BusyTime::Time at(int tenths) {
  return BusyTime::Time(std::chrono::hours(1)) + std::chrono::microseconds(tenths * 100);
}

}  // namespace

TEST_CASE("a scrape that came due while its thread was at work was called in time") {
  struct Page {
    int begin;
    int end;
  };
  const struct {
    const char* what;
    std::vector<Page> pages;
    int due;
    int seen;
    int called;
  } rows[] = {
      {"an idle thread: what passed until it looked is the system's doing", {}, 50, 90, 90},
      {"due in the middle of a page", {{40, 80}}, 50, 81, 50},
      {"due in the first of two pages that follow each other", {{40, 80}, {85, 120}}, 50, 121, 50},
      {"due between the two", {{40, 80}, {85, 120}}, 82, 121, 82},
      {"due before the thread woke for the page: the system was late until then", {{60, 80}}, 50, 81, 60},
      {"a pause ends a stretch of work", {{40, 80}, {100, 120}}, 50, 121, 100},
      {"work that is long over", {{40, 80}}, 85, 100, 100},
      {"woken before it was due", {{40, 80}}, 200, 81, 81},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    BusyTime busy;
    for (const Page& page : row.pages) {
      busy.begin(at(page.begin));
      busy.end(at(page.end));
    }
    CHECK((busy.called_at(at(row.due), at(row.seen)) == at(row.called)));
  }
}
