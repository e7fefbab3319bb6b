#include "apps/narthextool/create_blocks_cli.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "apps/narthextool/go_text.h"
#include "apps/narthextool/import_openmetrics.h"
#include "apps/narthextool/import_rules.h"
#include "apps/narthextool/output.h"
#include "io/file_system.h"
#include "telemetry/log.h"

namespace narthex::apps {
namespace {

/// What both verbs take, before their name or behind it.
struct Shared {
  bool human_readable = false;
  bool quiet = false;
  bool progress = false;
  DurationMs max_block_duration = 0;
};

/// A Go duration into milliseconds.
CLI::Option* add_duration(CLI::App& verb, const std::string& name, DurationMs& ms, const std::string& help) {
  return verb
      .add_option_function<std::string>(
          name,
          [&ms](const std::string& text) {
            const auto duration = parse_go_duration(text);
            if (!duration) throw CLI::ValidationError(duration.error().text);
            ms = std::chrono::duration_cast<std::chrono::milliseconds>(*duration).count();
          },
          help)
      ->type_name("DURATION");
}

/// `name=value` or, as promtool takes it, `name:value`.
std::pair<std::string, std::string> split_label(const std::string& text) {
  const std::size_t at = text.find_first_of(":=");
  if (at == std::string::npos) throw CLI::ValidationError("expected KEY=VALUE got '" + text + "'");
  return {text.substr(0, at), text.substr(at + 1)};
}

void add_openmetrics(CLI::App& create, const std::shared_ptr<Shared>& shared, int& exit_code) {
  auto o = std::make_shared<OpenMetricsImportOptions>();
  o->directory = kDefaultDataPath;
  CLI::App* verb =
      create.add_subcommand("openmetrics", "Import samples from OpenMetrics input and produce TSDB blocks.");
  verb->fallthrough();
  verb->add_option_function<std::vector<std::string>>(
          "--label",
          [o](const std::vector<std::string>& labels) {
            for (const std::string& label : labels) o->labels.push_back(split_label(label));
          },
          "Label to attach to metrics. Can be specified multiple times. Example "
          "--label=label_name=label_value")
      ->type_size(1)
      ->allow_extra_args(false)
      ->type_name("NAME=VALUE");
  verb->add_option("input_file", o->input, "OpenMetrics file to read samples from.")
      ->required()
      ->type_name("");
  verb->add_option("output_directory", o->directory,
                   "Output directory for generated blocks (default is data/).")
      ->type_name("");
  verb->callback([o, shared, &exit_code] {
    o->human_readable = shared->human_readable;
    o->quiet = shared->quiet;
    o->max_block_duration = shared->max_block_duration;
    Progress progress("importing", Progress::mode_for_stderr(shared->progress), system_clock(),
                      put_on_stderr);
    exit_code =
        conclude(import_openmetrics(io::local_file_system(), *o, system_clock(), progress, print_out));
  });
}

void add_rules(CLI::App& create, const std::shared_ptr<Shared>& shared, int& exit_code) {
  auto o = std::make_shared<RulesImportOptions>();
  o->directory = kDefaultDataPath;
  CLI::App* verb = create.add_subcommand("rules", "Create blocks of data for new recording rules.");
  verb->fallthrough();
  verb->add_option("--http.config.file", o->http_config_file, "HTTP client configuration file.")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  verb->add_option("--url", o->url,
                   "The URL for the Prometheus API with the data where the rule will be backfilled from.")
      ->capture_default_str()
      ->type_name("URL");
  verb->add_option(
          "--start", o->start,
          "The time to start backfilling the new rule from. Must be a RFC3339 formatted date or Unix "
          "timestamp. Required.")
      ->required()
      ->type_name("TIME");
  verb->add_option("--end", o->end,
                   "If an end time is provided, all recording rules in the rule files provided will be "
                   "backfilled to the end time. Default will backfill up to 3 hours ago. Must be a RFC3339 "
                   "formatted date or Unix timestamp.")
      ->type_name("TIME");
  verb->add_option("--output-dir", o->directory, "Output directory for generated blocks.")
      ->capture_default_str()
      ->type_name("DIR");
  add_duration(
      *verb, "--eval-interval", o->eval_interval,
      "How frequently to evaluate rules when backfilling if a value is not set in the recording rule "
      "files (60s).");
  verb->add_option("rule_files", o->files,
                   "A list of one or more files containing recording rules to be backfilled. All recording "
                   "rules listed in the files will be backfilled. Alerting rules are not evaluated.")
      ->required()
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  verb->callback([o, shared, &exit_code] {
    o->max_block_duration = shared->max_block_duration;
    // As promtool, this verb tells what it is at.
    telemetry::set_up_log(telemetry::LogLevel::info, telemetry::LogFormat::logfmt);
    Progress progress("backfilling", Progress::mode_for_stderr(shared->progress), system_clock(),
                      put_on_stderr);
    exit_code = conclude(import_rules(io::local_file_system(), *o, system_clock(), progress, put_on_stderr));
  });
}

}  // namespace

void add_create_blocks_verbs(CLI::App& tsdb, int& exit_code) {
  auto shared = std::make_shared<Shared>();
  CLI::App* create =
      tsdb.add_subcommand("create-blocks-from", "Import samples from input and produce TSDB blocks.");
  create->require_subcommand(1);
  create->add_flag("-r,--human-readable", shared->human_readable, "Print human readable values.");
  create->add_flag("-q,--quiet", shared->quiet, "Do not print created blocks.");
  create->add_flag("--progress", shared->progress,
                   "Say how far it is, also where standard error is no terminal.");
  add_duration(*create, "--max-block-duration", shared->max_block_duration,
               "Maximum duration created blocks may span. Anything less than 2h is ignored.");
  add_openmetrics(*create, shared, exit_code);
  add_rules(*create, shared, exit_code);
}

}  // namespace narthex::apps
