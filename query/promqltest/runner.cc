#include "query/promqltest/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "model/labels.h"
#include "model/value.h"
#include "query/promql/parser.h"
#include "query/promqltest/classic_histograms.h"
#include "query/promqltest/comparison.h"
#include "query/promqltest/eval_block.h"
#include "query/promqltest/notation.h"
#include "query/promqltest/pinned.h"

namespace narthex::query {
namespace {

constexpr DurationMs kMinute = 60'000;

std::string seconds(std::int64_t ms) {
  return format_plain(static_cast<double>(ms) / 1000) + "s";
}

std::string describe(const QueryRequest& r) {
  if (r.step == 0) return fmt::format("instant query {} at {}", r.query, seconds(r.start));
  return fmt::format("range query {} from {} to {} step {}", r.query, seconds(r.start), seconds(r.end),
                     seconds(r.step));
}

QueryRequest instant(std::string query, Timestamp t) {
  QueryRequest request;
  request.query = std::move(query);
  request.start = request.end = t;
  return request;
}

QueryRequest range(std::string query, Timestamp start, Timestamp end, DurationMs step) {
  QueryRequest request;
  request.query = std::move(query);
  request.start = start;
  request.end = end;
  request.step = step;
  return request;
}

/// The points of a range query's result at `t`, as an instant query returns them.
QueryResult at_step(const QueryResult& matrix, Timestamp t, ValueType type) {
  QueryResult at;
  at.type = ValueType::vector;
  for (const ResultSeries& series : matrix.series) {
    ResultSeries one;
    one.labels = series.labels;
    for (std::size_t i = 0; i < series.t.size(); ++i)
      if (series.t[i] == t) {
        one.t.push_back(t);
        one.v.push_back(series.v[i]);
      }
    for (const auto& [when, h] : series.histograms)
      if (when == t) one.histograms.emplace_back(when, h);
    if (!one.t.empty() || !one.histograms.empty()) at.series.push_back(std::move(one));
  }
  if (type == ValueType::scalar && at.series.size() == 1 && at.series[0].v.size() == 1) {
    at.type = ValueType::scalar;
    at.scalar = at.series[0].v[0];
  }
  return at;
}

class Runner {
 public:
  Runner(const StoreFactory& make_store, const Evaluate& evaluate)
      : make_store_(make_store), evaluate_(evaluate) {}

  ScriptReport run(const std::vector<Command>& commands) {
    clear();
    for (const Command& command : commands) std::visit([&](const auto& c) { execute(c); }, command);
    return std::move(report_);
  }

 private:
  void execute(const ClearCommand&) { clear(); }
  void execute(const BadBlock& block) { fail_block(block.line, block.text); }
  void execute(const LoadCommand& load);
  void execute(const EvalCommand& eval);

  std::optional<FailedCase> run_range(const EvalCommand& eval);
  std::optional<FailedCase> run_all_instants(const EvalCommand& eval);
  std::optional<FailedCase> run_instant(const EvalCommand& eval, const QueryRequest& request);
  std::optional<FailedCase> run_as_range(const EvalCommand& eval, const QueryRequest& request,
                                         ValueType type);
  std::optional<FailedCase> judge_error(const EvalCommand& eval, const QueryRequest& request,
                                        const std::string& error) const;
  std::optional<FailedCase> judge_result(const EvalCommand& eval, const QueryRequest& request,
                                         const QueryResult& result) const;
  [[nodiscard]] FailedCase failed(const EvalCommand& eval, const QueryRequest& request,
                                  std::string why) const;

  void clear();
  void fail_block(std::uint32_t line, std::string why) {
    FailedCase f;
    f.line = line;
    f.why = std::move(why);
    report_.failed.push_back(std::move(f));
  }

  const StoreFactory& make_store_;
  const Evaluate& evaluate_;
  std::unique_ptr<ScriptStore> store_;  ///< null if it could not be made
  std::string store_error_;
  ScriptReport report_;
};

void Runner::clear() {
  // The old one goes first: it may hold a directory's lock.
  store_.reset();
  store_error_.clear();
  auto made = make_store_();
  if (made) {
    store_ = std::move(*made);
  } else {
    store_error_ = made.error().text;
  }
}

void Runner::execute(const LoadCommand& load) {
  if (!store_) return fail_block(load.line, "there is no store: " + store_error_);
  std::vector<LoadedSeries> series = load.series;
  if (load.with_nhcb) {
    auto native = native_from_classic(load.series);
    if (!native) return fail_block(load.line, std::move(native.error().text));
    series.insert(series.end(), std::make_move_iterator(native->begin()),
                  std::make_move_iterator(native->end()));
  }
  auto loaded = store_->load(series);
  if (!loaded) fail_block(load.line, std::move(loaded.error().text));
}

void Runner::execute(const EvalCommand& eval) {
  if (!store_) return fail_block(eval.line, "there is no store: " + store_error_);
  auto failure = eval.is_range ? run_range(eval) : run_all_instants(eval);
  if (!failure) {
    ++report_.passed;
    return;
  }
  report_.failed.push_back(std::move(*failure));
}

FailedCase Runner::failed(const EvalCommand& eval, const QueryRequest& request, std::string why) const {
  FailedCase f;
  f.line = eval.line;
  f.query = eval.query;
  f.run = describe(request);
  f.why = std::move(why);
  return f;
}

std::optional<FailedCase> Runner::run_range(const EvalCommand& eval) {
  const QueryRequest request = range(eval.query, eval.start, eval.end, eval.step);
  const auto result = evaluate_(store_->queryable(), request);
  return result ? judge_result(eval, request, *result) : judge_error(eval, request, result.error().text);
}

std::optional<FailedCase> Runner::run_all_instants(const EvalCommand& eval) {
  if (auto failure = run_instant(eval, instant(eval.query, eval.start))) return failure;
  const auto tree = parse(eval.query, kScriptParserOptions);
  const auto pinned = tree ? pin(**tree, eval.start) : std::nullopt;
  if (!pinned) return std::nullopt;
  for (const Timestamp t : times_for_pinned(eval.start))
    if (auto failure = run_instant(eval, instant(*pinned, t))) return failure;
  return std::nullopt;
}

std::optional<FailedCase> Runner::run_instant(const EvalCommand& eval, const QueryRequest& request) {
  const auto result = evaluate_(store_->queryable(), request);
  if (!result) return judge_error(eval, request, result.error().text);
  if (auto failure = judge_result(eval, request, *result)) return failure;
  if (eval.string || eval.range_vector || depends_on_query_range(request.query)) return std::nullopt;
  return run_as_range(eval, request, result->type);
}

/// The middle step of a range query must give what the instant query gave.
std::optional<FailedCase> Runner::run_as_range(const EvalCommand& eval, const QueryRequest& request,
                                               ValueType type) {
  const Timestamp t = request.start;
  const QueryRequest around = range(request.query, t - kMinute, t + kMinute, kMinute);
  const auto matrix = evaluate_(store_->queryable(), around);
  if (!matrix) return failed(eval, around, "it failed: " + matrix.error().text);
  if (eval.ordered) return std::nullopt;
  if (!std::ranges::is_sorted(matrix->series, {}, &ResultSeries::labels))
    return failed(eval, around, "the series of a matrix must be sorted by labels");
  const QueryResult middle = at_step(*matrix, t, type);
  auto wrong = mismatch(eval, middle);
  if (!wrong) return std::nullopt;
  FailedCase f = failed(eval, around, std::move(*wrong));
  f.expected = to_notation(eval);
  f.got = to_notation(middle);
  return f;
}

std::optional<FailedCase> Runner::judge_error(const EvalCommand& eval, const QueryRequest& request,
                                              const std::string& error) const {
  if (eval.fail && eval.fail->matches(error)) return std::nullopt;
  FailedCase f = failed(eval, request, eval.fail ? "it failed otherwise than expected" : "it failed");
  if (eval.fail) f.expected = eval.fail->wanted;
  f.got = error;
  return f;
}

std::optional<FailedCase> Runner::judge_result(const EvalCommand& eval, const QueryRequest& request,
                                               const QueryResult& result) const {
  const auto with_values = [&](std::string why) {
    FailedCase f = failed(eval, request, std::move(why));
    f.expected = eval.fail ? fmt::format("failure {}", eval.fail->wanted) : to_notation(eval);
    f.got = to_notation(result);
    return f;
  };
  if (eval.fail) return with_values("it should have failed");
  if (auto wrong = annotation_mismatch(eval, result.annotations))
    return failed(eval, request, std::move(*wrong));
  if (auto wrong = mismatch(eval, result)) return with_values(std::move(*wrong));
  return std::nullopt;
}

std::string indented(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += c;
    if (c == '\n') out += "            ";
  }
  return out;
}

}  // namespace

EngineOptions script_engine_options() {
  EngineOptions options;
  options.lookback = 5 * kMinute;
  options.timeout = 100'000;
  options.max_samples = 10'000;
  options.default_subquery_step = kMinute;
  options.parser = kScriptParserOptions;
  options.delayed_name_removal = true;
  options.use_start_timestamps = true;
  return options;
}

std::string to_text(const FailedCase& failed, std::string_view file) {
  std::string out = fmt::format("{}:{}: {}\n", file, failed.line,
                                failed.query.empty() ? failed.why : "eval " + failed.query);
  if (failed.query.empty()) return out;
  const auto add = [&](std::string_view name, const std::string& text) {
    if (!text.empty()) out += fmt::format("  {:<9} {}\n", name, indented(text));
  };
  add("run:", failed.run);
  add("why:", failed.why);
  add("expected:", failed.expected);
  add("got:", failed.got);
  return out;
}

ScriptReport run_script(std::string_view text, const StoreFactory& make_store, const Evaluate& evaluate) {
  return Runner(make_store, evaluate).run(parse_script(text));
}

}  // namespace narthex::query
