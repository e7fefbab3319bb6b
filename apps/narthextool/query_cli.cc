#include "apps/narthextool/query_cli.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "apps/narthextool/promql_edit.h"
#include "apps/narthextool/query_analyze.h"
#include "apps/narthextool/query_verbs.h"
#include "io/file_system.h"

namespace narthex::apps {

namespace {

constexpr const char* kTimeHelp = " (RFC3339 or Unix timestamp).";

void print_out(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

int conclude(const Result<void>& result) {
  if (!result) fmt::print(stderr, "{}\n", result.error().text);
  return std::fflush(stdout) == 0 && result ? 0 : 1;
}

/// What all query verbs take.
struct Connection {
  std::string format = "promql";
  std::string http_config_file;
  std::string server;
  std::vector<std::string> headers;  ///< name=value
};

Result<std::unique_ptr<ApiClient>> connect(const Connection& c) {
  ApiTarget target;
  target.url = c.server;
  if (!c.http_config_file.empty()) {
    auto http = config::load_http_config(io::local_file_system(), c.http_config_file);
    if (!http) return pass(http, "Failed to load HTTP config file");
    target.http = std::move(*http);
  }
  for (const std::string& header : c.headers) {
    const std::size_t sign = header.find_first_of("=:");
    if (sign == std::string::npos)
      return fail(Code::invalid, fmt::format("expected KEY=VALUE got '{}'", header));
    target.headers.emplace_back(header.substr(0, sign), header.substr(sign + 1));
  }
  return ApiClient::make(std::move(target));
}

using RunVerb = std::function<Result<void>(const QueryTask&)>;

int run_verb(const Connection& c, const RunVerb& run) {
  auto client = connect(c);
  if (!client) return conclude(pass(client, "error creating API client"));
  const Print print = print_out;
  return conclude(
      run({**client, c.format == "json" ? QueryFormat::json : QueryFormat::promql, system_clock(), print}));
}

CLI::Option* add_repeated(CLI::App& verb, const char* name, std::vector<std::string>& into,
                          const char* help) {
  // One value each, or it would swallow what follows.
  return verb.add_option(name, into, help)->type_size(1)->allow_extra_args(false);
}

void add_server_and_expr(CLI::App& verb, Connection& connection, std::string& expr) {
  verb.add_option("server", connection.server, "Prometheus server to query.")->required();
  verb.add_option("expr", expr, "PromQL query expression.")->required();
  add_repeated(verb, "--header", connection.headers, "Extra headers to send to server.")
      ->type_name("KEY=VALUE");
}

void add_selection(CLI::App& verb, SelectOptions& options, bool required) {
  CLI::Option* match =
      add_repeated(verb, "--match", options.selectors, "Series selector. Can be specified multiple times.");
  if (required) match->required();
  verb.add_option("--start", options.start, std::string("Start time") + kTimeHelp);
  verb.add_option("--end", options.end, std::string("End time") + kTimeHelp);
}

void add_instant(CLI::App& query, const std::shared_ptr<Connection>& connection, int& exit_code) {
  struct Options {
    std::string expr;
    std::string time;
  };
  auto o = std::make_shared<Options>();
  CLI::App* verb = query.add_subcommand("instant", "Run instant query.")->fallthrough();
  add_server_and_expr(*verb, *connection, o->expr);
  verb->add_option("--time", o->time, std::string("Query evaluation time") + kTimeHelp);
  verb->callback([=, &exit_code] {
    exit_code =
        run_verb(*connection, [&](const QueryTask& task) { return query_instant(task, o->expr, o->time); });
  });
}

void add_range(CLI::App& query, const std::shared_ptr<Connection>& connection, int& exit_code) {
  struct Options {
    std::string expr;
    RangeOptions range;
    std::string step;
  };
  auto o = std::make_shared<Options>();
  CLI::App* verb = query.add_subcommand("range", "Run range query.")->fallthrough();
  add_server_and_expr(*verb, *connection, o->expr);
  verb->add_option("--start", o->range.start, std::string("Query range start time") + kTimeHelp);
  verb->add_option("--end", o->range.end, std::string("Query range end time") + kTimeHelp);
  verb->add_option("--step", o->step, "Query step size (duration).");
  verb->callback([=, &exit_code] {
    exit_code = run_verb(*connection, [&](const QueryTask& task) -> Result<void> {
      if (!o->step.empty()) {
        auto step = parse_duration(o->step);
        if (!step) return pass(step, "--step");
        o->range.step_seconds = static_cast<double>(*step) / 1000;
      }
      return query_range(task, o->expr, o->range);
    });
  });
}

void add_series(CLI::App& query, const std::shared_ptr<Connection>& connection, int& exit_code) {
  auto o = std::make_shared<SelectOptions>();
  CLI::App* verb = query.add_subcommand("series", "Run series query.")->fallthrough();
  verb->add_option("server", connection->server, "Prometheus server to query.")->required();
  add_selection(*verb, *o, true);
  verb->callback([=, &exit_code] {
    exit_code = run_verb(*connection, [&](const QueryTask& task) { return query_series(task, *o); });
  });
}

void add_labels(CLI::App& query, const std::shared_ptr<Connection>& connection, int& exit_code) {
  struct Options {
    std::string name;
    SelectOptions select;
  };
  auto o = std::make_shared<Options>();
  CLI::App* verb = query.add_subcommand("labels", "Run labels query.")->fallthrough();
  verb->add_option("server", connection->server, "Prometheus server to query.")->required();
  verb->add_option("name", o->name, "Label name to provide label values for.")->required();
  add_selection(*verb, o->select, false);
  verb->callback([=, &exit_code] {
    const Print warn = [](std::string_view text) { fmt::print(stderr, "{}", text); };
    exit_code = run_verb(*connection,
                         [&](const QueryTask& task) { return query_labels(task, o->name, o->select, warn); });
  });
}

void add_analyze(CLI::App& query, const std::shared_ptr<Connection>& connection, int& exit_code) {
  struct Options {
    HistogramAnalysis what;
    std::string range = "1h";
  };
  auto o = std::make_shared<Options>();
  CLI::App* verb = query
                       .add_subcommand("analyze",
                                       "Run queries against your Prometheus to analyze the usage pattern of "
                                       "certain metrics.")
                       ->fallthrough();
  verb->add_option("--server", connection->server, "Prometheus server to query.")->required();
  verb->add_option("--type", o->what.type, "Type of metric: histogram.")->required();
  verb->add_option("--duration", o->range, "Time frame to analyze.")->capture_default_str();
  verb->add_option("--time", o->what.time, "Query time (RFC3339 or Unix timestamp), defaults to now.");
  add_repeated(*verb, "--match", o->what.selectors, "Series selector. Can be specified multiple times.")
      ->required();
  verb->callback([=, &exit_code] {
    exit_code = run_verb(*connection, [&](const QueryTask& task) -> Result<void> {
      auto range = parse_duration(o->range);
      if (!range) return pass(range, "--duration");
      o->what.range = *range;
      return analyze_histograms(task, o->what);
    });
  });
}

/// Of all promql verbs; promtool takes them in front, too.
struct Language {
  bool experimental = false;
  std::vector<std::string> features;

  [[nodiscard]] query::ParserOptions parser() const {
    query::ParserOptions options;
    for (const std::string& list : features) {
      options.experimental_functions |= list.contains("promql-experimental-functions");
      options.extended_range_selectors |= list.contains("promql-extended-range-selectors");
      options.binop_fill_modifiers |= list.contains("promql-binop-fill-modifiers");
    }
    return options;
  }
};

int print_edited(const Result<std::string>& text) {
  if (!text) return conclude(std::unexpected(text.error()));
  print_out(*text);
  return conclude({});
}

MatchOp match_op(const std::string& text) {
  if (text == "!=") return MatchOp::not_equal;
  if (text == "=~") return MatchOp::regex;
  if (text == "!~") return MatchOp::not_regex;
  return MatchOp::equal;
}

void add_format(CLI::App& promql, const std::shared_ptr<Language>& language, int& exit_code) {
  auto text = std::make_shared<std::string>();
  CLI::App* verb =
      promql.add_subcommand("format", "Format PromQL query to pretty printed form.")->fallthrough();
  verb->add_option("query", *text, "PromQL query.")->required();
  verb->callback([=, &exit_code] { exit_code = print_edited(format_promql(*text, language->parser())); });
}

void add_label_matchers(CLI::App& promql, const std::shared_ptr<Language>& language, int& exit_code) {
  struct Options {
    std::string type = "=";
    std::string query;
    std::string name;
    std::string value;
  };
  auto o = std::make_shared<Options>();
  CLI::App* verbs =
      promql
          .add_subcommand("label-matchers", "Edit label matchers contained within an existing PromQL query.")
          ->fallthrough();
  verbs->require_subcommand(1);
  CLI::App* set = verbs->add_subcommand("set", "Set a label matcher in the query.")->fallthrough();
  set->add_option("-t,--type", o->type, "Type of the label matcher to set.")
      ->check(CLI::IsMember({"=", "!=", "=~", "!~"}))
      ->capture_default_str();
  set->add_option("query", o->query, "PromQL query.")->required();
  set->add_option("name", o->name, "Name of the label matcher to set.")->required();
  set->add_option("value", o->value, "Value of the label matcher to set.")->required();
  set->callback([=, &exit_code] {
    exit_code =
        print_edited(set_label_matcher(o->query, match_op(o->type), o->name, o->value, language->parser()));
  });
  CLI::App* remove = verbs->add_subcommand("delete", "Delete a label from the query.")->fallthrough();
  remove->add_option("query", o->query, "PromQL query.")->required();
  remove->add_option("name", o->name, "Name of the label to delete.")->required();
  remove->callback([=, &exit_code] {
    exit_code = print_edited(delete_label_matcher(o->query, o->name, language->parser()));
  });
}

}  // namespace

void add_query_verbs(CLI::App& app, int& exit_code) {
  CLI::App* query = app.add_subcommand("query", "Run query against a Prometheus server.");
  query->require_subcommand(1);
  auto connection = std::make_shared<Connection>();
  query->add_option("-o,--format", connection->format, "Output format of the query.")
      ->check(CLI::IsMember({"promql", "json"}))
      ->capture_default_str();
  query->add_option("--http.config.file", connection->http_config_file,
                    "HTTP client configuration file for promtool to connect to Prometheus.");
  add_instant(*query, connection, exit_code);
  add_range(*query, connection, exit_code);
  add_series(*query, connection, exit_code);
  add_labels(*query, connection, exit_code);
  add_analyze(*query, connection, exit_code);
}

void add_promql_verbs(CLI::App& app, int& exit_code) {
  auto language = std::make_shared<Language>();
  app.add_flag("--experimental", language->experimental, "Accepted as promtool does; nothing needs it.");
  add_repeated(app, "--enable-feature", language->features,
               "Comma separated names of parts of PromQL to enable: promql-experimental-functions, "
               "promql-extended-range-selectors, promql-binop-fill-modifiers.");
  CLI::App* promql = app.add_subcommand("promql", "PromQL formatting and editing.")->fallthrough();
  promql->require_subcommand(1);
  add_format(*promql, language, exit_code);
  add_label_matchers(*promql, language, exit_code);
}

}  // namespace narthex::apps
