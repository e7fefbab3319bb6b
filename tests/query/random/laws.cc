#include "tests/query/random/laws.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "model/clock.h"
#include "query/engine/label_ops.h"
#include "query/promql/parser.h"
#include "query/promqltest/pinned.h"
#include "tests/query/random/exact_answer.h"
#include "tests/query/random/random_series.h"

namespace narthex::tests {
namespace {

using query::QueryResult;
using Broken = Laws::Broken;

std::string seconds(Timestamp t) {
  return fmt::format("{} s", static_cast<double>(t) / 1000);
}

/// What differs, and between which two ways of asking.
Broken told(std::string_view ways, const Broken& what) {
  if (!what) return std::nullopt;
  return fmt::format("{}\n  {}", ways, *what);
}

/// Its spans name as many buckets as there are.
bool is_laid_out(const FloatHistogram& h) {
  const auto fits = [](const std::vector<HistogramSpan>& spans, const std::vector<double>& buckets) {
    std::size_t n = 0;
    for (const HistogramSpan& span : spans) n += span.length;
    return n == buckets.size();
  };
  return fits(h.positive_spans, h.positive_buckets) && fits(h.negative_spans, h.negative_buckets);
}

/// Functions over ranges refuse series that get equal labels though they never meet at a step, and
/// info() refuses series that only other steps ask for.
bool is_about_other_steps(const Error& error) {
  return error.text == query::kSameLabelset || error.text.contains("series for info metric");
}

/// What an annotation says whenever it is said: without its place, and without what depends on
/// how often it was said. Nothing for those about range queries only.
std::string gist(std::string_view annotation) {
  if (annotation.contains("is ineffective for range queries")) return "";
  for (const std::string_view tail : {", from buckets ", " occurrences)"})
    if (const auto at = annotation.find(tail); at != std::string_view::npos)
      annotation = annotation.substr(0, at);
  return std::string(annotation.substr(0, annotation.rfind(" (")));
}

/// The answer's points as if they were at another time.
ExactAnswer moved(const ExactAnswer& answer, Timestamp to) {
  ExactAnswer out = answer;
  out.points.clear();
  for (const auto& [where, value] : answer.points) out.points.emplace(std::pair{where.first, to}, value);
  return out;
}

}  // namespace

RandomTimes random_times(Choices& choices) {
  constexpr DurationMs kSteps[] = {60'000, 15'000, 37'000, 300'000, 1'500};
  constexpr Timestamp kStarts[] = {600'000, 0, 437'211, -120'000, 1'500'000};
  RandomTimes times;
  times.step = choices.one_of(kSteps);
  times.start = choices.one_of(kStarts);
  times.end = times.start + times.step * choices.below(20) + (choices.one_in(3) ? times.step / 2 : 0);
  return times;
}

Result<QueryResult> Laws::instant(std::string_view query, Timestamp t) {
  query::QueryRequest request;
  request.query = query;
  request.start = request.end = t;
  return engine_.run(store_, request, sync::StopToken());
}

Result<QueryResult> Laws::range(std::string_view query, const RandomTimes& times) {
  query::QueryRequest request;
  request.query = query;
  request.start = times.start;
  request.end = times.end;
  request.step = times.step;
  return engine_.run(store_, request, sync::StopToken());
}

Broken Laws::range_equals_instants(std::string_view query, const RandomTimes& times) {
  // What comes first in time decides whether series of both sides keep their names.
  if (engine_.options().delayed_name_removal && query.contains(" or ")) return std::nullopt;
  const ExactAnswer over = exact(range(query, times));
  if (over.error && is_about_other_steps(*over.error)) return std::nullopt;
  bool any_failed = false;
  std::set<std::string> annotations;
  for (Timestamp t = times.start; t <= times.end; t += times.step) {
    const ExactAnswer once = exact(instant(query, t));
    any_failed = any_failed || once.error.has_value();
    for (const std::string& text : once.annotations) annotations.insert(gist(text));
    if (over.error) continue;
    if (auto what = difference(over.at(t), once))
      return told(fmt::format("range from {} to {} step {}, and instant at {}", seconds(times.start),
                              seconds(times.end), seconds(times.step), seconds(t)),
                  what);
  }
  if (over.error && !any_failed) return "the range query fails, and no instant query: " + over.error->text;
  // A subquery is evaluated between the windows of the steps, too.
  if (over.error || query.contains(':')) return std::nullopt;
  for (const std::string& text : over.annotations)
    if (const std::string said = gist(text); !said.empty() && !annotations.contains(said))
      return "only the range query says: " + text;
  return std::nullopt;
}

Broken Laws::printed_means_the_same(std::string_view query, const RandomTimes& times) {
  const auto tree = query::parse(query, engine_.options().parser);
  if (!tree) return "it is refused: " + tree.error().text;
  const std::string printed = query::print(**tree);
  // Prometheus prints +Inf, whose sign is then another operator in front of the power.
  if (printed.contains("Inf ^")) return std::nullopt;
  const ExactAnswer want = exact(range(query, times));
  for (const std::string& form : {printed, query::pretty_print(**tree), query::pretty_print(**tree, 10)}) {
    const auto again = query::parse(form, engine_.options().parser);
    if (!again) return fmt::format("the printed form is refused: {}\n  {}", again.error().text, form);
    if (query::print(**again) != printed)
      return fmt::format("printed as {}\n  and then as {}", printed, query::print(**again));
    ExactAnswer got = exact(range(form, times));
    // Some errors begin with a place.
    if (want.error && got.error) got.error = want.error;
    if (auto what = difference(want, got)) return told("as written, and as " + form, what);
  }
  return std::nullopt;
}

Broken Laws::pinned_is_the_same_everywhere(std::string_view query, Timestamp t) {
  const auto tree = query::parse(query, engine_.options().parser);
  if (!tree) return "it is refused: " + tree.error().text;
  const auto pinned = query::pin(**tree, t);
  if (!pinned || query.contains("start_timestamp")) return std::nullopt;
  const ExactAnswer want = exact(instant(query, t));
  constexpr DurationMs kFar = 1'000'000;
  const RandomTimes around{t - kFar, t + kFar, kFar};
  const ExactAnswer over = exact(range(*pinned, around));
  if (over.error && over.error->text == query::kSameLabelset) return std::nullopt;
  for (Timestamp at = around.start; at <= around.end; at += around.step) {
    ExactAnswer got = moved(exact(instant(*pinned, at)), t);
    if (want.error && got.error) got.error = want.error;
    if (auto what = difference(want, got))
      return told(fmt::format("at {}, and at {} as {}", seconds(t), seconds(at), *pinned), what);
    ExactAnswer step = moved(over.at(at), t);
    if (want.error && step.error) step.error = want.error;
    if (auto what = difference(want, step))
      return told(fmt::format("at {}, and in a range query at {} as {}", seconds(t), seconds(at), *pinned),
                  what);
  }
  return std::nullopt;
}

Broken Laws::subquery_of_one_step_is_the_query(std::string_view query, Timestamp t) {
  const auto tree = query::parse(query, engine_.options().parser);
  if (!tree) return "it is refused: " + tree.error().text;
  if (query::type_of(**tree) != query::ValueType::vector) return std::nullopt;
  // Outside subqueries they read count and sum only, which says something else of a gauge's rate.
  for (const std::string_view reader : {"histogram_count", "histogram_sum", "histogram_avg"})
    if (query.contains(reader)) return std::nullopt;
  const ExactAnswer want = without_hints(exact(instant(query, t)));
  ExactAnswer got = without_hints(exact(instant(fmt::format("last_over_time(({})[1m:1m])", query), t)));
  if (want.error && got.error) got.error = want.error;
  return told("alone, and within last_over_time at " + seconds(t), difference(want, got));
}

Broken Laws::limits_refuse_or_change_nothing(std::string_view query, const RandomTimes& times,
                                             Choices& choices) {
  query::EngineOptions options = engine_.options();
  options.max_samples = 1 + choices.below(3000);
  options.max_bytes = 2000 * (1 + choices.below(200));
  const ManualClock clock{0};
  query::Engine limited(options, clock, nullptr);
  Broken broken;
  {
    const ExactAnswer want = exact(range(query, times));
    query::QueryRequest request;
    request.query = query;
    request.start = times.start;
    request.end = times.end;
    request.step = times.step;
    const Result<QueryResult> result = limited.run(store_, request, sync::StopToken());
    const ExactAnswer got = exact(result);
    const bool refused = got.error && got.error->code == Code::limit;
    if (!refused) broken = told("without limits, and with them", difference(want, got));
  }
  if (!broken && limited.memory_used() != 0)
    broken = fmt::format("{} bytes are charged when nothing runs", limited.memory_used());
  return broken;
}

Broken Laws::repeated_parts_change_nothing(std::string_view query, const RandomTimes& times,
                                           Choices& choices) {
  constexpr std::string_view kTwice[] = {"({0}) + ({0})",
                                         "({0}) or ({0})",
                                         "({0}) and ({0}) unless ({0})",
                                         "sum({0}) / on () group_right () ({0})",
                                         "sum by (job) ({0}) - max by (job) ({0})",
                                         "({0}) or rate(mixed[5m]) + max_over_time(mixed[5m])",
                                         "({0}) or max_over_time(load[3m]) - min_over_time(load[3m])",
                                         "count({0}) + sum_over_time((({0}) * ({0}))[3m:1m])"};
  const auto tree = query::parse(query, engine_.options().parser);
  if (!tree) return "it is refused: " + tree.error().text;
  if (query::type_of(**tree) != query::ValueType::vector) return std::nullopt;
  query::QueryRequest request;
  const std::string twice = fmt::format(fmt::runtime(choices.one_of(kTwice)), query);
  request.query = twice;
  request.start = times.start;
  request.end = times.end;
  request.step = times.step;
  query::EngineOptions options = engine_.options();
  options.share_repeated_parts = false;
  const ManualClock clock{0};
  query::Engine apart(options, clock, nullptr);
  const Result<QueryResult> together = engine_.run(store_, request, sync::StopToken());
  const Result<QueryResult> each = apart.run(store_, request, sync::StopToken());
  const ExactAnswer want = exact(each);
  const ExactAnswer got = exact(together);
  Broken what = difference(want, got);
  if (!what && want.annotations != got.annotations)
    what = fmt::format("annotated {} and {}", fmt::join(want.annotations, "; "),
                       fmt::join(got.annotations, "; "));
  if (!what && each &&
      (each->stats.total_queryable_samples != together->stats.total_queryable_samples ||
       each->stats.samples_read != together->stats.samples_read))
    what = "other statistics";
  return told("evaluated at each place and once: " + twice, what);
}

Broken Laws::result_is_well_formed(std::string_view query, const RandomTimes& times) {
  const auto result = range(query, times);
  if (!result) return std::nullopt;
  for (std::size_t i = 0; i < result->series.size(); ++i) {
    const query::ResultSeries& series = result->series[i];
    if (i > 0 && !(result->series[i - 1].labels < series.labels))
      return fmt::format("{} comes after {}", series.labels.to_string(),
                         result->series[i - 1].labels.to_string());
    if (series.t.empty() && series.histograms.empty()) return series.labels.to_string() + " is empty";
    std::set<Timestamp> seen(series.t.begin(), series.t.end());
    for (const auto& [t, h] : series.histograms) {
      seen.insert(t);
      if (!is_laid_out(h))
        return fmt::format("{} has a broken histogram at {}", series.labels.to_string(), seconds(t));
    }
    if (seen.size() != series.t.size() + series.histograms.size())
      return series.labels.to_string() + " has two samples at one time";
    for (const Timestamp t : seen)
      if (t < times.start || t > times.end || (t - times.start) % times.step != 0)
        return fmt::format("{} has a sample at {}", series.labels.to_string(), seconds(t));
  }
  return std::nullopt;
}

}  // namespace narthex::tests
