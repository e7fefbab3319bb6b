#include "tests/scrape/exposition/read_page.h"

#include "model/value.h"

namespace narthex::scrape {

namespace {

std::string time_text(const std::optional<Timestamp>& t) {
  return t ? " @" + std::to_string(*t) : "";
}

Result<std::string> series_line(Parser& parser) {
  const Entry entry = parser.entry();
  const auto labels = parse_series(entry.series_text, {parser.format(), parser.type(), parser.unit(), false});
  if (!labels) return std::unexpected(parser.explain(labels.error()));
  const auto value = parse_value_or_error(entry.value_text);
  if (!value) return std::unexpected(parser.explain(value.error()));
  std::string line = labels->to_string() + " " + format_general(*value) + time_text(entry.timestamp);
  if (entry.exemplar_text.empty()) return line;
  const auto exemplar = parse_exemplar(entry.exemplar_text);
  if (!exemplar) return std::unexpected(exemplar.error());
  line += " # " + exemplar->labels.to_string() + " " + format_general(exemplar->value);
  return line + time_text(exemplar->timestamp);
}

Result<std::string> entry_line(Parser& parser, EntryKind kind) {
  const Entry& entry = parser.entry();
  const std::string name = unescape_name(entry.name);
  switch (kind) {
    case EntryKind::series:
      return series_line(parser);
    case EntryKind::type:
      return "TYPE " + name + " " + std::string(metric_type_name(entry.type));
    case EntryKind::help:
      return "HELP " + name + " " + unescape_help(entry.text, parser.format());
    case EntryKind::unit:
      return "UNIT " + name + " " + std::string(entry.text);
    case EntryKind::comment:
      return std::string(entry.text);
    case EntryKind::end:
      break;
  }
  return std::string("END");
}

}  // namespace

Page read_page(Format format, std::string_view text, ScanBlock scan) {
  const ScrapeBody body{std::string(text)};
  Parser parser(body, format, scan);
  Page page;
  const auto refuse = [&](const Error& error) {
    page.error = error.text;
    page.line = error.at ? error.at->line : 0;
    return page;
  };
  for (;;) {
    const auto kind = parser.next();
    if (!kind) return refuse(kind.error());
    if (*kind == EntryKind::end) return page;
    const auto line = entry_line(parser, *kind);
    if (!line) return refuse(line.error());
    page.entries += *line + "\n";
  }
}

}  // namespace narthex::scrape
