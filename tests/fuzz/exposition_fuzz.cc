// Any bytes as a page: both ways of scanning must see the same entries, and the parser's fast
// path the same as the exact reader alone.
#include <cstdint>
#include <string>

#include "model/check.h"
#include "scrape/exposition/parser.h"

using namespace narthex;
using namespace narthex::scrape;

namespace {

/// Series, values and times up to the first error, which ends with "refused".
template <class Next>
std::string summary(Format format, Next next) {
  std::string out;
  MetricType type = MetricType::unknown;
  for (;;) {
    Entry entry;
    const auto kind = next(entry);
    if (!kind) return out + "refused";
    if (*kind == EntryKind::end) return out + "accepted";
    if (*kind == EntryKind::type) type = entry.type;
    if (*kind != EntryKind::series) continue;
    const auto labels = parse_series(entry.series_text, {format, type, "", false});
    if (!labels || !parse_value(entry.value_text)) return out + "refused";
    if (!entry.exemplar_text.empty()) (void)parse_exemplar(entry.exemplar_text);
    out += labels->to_string();
    out += entry.value_text;
    out += entry.timestamp ? std::to_string(*entry.timestamp) : "-";
    out += entry.exemplar_text;
    out += '\n';
  }
}

std::string by_parser(const ScrapeBody& body, Format format, ScanBlock scan) {
  Parser parser(body, format, scan);
  return summary(format, [&](Entry& entry) {
    auto kind = parser.next();
    entry = parser.entry();
    return kind;
  });
}

std::string by_reader(const ScrapeBody& body, Format format) {
  const std::string_view text(body.text().data(), body.size() + (format == Format::text ? 1 : 0));
  LineReader reader(format, text);
  std::size_t at = 0;
  return summary(format, [&](Entry& entry) {
    auto kind = reader.read(at, entry);
    at = reader.position();
    return kind;
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ScrapeBody body(std::string(reinterpret_cast<const char*>(data), size));
  for (const Format format : {Format::text, Format::open_metrics}) {
    const std::string fast = by_parser(body, format, best_scan_block());
    check(fast == by_parser(body, format, scan_block_scalar), "both ways of scanning see the same");
    check(fast == by_reader(body, format), "the fast path sees what the exact reader sees");
  }
  return 0;
}
