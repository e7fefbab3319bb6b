// Any text must be read as a test script without a crash. What is loaded keeps its promises:
// each label set once, samples ascending by time, and what was parsed as a query parses.
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string_view>
#include <variant>

#include "query/promql/parser.h"
#include "query/promqltest/classic_histograms.h"
#include "query/promqltest/eval_block.h"
#include "query/promqltest/notation.h"
#include "query/promqltest/script.h"

using namespace narthex;
using namespace narthex::query;

namespace {

void demand(bool holds) {
  if (!holds) std::abort();
}

void look_at(const ClearCommand&) {}
void look_at(const BadBlock& block) {
  demand(!block.text.empty());
}
void look_at(const EvalCommand& eval) {
  demand(parse(eval.query, kScriptParserOptions).has_value());
  static_cast<void>(to_notation(eval));
}
void look_at(const LoadCommand& load) {
  std::set<Labels> seen;
  for (const LoadedSeries& series : load.series) {
    demand(seen.insert(series.labels).second);
    for (std::size_t i = 1; i < series.samples.size(); ++i)
      demand(series.samples[i - 1].t <= series.samples[i].t);
  }
  static_cast<void>(native_from_classic(load.series));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const Command& command : parse_script(text)) std::visit([](const auto& c) { look_at(c); }, command);
  return 0;
}
