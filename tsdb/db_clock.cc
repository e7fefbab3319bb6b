// What came from the future must not keep out what comes now.
//
// A clock that was ahead, or a block that somebody imported, leaves samples that are newer than now. By
// the rules of order nothing else would be accepted until time has caught up with them. So while the
// newest sample is ahead of the clock by more than a scrape may bring, the window for late samples
// reaches back from it to what would be in order without it: what comes now is kept beside, in its own
// log, chunks and blocks, and is seen at once (docs/formats/wal.md, wbl).
#include <algorithm>

#include "telemetry/log.h"
#include "tsdb/db_impl.h"

namespace narthex::tsdb {
namespace {

/// Scrapes refuse samples that are further ahead.
constexpr DurationMs kMostAhead = 10 * 60 * 1000;

}  // namespace

Result<void> Db::Impl::set_out_of_order_window(DurationMs window) {
  wanted_ooo_window = window;
  return apply_out_of_order_window();
}

Result<void> Db::Impl::apply_out_of_order_window() {
  const DurationMs ahead = head.newest() == kMinTime ? 0 : head.newest() - clock.now();
  DurationMs window = wanted_ooo_window;
  const bool is_ahead = ahead > kMostAhead;
  if (is_ahead) window = std::max(window, ahead + options.min_block_range / 2);
  if (is_ahead != head_is_ahead.exchange(is_ahead)) {
    if (is_ahead) {
      telemetry::warn(
          "The newest sample is from the future; what comes now is kept as out of order until then",
          {{"newest", std::to_string(head.newest())}, {"ahead_ms", std::to_string(ahead)}});
    } else {
      telemetry::info("Time has caught up with the newest sample", {});
    }
  }
  if (window > 0) {
    if (auto opened = open_out_of_order_log(); !opened) return opened;
  }
  head.set_out_of_order_window(window);
  return {};
}

}  // namespace narthex::tsdb
