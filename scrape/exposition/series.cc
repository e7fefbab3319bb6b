// From the text of a series or exemplar to its labels: what a scrape does once per series.
#include <algorithm>

#include "model/value.h"
#include "scrape/exposition/label_spans.h"
#include "scrape/exposition/parser.h"

namespace narthex::scrape {

namespace {

enum class Escapes : std::uint8_t { label, help };

/// \\, \n and, but for help texts, \" are undone; a backslash before anything else stays.
std::string unescaped(std::string_view text, Escapes escapes) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char follows = text[i] == '\\' && i + 1 < text.size() ? text[i + 1] : '\0';
    const bool quote_escape = follows == '"' && escapes == Escapes::label;
    if (follows == '\\' || follows == 'n' || quote_escape) {
      out += follows == 'n' ? '\n' : follows;
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

/// Keeps unescaped text alive beside the views of what needed none.
class Unescaper {
 public:
  /// @param most  how often it will be asked at most, so that no text moves
  explicit Unescaper(std::size_t most) { texts_.reserve(most); }

  std::string_view operator()(std::string_view raw) {
    if (raw.find('\\') == std::string_view::npos) return raw;
    return keep(unescaped(raw, Escapes::label));
  }
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }

 private:
  std::vector<std::string> texts_;
};

bool holds_a_bound(MetricType type, std::string_view label) {
  return (type == MetricType::histogram && label == kBucketLabel) ||
         (type == MetricType::summary && label == "quantile");
}

Result<Labels> unique_labels(std::vector<LabelView> pairs) {
  std::sort(pairs.begin(), pairs.end());
  for (std::size_t i = 0; i < pairs.size(); ++i)
    // An empty name counts as a repeated one, as in Prometheus.
    if (pairs[i].name == (i == 0 ? std::string_view() : pairs[i - 1].name))
      return fail(Code::invalid,
                  "label name \"" + std::string(pairs[i].name) + "\" is not unique: invalid sample");
  return Labels::from_pairs(std::move(pairs));
}

}  // namespace

Result<Labels> parse_series(std::string_view series_text, const SeriesContext& context) {
  LabelSpans spans;
  if (auto read = read_series_spans(series_text, context.format, spans); !read) return pass(read);

  Unescaper unescape(spans.labels.size() * 2 + 1);
  std::vector<LabelView> pairs;
  pairs.reserve(spans.labels.size() + 3);
  pairs.push_back({kMetricName, unescape(*spans.metric_name)});
  const bool add_type = context.type_and_unit_labels && context.type != MetricType::unknown;
  const bool add_unit = context.type_and_unit_labels && !context.unit.empty();
  if (add_type) pairs.push_back({kTypeLabel, metric_type_name(context.type)});
  if (add_unit) pairs.push_back({kUnitLabel, context.unit});
  for (const LabelView& raw : spans.labels) {
    const std::string_view name = unescape(raw.name);
    std::string_view value = unescape(raw.value);
    // What the page's metadata says wins over labels of the same name.
    if ((add_type && name == kTypeLabel) || (add_unit && name == kUnitLabel)) continue;
    if (context.type_and_unit_labels && name == kMetricName) continue;
    if (holds_a_bound(context.type, name))
      if (const auto bound = parse_float(value)) value = unescape.keep(format_open_metrics(*bound));
    pairs.push_back({name, value});
  }
  return unique_labels(std::move(pairs));
}

Result<Exemplar> parse_exemplar(std::string_view exemplar_text) {
  // As the lexer wants it: behind a sample, on a line of its own.
  const std::string line = "a 0 # " + std::string(exemplar_text) + "\n";
  Lexer lexer(Format::open_metrics, line);
  for (int i = 0; i < 3; ++i) lexer.next();  // name, value, opening brace
  LabelSpans spans;
  if (auto read = read_labels(lexer, 0, true, spans); !read) return pass(read);
  Exemplar exemplar;
  // Values stay escaped: Prometheus does not undo it here.
  auto labels = unique_labels(std::move(spans.labels));
  if (!labels) return pass(labels);
  exemplar.labels = std::move(*labels);
  if (lexer.next() != Token::value) return fail(Code::invalid, "expected value after exemplar labels");
  const auto value = parse_value_or_error(lexer.token_text().substr(1));
  if (!value) return std::unexpected(value.error());
  exemplar.value = *value;
  if (lexer.next() == Token::timestamp) {
    const auto ms = parse_seconds(lexer.token_text().substr(1), "invalid exemplar timestamp");
    if (!ms) return std::unexpected(ms.error());
    exemplar.timestamp = *ms;
  }
  return exemplar;
}

std::string unescape_help(std::string_view text, Format format) {
  return unescaped(text, format == Format::text ? Escapes::help : Escapes::label);
}

std::string unescape_name(std::string_view text) {
  return unescaped(text, Escapes::label);
}

}  // namespace narthex::scrape
