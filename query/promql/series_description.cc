#include "query/promql/series_description.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "model/value.h"
#include "query/histogram/arithmetic.h"
#include "query/promql/parser.h"
#include "query/promql/series_grammar.h"

namespace narthex::query {
namespace {

constexpr std::string_view kHistogram = "histogram description";
constexpr std::string_view kHistogramKey = "histogram description key, e.g. buckets:[5 10 7]";

bool is_sign(TokenKind k) {
  return k == TokenKind::add || k == TokenKind::sub;
}
bool is_number(TokenKind k) {
  return k == TokenKind::number || k == TokenKind::duration;
}

bool begins_item(TokenKind k) {
  return k == TokenKind::blank || k == TokenKind::identifier || k == TokenKind::open_histogram ||
         is_number(k) || is_sign(k);
}

std::vector<HistogramSpan> one_span(std::int32_t offset, std::size_t buckets) {
  if (buckets == 0) return {};
  return {{offset, static_cast<std::uint32_t>(buckets)}};
}

}  // namespace

Result<SeriesDescription> parse_series_description(std::string_view text) {
  if (text.size() > kMaxQueryBytes)
    return fail(Code::invalid, fmt::format("series description is too long: {} bytes, at most {} are "
                                           "accepted",
                                           text.size(), kMaxQueryBytes));
  SeriesGrammar grammar(text);
  auto description = grammar.description();
  if (description) return std::move(*description);
  const ParseError& first = grammar.errors().front();
  return fail(Code::invalid,
              fmt::format("{}: parse error: {}", position_text(text, first.span.start), first.text));
}

std::optional<SeriesDescription> SeriesGrammar::description() {
  auto labels = metric_labels();
  if (!labels) return std::nullopt;
  while (at(TokenKind::space)) {
    take();
    if (begins_item(peek().kind) && !item()) return std::nullopt;
  }
  if (!at(TokenKind::end_of_input)) unexpected({"series values", ""});
  if (!errors().empty()) return std::nullopt;
  return SeriesDescription{std::move(*labels), std::move(values_)};
}

bool SeriesGrammar::item() {
  switch (peek().kind) {
    case TokenKind::blank:
      return gap();
    case TokenKind::open_histogram:
      return histogram_item();
    default:
      return number_item();
  }
}

/// `_` or `_x5`.
bool SeriesGrammar::gap() {
  take();
  std::uint64_t count = 1;
  if (at(TokenKind::times)) {
    take();
    const auto n = repetitions();
    if (!n || !room_for(*n)) return false;
    count = *n;
  }
  SequenceValue omitted;
  omitted.omitted = true;
  values_.insert(values_.end(), count, omitted);
  return true;
}

/// `1`, `stale`, `1x4`, `1+2x4`. A repetition has one value more than it says: the first is
/// the one at time 0.
bool SeriesGrammar::number_item() {
  double value = kStaleNan;
  if (at(TokenKind::identifier)) {
    if (peek().text != "stale") {
      unexpected({"series values", "number or \"stale\""});
      return false;
    }
    take();
  } else {
    const auto number = signed_or_unsigned_number();
    if (!number) return false;
    value = *number;
  }
  double step = 0;
  const bool steps = is_sign(peek().kind);
  if (steps) {
    const auto number = signed_or_unsigned_number();
    if (!number) return false;
    step = *number;
    if (!at(TokenKind::times)) {
      unexpected({"series values", ""});
      return false;
    }
  }
  std::uint64_t more = 0;
  if (at(TokenKind::times)) {
    take();
    const auto n = repetitions();
    if (!n || !room_for(*n)) return false;
    more = *n;
  }
  for (std::uint64_t i = 0; i <= more; ++i) {
    SequenceValue v;
    v.value = value;
    values_.push_back(v);
    if (steps) value += step;
  }
  return true;
}

bool SeriesGrammar::histogram_item() {
  const auto base = histogram();
  if (!base) return false;
  if (is_sign(peek().kind)) return histogram_steps(*base, take().kind == TokenKind::add ? 1 : -1);
  std::uint64_t more = 0;
  if (at(TokenKind::times)) {
    take();
    const auto n = repetitions();
    if (!n || !room_for(*n)) return false;
    more = *n;
  }
  SequenceValue v;
  v.histogram = std::make_shared<const FloatHistogram>(base->value);
  v.hint_given = base->hint_given;
  values_.insert(values_.end(), more + 1, v);
  return true;
}

/// Behind the sign of `{{...}}+{{...}}x5`.
bool SeriesGrammar::histogram_steps(const Histogram& base, double sign) {
  if (!at(TokenKind::open_histogram)) {
    unexpected({"series values", ""});
    return false;
  }
  const auto step = histogram();
  if (!step) return false;
  if (!at(TokenKind::times)) {
    unexpected({"series values", ""});
    return false;
  }
  take();
  const auto more = repetitions();
  if (!more || !room_for(*more)) return false;
  if (*more > kMaxHistogramSteps) {
    error(token().span(), fmt::format("a histogram may change at most {} times", kMaxHistogramSteps));
    return false;
  }
  FloatHistogram current = base.value;
  for (std::uint64_t i = 0;; ++i) {
    SequenceValue v;
    v.histogram = std::make_shared<const FloatHistogram>(current);
    v.hint_given = step->hint_given;
    values_.push_back(std::move(v));
    if (i == *more) return true;
    if (current.schema > step->value.schema) {
      error(token().span(), fmt::format("error combining histograms: cannot merge from schema {} to {}",
                                        step->value.schema, current.schema));
      return false;
    }
    if (!(sign < 0 ? subtract(current, step->value) : add(current, step->value))) {
      error(token().span(),
            "error combining histograms: cannot apply this operation on histograms with a mix of exponential "
            "and custom bucket schemas");
      return false;
    }
  }
}

std::optional<double> SeriesGrammar::signed_or_unsigned_number() {
  const bool negate = is_sign(peek().kind) && take().kind == TokenKind::sub;
  const auto value = plain_number();
  return value && negate ? std::optional(-*value) : value;
}

std::optional<double> SeriesGrammar::plain_number() {
  if (!is_number(peek().kind)) {
    unexpected({"series values", ""});
    return std::nullopt;
  }
  const Token t = take();
  const double value = t.kind == TokenKind::duration ? duration_seconds(t) : number(t);
  return errors().empty() ? std::optional(value) : std::nullopt;
}

std::optional<std::uint64_t> SeriesGrammar::repetitions() {
  if (!at(TokenKind::number)) {
    unexpected({"series values", ""});
    return std::nullopt;
  }
  const Token t = take();
  std::uint64_t n = 0;
  const auto [stopped, code] = std::from_chars(t.text.begin(), t.text.end(), n);
  if (code == std::errc() && stopped == t.text.end()) return n;
  const bool range = code == std::errc::result_out_of_range;
  error(t.span(), fmt::format("invalid repetition in series values: strconv.ParseUint: parsing {}: {}",
                              quote(t.text), range ? "value out of range" : "invalid syntax"));
  return std::nullopt;
}

std::optional<std::int64_t> SeriesGrammar::integer() {
  const bool negate = at(TokenKind::sub);
  if (negate) take();
  const auto n = repetitions();
  if (!n) return std::nullopt;
  if (*n > 1'000'000) {
    error(token().span(), fmt::format("{} is too large in a histogram description", *n));
    return std::nullopt;
  }
  const auto value = static_cast<std::int64_t>(*n);
  return negate ? -value : value;
}

std::optional<SeriesGrammar::Histogram> SeriesGrammar::histogram() {
  take();
  Histogram h;
  if (at(TokenKind::space)) take();
  while (!at(TokenKind::close_histogram)) {
    if (!histogram_entry(h)) return std::nullopt;
    if (at(TokenKind::space)) {
      take();
    } else if (!at(TokenKind::close_histogram)) {
      unexpected({kHistogram, kHistogramKey});
      return std::nullopt;
    }
  }
  take();
  h.value.positive_spans = one_span(h.positive_offset, h.value.positive_buckets.size());
  h.value.negative_spans = one_span(h.negative_offset, h.value.negative_buckets.size());
  return h;
}

/// `key:value`.
bool SeriesGrammar::histogram_entry(Histogram& h) {
  const Token key = peek();
  if (!is_histogram_descriptor(key.kind)) {
    unexpected({kHistogram, kHistogramKey});
    return false;
  }
  take();
  if (!expect(TokenKind::colon)) return false;
  if (std::ranges::find(h.keys, key.kind) != h.keys.end()) {
    error({}, fmt::format("duplicate key \"{}\" in histogram", key.text));
    return false;
  }
  h.keys.push_back(key.kind);
  return histogram_value(key.kind, h);
}

bool SeriesGrammar::histogram_value(TokenKind key, Histogram& h) {
  switch (key) {
    case TokenKind::schema_desc:
      return offset_into(h.value.schema);
    case TokenKind::sum_desc:
      return number_into(h.value.sum);
    case TokenKind::count_desc:
      return number_into(h.value.count);
    case TokenKind::zero_bucket_desc:
      return number_into(h.value.zero_count);
    case TokenKind::zero_bucket_width_desc:
      return number_into(h.value.zero_threshold);
    case TokenKind::custom_values_desc:
      return buckets_into(h.value.custom_values);
    case TokenKind::buckets_desc:
      return buckets_into(h.value.positive_buckets);
    case TokenKind::negative_buckets_desc:
      return buckets_into(h.value.negative_buckets);
    case TokenKind::offset_desc:
      return offset_into(h.positive_offset);
    case TokenKind::negative_offset_desc:
      return offset_into(h.negative_offset);
    default:
      return hint_into(h);
  }
}

bool SeriesGrammar::number_into(double& target) {
  const auto value = signed_or_unsigned_number();
  if (value) target = *value;
  return value.has_value();
}

bool SeriesGrammar::offset_into(std::int32_t& target) {
  const auto value = integer();
  if (value) target = static_cast<std::int32_t>(*value);
  return value.has_value();
}

/// `[1 2 -3]`.
bool SeriesGrammar::buckets_into(std::vector<double>& target) {
  if (!expect(TokenKind::left_bracket)) return false;
  for (;;) {
    const auto value = signed_or_unsigned_number();
    if (!value) return false;
    target.push_back(*value);
    const bool spaced = at(TokenKind::space);
    if (spaced) take();
    if (at(TokenKind::right_bracket)) break;
    if (!spaced) {
      unexpected({kHistogram, "a space or \"]\""});
      return false;
    }
  }
  take();
  return true;
}

bool SeriesGrammar::hint_into(Histogram& h) {
  h.hint_given = true;
  switch (peek().kind) {
    case TokenKind::hint_unknown:
      h.value.hint = CounterResetHint::unknown;
      break;
    case TokenKind::hint_reset:
      h.value.hint = CounterResetHint::reset;
      break;
    case TokenKind::hint_not_reset:
      h.value.hint = CounterResetHint::not_reset;
      break;
    case TokenKind::hint_gauge:
      h.value.hint = CounterResetHint::gauge;
      break;
    default:
      unexpected({kHistogram, "a counter reset hint"});
      return false;
  }
  take();
  return true;
}

bool SeriesGrammar::room_for(std::uint64_t more) {
  if (more < kMaxSequenceValues - std::min(values_.size(), kMaxSequenceValues)) return true;
  error(token().span(), fmt::format("series description has more than {} values", kMaxSequenceValues));
  return false;
}

}  // namespace narthex::query
