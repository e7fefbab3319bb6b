#include "tests/query/random/random_query.h"

#include <fmt/args.h>
#include <fmt/format.h>

#include <array>
#include <initializer_list>
#include <string_view>

namespace narthex::tests {
namespace {

using Words = std::string_view;

/// fmt::format, but the parts are made in the order in which they stand: with every compiler
/// the same decisions give the same query.
std::string fill_in(Words pattern, std::initializer_list<std::string_view> parts) {
  fmt::dynamic_format_arg_store<fmt::format_context> store;
  for (const auto part : parts) store.push_back(part);
  return fmt::vformat(pattern, store);
}

// The first of each list is what a query ends with when there is nothing left to decide by.
constexpr Words kFloats[] = {"load", "requests_total", "errors_total", "latency_bucket"};
constexpr Words kHistograms[] = {"duration", "queue", "sizes", "mixed", "sizes_by_region"};
constexpr Words kMatchers[] = {"",
                               "{job=\"api\"}",
                               "{instance=~\"1|2\"}",
                               "{job!=\"api\"}",
                               "{instance!~\"2.*\"}",
                               "{job=\"db\",instance=\"3\"}",
                               "{zone=\"\"}",
                               "{job=~\".+\"}",
                               "{job=\"none\"}"};
constexpr Words kLabelSets[] = {"job", "job, instance", "",         "instance",
                                "le",  "job, le",       "__name__", "region"};
constexpr Words kDurations[] = {"1m",  "5m",         "90s", "15s", "2m", "10m",
                                "47s", "1m30s500ms", "300", "30s", "1h"};
constexpr Words kDurationExpressions[] = {"(30s + 1m)", "2 * 45s",          "max_of(10s, 1m)", "5m - 30s",
                                          "(2m) / 2",   "min_of(3m, 200s)", "2 ^ 6",           "1m % 45s"};
constexpr Words kQueryDurations[] = {"max_of(step(), 1m)", "step() + 30s", "range() + 1m",
                                     "min_of(range() + 1s, 5m)"};
constexpr Words kNumbers[] = {"1",   "0",    "2",      "0.5", "-1",   "NaN", "Inf",  "-Inf",
                              "100", "1e-3", "0.9999", "3",   "1000", "5m",  "0x1f", "1_000"};

// Functions of one vector.
constexpr Words kElementwise[] = {"abs",  "ceil", "floor", "exp",   "ln",    "log2", "log10", "sqrt",
                                  "sgn",  "sin",  "cos",   "tan",   "asin",  "acos", "atan",  "sinh",
                                  "cosh", "tanh", "asinh", "acosh", "atanh", "deg",  "rad",   "round"};
constexpr Words kHistogramValues[] = {"histogram_count", "histogram_sum", "histogram_avg", "histogram_stddev",
                                      "histogram_stdvar"};
constexpr Words kCalendar[] = {"hour",        "minute",       "month",         "year",
                               "day_of_week", "day_of_month", "days_in_month", "day_of_year"};
// Functions of one range vector.
constexpr Words kOverTime[] = {"rate",
                               "increase",
                               "sum_over_time",
                               "avg_over_time",
                               "count_over_time",
                               "min_over_time",
                               "max_over_time",
                               "last_over_time",
                               "first_over_time",
                               "delta",
                               "irate",
                               "idelta",
                               "changes",
                               "resets",
                               "deriv",
                               "present_over_time",
                               "stddev_over_time",
                               "stdvar_over_time",
                               "mad_over_time",
                               "ts_of_min_over_time",
                               "ts_of_max_over_time",
                               "ts_of_first_over_time",
                               "ts_of_last_over_time"};
constexpr Words kMayBeSmoothed[] = {"rate", "increase", "delta"};
constexpr Words kMayBeAnchored[] = {"rate", "increase", "delta", "resets", "changes"};
constexpr Words kAggregations[] = {"sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"};
constexpr Words kArithmetic[] = {"+", "-", "*", "/", "%", "^", "atan2"};
constexpr Words kComparisons[] = {">", "<", "==", "!=", ">=", "<="};

class QueryWriter {
 public:
  QueryWriter(Choices& choices, const RandomQueryOptions& options)
      : choices_(choices), options_(options), left_(options.size) {}

  std::string vector() {
    if (!spend()) return selector();
    static constexpr std::array<std::string (QueryWriter::*)(), 24> kForms = {&QueryWriter::selector,
                                                                              &QueryWriter::over_time,
                                                                              &QueryWriter::over_time,
                                                                              &QueryWriter::over_time,
                                                                              &QueryWriter::aggregation,
                                                                              &QueryWriter::aggregation,
                                                                              &QueryWriter::aggregation,
                                                                              &QueryWriter::elementwise,
                                                                              &QueryWriter::elementwise,
                                                                              &QueryWriter::with_scalar,
                                                                              &QueryWriter::with_scalar,
                                                                              &QueryWriter::joined_vectors,
                                                                              &QueryWriter::joined_vectors,
                                                                              &QueryWriter::set_operation,
                                                                              &QueryWriter::set_operation,
                                                                              &QueryWriter::histogram_value,
                                                                              &QueryWriter::histogram_value,
                                                                              &QueryWriter::label_function,
                                                                              &QueryWriter::calendar,
                                                                              &QueryWriter::absence,
                                                                              &QueryWriter::time_of_sample,
                                                                              &QueryWriter::sorted,
                                                                              &QueryWriter::info,
                                                                              &QueryWriter::wrapped};
    return (this->*choices_.one_of(kForms))();
  }

  std::string scalar() {
    if (!spend()) return number();
    switch (choices_.below(options_.query_times ? 11 : 8)) {
      case 0:
      case 1:
      case 2:
        return number();
      case 3:
        return "time()";
      case 4:
        return fill_in("scalar({})", {vector()});
      case 5:
        return fill_in("({} {} {})", {scalar(), choices_.one_of(kArithmetic), scalar()});
      case 6:
        return fill_in("({} {} bool {})", {scalar(), choices_.one_of(kComparisons), scalar()});
      case 7:
        return fill_in("{}({}, {})", {choices_.one_in(2) ? "min_of" : "max_of", scalar(), scalar()});
      default: {
        constexpr Words kTimes[] = {"step()", "start()", "end()", "range()"};
        return std::string(choices_.one_of(kTimes));
      }
    }
  }

 private:
  /// @return  false: the query is large enough
  bool spend() {
    if (left_ == 0) return false;
    --left_;
    return true;
  }

  std::string number() { return std::string(choices_.one_of(kNumbers)); }

  std::string duration() {
    if (options_.query_times && choices_.one_in(12)) return std::string(choices_.one_of(kQueryDurations));
    if (choices_.one_in(12)) return std::string(choices_.one_of(kDurationExpressions));
    return std::string(choices_.one_of(kDurations));
  }

  /// offset and @, in either order.
  std::string time_modifiers() {
    std::string offset;
    std::string at;
    if (choices_.one_in(6)) offset = fill_in(" offset {}({})", {choices_.one_in(3) ? "-" : "", duration()});
    if (choices_.one_in(10)) {
      constexpr Words kTimes[] = {"600", "0", "1234.567", "900", "-60", "1e4", "start()", "end()"};
      const std::uint32_t times = options_.query_times ? 8 : 6;
      at = fill_in(" @ {}", {kTimes[choices_.below(times)]});
    }
    return choices_.one_in(2) ? at + offset : offset + at;
  }

  std::string metric() {
    if (choices_.one_in(20)) return "{job=\"api\",__name__=~\"load|requests_total|duration\"}";
    const bool is_histogram = choices_.one_in(3);
    const Words name = is_histogram ? choices_.one_of(kHistograms) : choices_.one_of(kFloats);
    return fill_in("{}{}", {name, choices_.one_in(2) ? choices_.one_of(kMatchers) : ""});
  }

  std::string bare_selector() {
    std::string out = metric();
    if (choices_.one_in(25)) out += " smoothed";
    return out + time_modifiers();
  }

  /// In parentheses where an operator behind it would belong to the offset's duration.
  std::string selector() {
    const std::string bare = bare_selector();
    return bare.contains(" offset ") ? fill_in("({})", {bare}) : bare;
  }

  std::string range_vector() {
    if (choices_.one_in(3)) {
      const std::string inner = vector();
      return fill_in("({})[{}:{}]{}",
                     {inner, duration(), choices_.one_in(3) ? "" : subquery_step(), time_modifiers()});
    }
    const std::string name = metric();
    return fill_in("{}[{}]{}", {name, duration(), time_modifiers()});
  }

  std::string subquery_step() {
    constexpr Words kSteps[] = {"1m", "30s", "15s", "47s", "2m", "5m", "10"};
    return std::string(choices_.one_of(kSteps));
  }

  std::string over_time() {
    switch (choices_.below(12)) {
      case 8:
        return fill_in("quantile_over_time({}, {})", {scalar(), range_vector()});
      case 9:
        return fill_in("predict_linear({}, {})", {range_vector(), scalar()});
      case 10:
        return fill_in(
            "double_exponential_smoothing({}, {}, {})",
            {range_vector(), choices_.one_in(3) ? "0.9" : "0.3", choices_.one_in(3) ? scalar() : "0.6"});
      case 11: {
        const bool smoothed = choices_.one_in(2);
        const Words function = smoothed ? choices_.one_of(kMayBeSmoothed) : choices_.one_of(kMayBeAnchored);
        const std::string name = metric();
        return fill_in("{}({}[{}] {}{})",
                       {function, name, duration(), smoothed ? "smoothed" : "anchored", time_modifiers()});
      }
      default: {
        const Words function = choices_.one_of(kOverTime);
        return fill_in("{}({})", {function, range_vector()});
      }
    }
  }

  std::string grouping() {
    if (choices_.one_in(4)) return "";
    const bool without = choices_.one_in(3);
    return fill_in(" {} ({}) ", {without ? "without" : "by", choices_.one_of(kLabelSets)});
  }

  std::string parameter() { return options_.depend_on_other_steps ? scalar() : number(); }

  std::string aggregation() {
    const std::string group = grouping();
    switch (choices_.below(14)) {
      case 9:
        return fill_in("{}{}({}, {})", {choices_.one_in(2) ? "topk" : "bottomk", group,
                                        choices_.one_in(4) ? parameter() : "2", vector()});
      case 10:
        return fill_in("quantile{}({}, {})", {group, parameter(), vector()});
      case 11:
        return fill_in("count_values{}(\"{}\", {})", {group, choices_.one_in(4) ? "job" : "value", vector()});
      case 12:
        return fill_in("limitk{}({}, {})", {group, choices_.one_in(4) ? parameter() : "2", vector()});
      case 13: {
        constexpr Words kRatios[] = {"0.5", "-0.5", "1.5", "0", "-1"};
        return fill_in("limit_ratio{}({}, {})", {group, choices_.one_of(kRatios), vector()});
      }
      default:
        return fill_in("{}{}({})", {choices_.one_of(kAggregations), group, vector()});
    }
  }

  std::string elementwise() {
    switch (choices_.below(9)) {
      case 5:
        return fill_in("clamp({}, {}, {})", {vector(), scalar(), scalar()});
      case 6:
        return fill_in("clamp_min({}, {})", {vector(), scalar()});
      case 7:
        return fill_in("clamp_max({}, {})", {vector(), scalar()});
      case 8:
        return fill_in("round({}, {})", {vector(), scalar()});
      default:
        return fill_in("{}({})", {choices_.one_of(kElementwise), vector()});
    }
  }

  std::string with_scalar() {
    std::string op;
    if (choices_.one_in(3))
      op = fill_in("{}{}", {choices_.one_of(kComparisons), choices_.one_in(3) ? " bool" : ""});
    else if (choices_.one_in(6))
      op = choices_.one_in(2) ? "</" : ">/";
    else
      op = choices_.one_of(kArithmetic);
    if (op.back() != '/' && choices_.one_in(3)) return fill_in("({} {} {})", {scalar(), op, vector()});
    return fill_in("({} {} {})", {vector(), op, scalar()});
  }

  std::string operator_of_vectors() {
    if (choices_.one_in(3))
      return fill_in("{}{}", {choices_.one_of(kComparisons), choices_.one_in(3) ? " bool" : ""});
    return std::string(choices_.one_of(kArithmetic));
  }

  std::string fill() {
    if (!choices_.one_in(5)) return "";
    constexpr Words kFills[] = {"fill(0)", "fill_left(1)", "fill_right(-1.5)", "fill_left(2) fill_right(3)"};
    return fill_in(" {}", {choices_.one_of(kFills)});
  }

  /// Two vectors matched one to one, many to one, or at random.
  std::string joined_vectors() {
    const std::string op = operator_of_vectors();
    constexpr Words kKeys[] = {"job", "job, instance", "instance", ""};
    const Words key = choices_.one_of(kKeys);
    switch (choices_.below(5)) {
      case 0:
        return fill_in("({0} {2}{3} {1})", {vector(), vector(), op, fill()});
      case 1:
        return fill_in("(sum by ({0}) ({1}) {3} on ({0}){4} max by ({0}) ({2}))",
                       {key, vector(), vector(), op, fill()});
      case 2:
        return fill_in("({1} {3} on ({0}) group_left ({5}){4} sum by ({0}{6}) ({2}))",
                       {key, vector(), vector(), op, fill(), choices_.one_in(2) ? "region" : "",
                        key.empty() ? "" : ", region"});
      case 3:
        return fill_in("(avg by ({0}) ({1}) {3} on ({0}) group_right (){4} {2})",
                       {key, vector(), vector(), op, fill()});
      default:
        return fill_in("({1} {3} {5} ({0}){4} {2})",
                       {key, vector(), vector(), op, fill(), choices_.one_in(2) ? "ignoring" : "on"});
    }
  }

  std::string set_operation() {
    constexpr Words kSets[] = {"or", "and", "unless"};
    constexpr Words kMatchings[] = {"", " on (job)", " ignoring (le)", " on (job, instance)", " on ()"};
    const Words op = choices_.one_of(kSets);
    const Words matching = choices_.one_of(kMatchings);
    const std::string left = vector();
    return fill_in("({} {}{} {})", {left, op, matching, vector()});
  }

  std::string histogram_value() {
    const auto input = [&] {
      switch (choices_.below(4)) {
        case 0:
          return std::string(choices_.one_of(kHistograms));
        case 1:
          return fill_in("rate({}[5m])", {choices_.one_of(kHistograms)});
        case 2:
          return std::string("latency_bucket");
        default:
          return vector();
      }
    };
    switch (choices_.below(8)) {
      case 4:
        return fill_in("histogram_quantile({}, {})", {scalar(), input()});
      case 5:
        return fill_in("histogram_fraction({}, {}, {})", {scalar(), scalar(), input()});
      case 6:
        return fill_in("histogram_quantiles({}, \"q\", 0.5, {})", {input(), scalar()});
      case 7:
        return fill_in("({} {} {})", {input(), choices_.one_in(2) ? "</" : ">/", scalar()});
      default:
        return fill_in("{}({})", {choices_.one_of(kHistogramValues), input()});
    }
  }

  std::string label_function() {
    switch (choices_.below(5)) {
      case 0:
        return fill_in("label_replace({}, \"zone\", \"$1-x\", \"instance\", \"(.*)\")", {vector()});
      case 1:
        return fill_in("label_join({}, \"zone\", \"/\", \"job\", \"instance\")", {vector()});
      case 2:
        return fill_in("label_replace({}, \"__name__\", \"new_$1\", \"job\", \"(a|d).*\")", {vector()});
      case 3:
        return fill_in("label_replace({}, \"instance\", \"\", \"instance\", \"[12]\")", {vector()});
      default:
        return fill_in("label_join({}, \"job\", \"\", \"missing\")", {vector()});
    }
  }

  std::string calendar() {
    const Words function = choices_.one_of(kCalendar);
    return choices_.one_in(3) ? fill_in("{}()", {function}) : fill_in("{}({})", {function, vector()});
  }

  std::string absence() {
    if (choices_.one_in(2)) return fill_in("absent_over_time({})", {range_vector()});
    return fill_in("absent({})", {vector()});
  }

  std::string time_of_sample() {
    const Words function = choices_.one_in(4) ? "start_timestamp" : "timestamp";
    return fill_in("{}({})", {function, choices_.one_in(3) ? vector() : bare_selector()});
  }

  std::string sorted() {
    if (!options_.depend_on_other_steps) return vector();
    switch (choices_.below(4)) {
      case 0:
        return fill_in("sort({})", {vector()});
      case 1:
        return fill_in("sort_desc({})", {vector()});
      case 2:
        return fill_in("sort_by_label({}, \"instance\", \"job\")", {vector()});
      default:
        return fill_in("sort_by_label_desc({}, \"job\")", {vector()});
    }
  }

  std::string info() {
    constexpr Words kSelectors[] = {"", ", {version=~\".+\"}", ", {version=\"2\"}",
                                    ", {__name__=\"target_info\"}",
                                    ", {__name__=~\".*_info\",version=~\".*\"}"};
    return fill_in("info({}{})", {vector(), choices_.one_of(kSelectors)});
  }

  std::string wrapped() {
    switch (choices_.below(4)) {
      case 0:
        return fill_in("-{}", {vector()});
      case 1:
        return fill_in("({})", {vector()});
      case 2:
        return fill_in("vector({})", {scalar()});
      default:
        return fill_in("+({})", {vector()});
    }
  }

  Choices& choices_;
  const RandomQueryOptions& options_;
  std::uint32_t left_;
};

}  // namespace

std::string random_query(Choices& choices, const RandomQueryOptions& options) {
  const bool is_scalar = choices.one_in(25);
  QueryWriter writer(choices, options);
  return is_scalar ? writer.scalar() : writer.vector();
}

}  // namespace narthex::tests
