#include "query/promqltest/load_block.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace narthex::query {
namespace {

constexpr std::string_view kStartSuffix = "@st";
constexpr std::string_view kBlanks = " \t";

std::unexpected<Error> bad_line(std::uint32_t number, std::string_view text) {
  return fail(Code::invalid, fmt::format("line {}: {}", number, text));
}

std::optional<std::uint64_t> to_count(std::string_view text) {
  std::uint64_t n = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (code != std::errc() || end != text.data() + text.size() || n >= kMaxSequenceValues) return std::nullopt;
  return n;
}

/// A duration with an optional sign at the front of `text`, which loses it.
Result<DurationMs> take_duration(std::string_view& text) {
  const bool negate = text.starts_with('-');
  std::size_t begin = negate || text.starts_with('+') ? 1 : 0;
  std::size_t end = begin;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
  if (end == begin) return fail(Code::invalid, fmt::format("expected digits in duration {}", quote(text)));
  const auto is_unit = [](char c) { return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) && c != 'x'; };
  while (end < text.size() && is_unit(text[end])) ++end;
  auto ms = parse_duration(text.substr(begin, end - begin));
  if (!ms) return pass(ms);
  text.remove_prefix(end);
  return negate ? -*ms : *ms;
}

SequenceValue at_offset(DurationMs ms) {
  SequenceValue v;
  v.value = static_cast<double>(ms);
  return v;
}

/// One item of an @st line.
Result<std::vector<SequenceValue>> start_offsets_item(std::string_view item) {
  const auto refuse = [](std::string_view why) { return fail(Code::invalid, std::string(why)); };
  if (item.starts_with('_')) {
    SequenceValue omitted;
    omitted.omitted = true;
    if (item == "_") return std::vector{omitted};
    const auto n = item.starts_with("_x") ? to_count(item.substr(2)) : std::nullopt;
    if (!n || *n == 0) return refuse("invalid repeat count");
    return std::vector(*n, omitted);
  }
  auto base = take_duration(item);
  if (!base) return pass(base);
  if (item.empty()) return std::vector{at_offset(*base)};
  DurationMs step = 0;
  if (item.front() == '+' || item.front() == '-') {
    const bool negate = item.front() == '-';
    item.remove_prefix(1);
    auto parsed = take_duration(item);
    if (!parsed) return pass(parsed, "invalid step duration");
    step = negate ? -*parsed : *parsed;
  }
  if (!item.starts_with('x')) return refuse("expected 'x<count>' after duration");
  const auto n = to_count(item.substr(1));
  if (!n) return refuse("invalid repeat count");
  std::vector<SequenceValue> values;
  values.reserve(*n + 1);
  for (std::uint64_t i = 0; i <= *n; ++i)
    values.push_back(at_offset(*base + static_cast<DurationMs>(i) * step));
  return values;
}

struct StartLine {
  Labels labels;
  std::vector<SequenceValue> offsets;
  std::uint32_t number = 0;
};

/// A line whose first word ends in @st; nothing if this is none.
Result<std::optional<StartLine>> parse_start_line(std::string_view line, std::uint32_t number) {
  const std::size_t blank = line.find_first_of(kBlanks);
  if (blank == std::string_view::npos || !line.substr(0, blank).ends_with(kStartSuffix)) return std::nullopt;
  const std::string_view metric = line.substr(0, blank - kStartSuffix.size());
  auto described = parse_series_description(fmt::format("{} _", metric));
  if (!described)
    return bad_line(number,
                    fmt::format("invalid @st line metric {}: {}", quote(metric), described.error().text));
  auto offsets = parse_start_offsets(line.substr(blank));
  if (!offsets) return bad_line(number, "invalid @st sequence: " + offsets.error().text);
  return StartLine{std::move(described->labels), std::move(*offsets), number};
}

LoadedSeries place_samples(SeriesDescription described, const std::optional<StartLine>& starts,
                           DurationMs step) {
  LoadedSeries series;
  series.labels = std::move(described.labels);
  for (std::size_t i = 0; i < described.values.size(); ++i) {
    SequenceValue& value = described.values[i];
    if (value.omitted) continue;
    LoadedSample sample;
    sample.t = static_cast<Timestamp>(i) * step;
    sample.v = value.value;
    sample.histogram = std::move(value.histogram);
    if (starts && !starts->offsets[i].omitted)
      sample.st = sample.t + static_cast<DurationMs>(starts->offsets[i].value);
    series.samples.push_back(std::move(sample));
  }
  return series;
}

Result<LoadCommand> parse_load_line(std::string_view line, std::uint32_t number, DurationMs& step) {
  LoadCommand load;
  load.line = number;
  const std::size_t blank = line.find_first_of(kBlanks);
  const std::string_view command = line.substr(0, blank);
  if ((command != "load" && command != "load_with_nhcb") || blank == std::string_view::npos)
    return bad_line(number, "invalid load command. (load[_with_nhcb] <step:duration>)");
  load.with_nhcb = command != "load";
  const std::string_view text = line.substr(line.find_first_not_of(kBlanks, blank));
  auto parsed = parse_duration(text);
  if (!parsed)
    return bad_line(number, fmt::format("invalid step definition {}: {}", quote(text), parsed.error().text));
  step = *parsed;
  return load;
}

}  // namespace

Result<std::vector<SequenceValue>> parse_start_offsets(std::string_view text) {
  std::vector<SequenceValue> values;
  for (;;) {
    const std::size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return values;
    text.remove_prefix(begin);
    const std::string_view item = text.substr(0, text.find_first_of(kBlanks));
    auto more = start_offsets_item(item);
    if (!more) return pass(more, fmt::format("invalid ST item {}", quote(item)));
    values.insert(values.end(), more->begin(), more->end());
    text.remove_prefix(item.size());
  }
}

Result<LoadCommand> parse_load(std::span<const std::string_view> lines, std::uint32_t number) {
  DurationMs step = 0;
  auto load = parse_load_line(lines.front(), number, step);
  if (!load) return load;
  std::optional<StartLine> starts;
  for (const std::string_view line : lines.subspan(1)) {
    ++number;
    auto start_line = parse_start_line(line, number);
    if (!start_line) return pass(start_line);
    if (*start_line) {
      if (starts) break;
      starts = std::move(*start_line);
      continue;
    }
    auto described = parse_series_description(line);
    if (!described) return bad_line(number, described.error().text);
    if (starts && starts->labels != described->labels)
      return bad_line(starts->number, "@st metric does not match the following sample line metric");
    if (starts && starts->offsets.size() != described->values.size())
      return bad_line(starts->number, fmt::format("@st line has {} values but sample line has {}",
                                                  starts->offsets.size(), described->values.size()));
    LoadedSeries series = place_samples(std::move(*described), starts, step);
    starts.reset();
    const auto same = std::ranges::find(load->series, series.labels, &LoadedSeries::labels);
    if (same == load->series.end()) {
      load->series.push_back(std::move(series));
    } else {
      *same = std::move(series);
    }
  }
  if (starts) return bad_line(starts->number, "@st line has no following sample line");
  return load;
}

}  // namespace narthex::query
