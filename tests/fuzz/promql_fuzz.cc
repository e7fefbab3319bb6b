// Any text must be parsed or refused, never crash; what was parsed is printed, and the
// printed form means the same: it parses again and prints the same from then on.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "query/promql/parser.h"
#include "query/promql/text.h"

using namespace narthex;
using namespace narthex::query;

namespace {

constexpr ParserOptions kEverything{true, true, true, true};

/// Forms that Prometheus prints so that they change when read again: +Inf gets one sign more
/// each time, a range of microseconds becomes 0s.
bool is_printed_lossily(const std::string& printed, const std::string& error) {
  return lower_case(printed).contains("inf") || error.contains("duration must be greater than 0");
}

[[noreturn]] void give_up(std::string_view what, const std::string& printed, const std::string& again) {
  std::fprintf(stderr, "%.*s\nprinted: %s\nagain: %s\n", static_cast<int>(what.size()), what.data(),
               printed.c_str(), again.c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view query(reinterpret_cast<const char*>(data), size);
  static_cast<void>(parse_selector(query));
  static_cast<void>(parse_metric(query));
  const auto tree = parse(query, kEverything);
  if (!tree) return 0;
  static_cast<void>(pretty_print(**tree, 20));
  if (print(*clone(**tree)) != print(**tree)) give_up("a copy prints differently", print(**tree), "");

  const std::string printed = print(**tree);
  const auto second = parse(printed, kEverything);
  if (!second) {
    if (is_printed_lossily(printed, second.error().text)) return 0;
    give_up("the printed form is refused", printed, second.error().text);
  }
  // The first print may change how a duration is written, so the second is compared.
  const std::string twice = print(**second);
  const auto third = parse(twice, kEverything);
  if (is_printed_lossily(printed, "")) return 0;
  if (!third || print(**third) != twice) give_up("the printed form is not stable", printed, twice);
  return 0;
}
