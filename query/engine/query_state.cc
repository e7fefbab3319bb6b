#include "query/engine/query_state.h"

#include <fmt/format.h>

namespace narthex::query {

Result<void> QueryDeadline::check_stopped(std::string_view where) const {
  switch (stop_.stopped() ? stop_.reason() : cancel_.reason()) {
    case sync::StopReason::none:
      break;
    case sync::StopReason::deadline:
      return fail(Code::timeout, fmt::format("query timed out in {}", where));
    case sync::StopReason::memory:
      return fail(Code::limit, fmt::format("query was stopped in {} because memory is short", where));
    case sync::StopReason::client_gone:
    case sync::StopReason::request:
    case sync::StopReason::shutdown:
      return fail(Code::cancelled, fmt::format("query was canceled in {}", where));
  }
  return {};
}

Result<void> QueryDeadline::check(std::string_view where) const {
  if (auto going_on = check_stopped(where); !going_on) return going_on;
  if (clock_->steady() >= at_) return fail(Code::timeout, fmt::format("query timed out in {}", where));
  return {};
}

}  // namespace narthex::query
