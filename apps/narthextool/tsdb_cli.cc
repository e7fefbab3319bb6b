#include "apps/narthextool/tsdb_cli.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "apps/narthextool/bench_write.h"
#include "apps/narthextool/create_blocks_cli.h"
#include "apps/narthextool/output.h"
#include "apps/narthextool/tsdb_analyze.h"
#include "apps/narthextool/tsdb_dump.h"
#include "apps/narthextool/tsdb_forget.h"
#include "apps/narthextool/tsdb_list.h"
#include "apps/narthextool/tsdb_verify.h"
#include "io/file_system.h"

namespace narthex::apps {
namespace {

constexpr const char* kBenchSamples = "../../tsdb/testdata/20kseries.json";
constexpr const char* kPathHelp = "Database path (default is data/).";

void add_path(CLI::App& verb, std::string& path) {
  path = kDefaultDataPath;
  verb.add_option("db_path", path, kPathHelp)->type_name("");
}

/// `--match a --match b`: one value each, or it would swallow the path.
void add_selectors(CLI::App& verb, std::vector<std::string>& selectors) {
  verb.add_option("--match", selectors, "Series selector. Can be specified multiple times.")
      ->type_size(1)
      ->allow_extra_args(false)
      ->type_name("SELECTOR");
}

void add_list(CLI::App& tsdb, int& exit_code) {
  struct Options {
    std::string directory;
    bool human_readable = false;
  };
  auto o = std::make_shared<Options>();
  CLI::App* verb = tsdb.add_subcommand("list", "List tsdb blocks.");
  verb->add_flag("-r,--human-readable", o->human_readable, "Print human readable values.");
  add_path(*verb, o->directory);
  verb->callback([o, &exit_code] {
    exit_code = conclude(list_blocks(io::local_file_system(), o->directory, o->human_readable, print_out));
  });
}

void add_analyze(CLI::App& tsdb, int& exit_code) {
  auto o = std::make_shared<AnalyzeOptions>();
  CLI::App* verb =
      tsdb.add_subcommand("analyze", "Analyze churn, label pair cardinality and compaction efficiency.");
  verb->add_option("--limit", o->limit, "How many items to show in each list.")->capture_default_str();
  verb->add_flag("--extended", o->extended, "Run extended analysis.");
  verb->add_option("--match", o->selector,
                   "Series selector to analyze. Only 1 set of matchers is supported now.")
      ->type_name("SELECTOR");
  add_path(*verb, o->directory);
  verb->add_option("block_id", o->block, "Block to analyze (default is the last block).")->type_name("");
  verb->callback([o, &exit_code] { exit_code = conclude(analyze(io::local_file_system(), *o, print_out)); });
}

void add_dump_options(CLI::App& verb, DumpOptions& o) {
  verb.add_option("--min-time", o.range.mint,
                  "Minimum timestamp to dump, in milliseconds since the Unix epoch.");
  verb.add_option("--max-time", o.range.maxt,
                  "Maximum timestamp to dump, in milliseconds since the Unix epoch.");
  add_selectors(verb, o.selectors);
  verb.add_option_function<std::string>(
          "--sandbox-dir-root", [](const std::string&) {},
          "Accepted as promtool does; the directory is read in place and nothing is written anywhere.")
      ->type_name("DIR");
  add_path(verb, o.directory);
}

void add_dump(CLI::App& tsdb, int& exit_code) {
  auto o = std::make_shared<DumpOptions>();
  CLI::App* verb =
      tsdb.add_subcommand("dump", "Dump data (series+samples or optionally just series) from a TSDB.");
  add_dump_options(*verb, *o);
  verb->add_option_function<std::string>(
          "--format",
          [o](const std::string& format) {
            o->format = format == "seriesjson" ? DumpFormat::series_json : DumpFormat::samples;
          },
          "Output format of the dump (prom (default) or seriesjson).")
      ->check(CLI::IsMember({"prom", "seriesjson"}));
  verb->callback([o, &exit_code] { exit_code = conclude(dump(io::local_file_system(), *o, print_out)); });

  auto open_metrics = std::make_shared<DumpOptions>();
  open_metrics->format = DumpFormat::openmetrics;
  CLI::App* second = tsdb.add_subcommand(
      "dump-openmetrics", "Dump samples from a TSDB into OpenMetrics text, without native histograms.");
  add_dump_options(*second, *open_metrics);
  second->callback([open_metrics, &exit_code] {
    exit_code = conclude(dump(io::local_file_system(), *open_metrics, print_out));
  });
}

void add_verify(CLI::App& tsdb, int& exit_code) {
  struct Options {
    std::string directory;
    bool progress = false;
  };
  auto o = std::make_shared<Options>();
  CLI::App* verb = tsdb.add_subcommand(
      "verify", "Check every checksum and invariant of a data directory. Ends with 1 if there is damage.");
  verb->add_flag("--progress", o->progress, "Say how far it is, also where standard error is no terminal.");
  add_path(*verb, o->directory);
  verb->callback([o, &exit_code] {
    Progress progress("verifying", Progress::mode_for_stderr(o->progress), system_clock(), put_on_stderr);
    const auto sound = verify(io::local_file_system(), o->directory, progress, print_out);
    exit_code = conclude(sound ? Result<void>() : std::unexpected(sound.error()));
    if (sound && !*sound) exit_code = 1;
  });
}

void add_bench(CLI::App& tsdb, int& exit_code) {
  struct Options {
    BenchWriteOptions bench;
    bool progress = false;
  };
  CLI::App* bench = tsdb.add_subcommand("bench", "Run benchmarks.");
  bench->require_subcommand(1);
  auto o = std::make_shared<Options>();
  CLI::App* verb = bench->add_subcommand("write", "Run a write performance benchmark.");
  verb->add_option("--out", o->bench.out, "Set the output path.")->capture_default_str();
  verb->add_option("--metrics", o->bench.metrics, "Number of metrics to read.")->capture_default_str();
  verb->add_option("--scrapes", o->bench.scrapes, "Number of scrapes to simulate.")->capture_default_str();
  verb->add_flag("--progress", o->progress, "Say how far it is, also where standard error is no terminal.");
  o->bench.samples_file = kBenchSamples;
  verb->add_option("file", o->bench.samples_file,
                   fmt::format("Input file with samples data, default is ({}).", kBenchSamples))
      ->type_name("");
  verb->callback([o, &exit_code] {
    Progress progress("ingesting", Progress::mode_for_stderr(o->progress), system_clock(), put_on_stderr);
    exit_code = conclude(bench_write(io::local_file_system(), o->bench, system_clock(), progress, print_out));
  });
}

void add_forget(CLI::App& tsdb, int& exit_code) {
  struct Options {
    std::string directory;
    bool quarantine = false;
  };
  auto o = std::make_shared<Options>();
  CLI::App* verb =
      tsdb.add_subcommand("forget",
                          "Remove what narthex keeps in a data directory beside Prometheus' files. "
                          "No server may run on it.");
  verb->add_flag("--quarantine", o->quarantine, "Also what was set aside because of damage.");
  add_path(*verb, o->directory);
  verb->callback([o, &exit_code] {
    exit_code = conclude(forget(io::local_file_system(), o->directory, o->quarantine, print_out));
  });
}

}  // namespace

void add_tsdb_verbs(CLI::App& app, int& exit_code) {
  CLI::App* tsdb = app.add_subcommand("tsdb", "Look at and make data directories.");
  tsdb->require_subcommand(1);
  add_analyze(*tsdb, exit_code);
  add_list(*tsdb, exit_code);
  add_dump(*tsdb, exit_code);
  add_verify(*tsdb, exit_code);
  add_create_blocks_verbs(*tsdb, exit_code);
  add_bench(*tsdb, exit_code);
  add_forget(*tsdb, exit_code);
}

}  // namespace narthex::apps
