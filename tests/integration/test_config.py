#!/usr/bin/env python3
"""Flags, configuration, reload and the end of the server; the examples are valid."""

import json
import shutil
import signal
import socket
import subprocess

from cases import case, check, check_equal, no_world, run_cases, until
from exporter import Exporter
from peers import promtool
from server import Server
from workspace import ROOT, Workspace

MINIMAL = "scrape_configs: []\n"
LISTEN_ANYWHERE = "--web.listen-address=127.0.0.1:0"


def run_to_its_end(workspace: Workspace, *args: str, config: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs narthex in a folder of its own, where narthex.yml is `config`."""
    folder = workspace.new_folder("run")
    if config is not None:
        (folder / "narthex.yml").write_text(config)
        args = ("--config.file=narthex.yml", LISTEN_ANYWHERE, *args)
    return subprocess.run([str(workspace.narthex), *args], cwd=folder, timeout=60, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def check_refused(workspace: Workspace, config: str, *wanted: str) -> None:
    ran = run_to_its_end(workspace, config=config)
    check_equal(ran.returncode, 2, f"exit code with {config!r}; it said {ran.stdout[-800:]!r}")
    for text in wanted:
        check(text in ran.stdout, f"it does not say {text!r} of {config!r}: {ran.stdout[-800:]}")


@case
def a_typo_is_refused_with_its_place(workspace: Workspace) -> None:
    check_refused(workspace, "global:\n  scrape_interval: 15s\n  scrape_intervall: 15s\n", "narthex.yml:3", "scrape_intervall")
    check_refused(workspace, "scrape_configs:\n  - job_name: a\n    static_config: []\n", "narthex.yml:3", "static_config")
    check_refused(workspace, "globals: {}\n", "narthex.yml:1", "globals")


@case
def a_wrong_value_is_refused_with_its_place(workspace: Workspace) -> None:
    check_refused(workspace, "global:\n  scrape_interval: 15 minutes\n", "narthex.yml:2", "scrape_interval")
    check_refused(workspace, "scrape_configs:\n  - job_name: a\n  - job_name: a\n", "narthex.yml:3", "a")
    check_refused(workspace, "scrape_configs:\n  - job_name: a\n    relabel_configs:\n      - regex: '('\n", "narthex.yml:4")
    check_refused(workspace, "scrape_configs:\n  - job_name: a\n    scrape_interval: 1s\n    scrape_timeout: 2s\n", "timeout")
    check_refused(workspace, "scrape_configs: [\n", "narthex.yml:")


@case
def a_section_not_supported_yet_is_refused_as_such(workspace: Workspace) -> None:
    for config in ("remote_write:\n  - url: http://127.0.0.1:1/\n",
                   "scrape_configs:\n  - job_name: a\n    consul_sd_configs:\n      - server: 127.0.0.1:8500\n",
                   "tracing:\n  endpoint: 127.0.0.1:1\n"):
        check_refused(workspace, config, "narthex.yml:", "is not supported by Narthex yet")


@case
def a_missing_file_is_refused(workspace: Workspace) -> None:
    ran = run_to_its_end(workspace, "--config.file=nowhere.yml", LISTEN_ANYWHERE)
    check_equal(ran.returncode, 2)
    check("nowhere.yml" in ran.stdout, ran.stdout)


@case
def a_wrong_rule_file_is_refused_with_its_place(workspace: Workspace) -> None:
    for rule, wanted in [("- {record: a, expr: 'sum('}", "unclosed left parenthesis"), ("- {record: a, exprr: b}", "exprr"),
                         ("- {record: a, alert: b, expr: c}", "only one of"), ("- {alert: a, expr: b, for: soon}", "soon")]:
        folder = workspace.new_folder("rules")
        (folder / "bad.yml").write_text(f"groups:\n  - name: g\n    rules:\n      {rule}\n")
        ran = run_to_its_end(workspace, config=f"rule_files: ['{folder}/*.yml']\n")
        check(ran.returncode in (1, 2), f"exit code {ran.returncode} with {rule}")
        check("bad.yml" in ran.stdout and wanted in ran.stdout, f"{rule}: {ran.stdout[-800:]}")


@case
def wrong_flags_are_refused(workspace: Workspace) -> None:
    for flag, wanted in [("--web.listen-adress=:9090", "web.listen-adress"), ("--query.timeout=soon", "query.timeout"),
                         ("--log.level=loud", "log.level"), ("stray", "stray")]:
        ran = run_to_its_end(workspace, flag)
        check_equal(ran.returncode, 2, f"exit code with {flag}; it said {ran.stdout[-300:]!r}")
        check(wanted in ran.stdout, f"it does not name {wanted!r}: {ran.stdout[-300:]}")


@case
def flags_whose_work_is_not_done_yet_are_refused_not_ignored(workspace: Workspace) -> None:
    for flag in ("--agent", "--web.enable-remote-write-receiver", "--web.config.file=web.yml"):
        ran = run_to_its_end(workspace, flag, config=MINIMAL)
        check_equal(ran.returncode, 2, f"exit code with {flag}")
        check(flag.partition("=")[0] in ran.stdout and "does not support it yet" in ran.stdout, ran.stdout[-300:])


@case
def the_version_and_the_help_are_printed(workspace: Workspace) -> None:
    version = run_to_its_end(workspace, "--version")
    check(version.returncode == 0 and "3.14" in version.stdout, f"{version}")
    help_text = run_to_its_end(workspace, "--help")
    check(help_text.returncode == 0 and "--storage.tsdb.path" in help_text.stdout, f"{help_text}")


@case
def a_listener_that_cannot_be_bound_ends_the_server(workspace: Workspace) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        folder = workspace.new_folder("taken")
        (folder / "narthex.yml").write_text(MINIMAL)
        ran = run_to_its_end(workspace, f"--config.file={folder}/narthex.yml", f"--web.listen-address={address}")
    check_equal(ran.returncode, 1)
    check(address in ran.stdout and "address already in use" in ran.stdout.lower(), ran.stdout[-500:])


@case
def prometheus_own_flags_are_all_taken(workspace: Workspace) -> None:
    server = Server(workspace, MINIMAL, "--web.read-timeout=5m", "--web.max-connections=100", "--storage.tsdb.retention.time=30d",
                    "--auto-gomaxprocs", "--no-auto-gomemlimit", "--auto-gomemlimit.ratio=0.8", "--query.timeout", "1m",
                    "--query.lookback-delta=4m", "--query.max-concurrency=10", "--query.max-samples=1000000",
                    "--rules.alert.for-outage-tolerance=2h", "--alertmanager.notification-queue-capacity=500",
                    "--web.page-title=Ours", "--web.cors.origin=http://a.example", "--log.format=json", "--log.level=debug",
                    "--enable-feature=promql-experimental-functions", "--web.external-url=http://out.example/prefix/",
                    "--web.route-prefix=/", "--no-scrape.adjust-timestamps", "--storage.tsdb.wal-compression-type=zstd")
    server.start()
    flags = server.api("status/flags")
    check_equal({n: flags[n] for n in ("query.lookback-delta", "query.timeout", "storage.tsdb.retention.time", "log.format",
                                       "scrape.adjust-timestamps", "web.page-title")},
                {"query.lookback-delta": "4m", "query.timeout": "1m", "storage.tsdb.retention.time": "30d", "log.format": "json",
                 "scrape.adjust-timestamps": "false", "web.page-title": "Ours"})
    check(json.loads(server.log_text().splitlines()[-1])["level"] in ("INFO", "DEBUG", "WARN"), "the log is JSON")
    check_equal(server.terminate(), 0)


@case
def a_prefix_moves_all_routes(workspace: Workspace) -> None:
    folder = workspace.new_folder("prefixed")
    server = Server(workspace, MINIMAL, "--web.external-url=http://out.example/prefix/", folder=folder)
    server.launch()
    until(lambda: server.get("/prefix/-/ready").status == 200, "it is ready under its prefix")
    check_equal(server.get("/prefix/api/v1/query", {"query": "1"}).status, 200)
    root = server.get("/")
    check(root.status == 302 and root.headers["Location"].startswith("/prefix"), f"{root}")
    check_equal(server.terminate(), 0)


@case
def a_reload_takes_the_new_file_and_a_bad_one_changes_nothing(workspace: Workspace) -> None:
    exporter = Exporter("a_metric 1\n")
    one = f"global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: one\n    static_configs: [{{targets: ['{exporter.address}']}}]\n"
    server = Server(workspace, one, "--web.enable-lifecycle")
    server.start()
    until(lambda: server.value('up{job="one"}') == 1, "the first configuration runs")

    server.write_config(one.replace("job_name: one", "job_name: two"))
    check_equal(server.post("/-/reload").status, 200)
    check("job_name: two" in server.api("status/config")["yaml"], "the new configuration is shown")
    until(lambda: server.value('up{job="two"}') == 1, "the new job runs")
    check_equal([t["scrapePool"] for t in server.api("targets")["activeTargets"]], ["two"], "the old one does not")

    server.write_config(one.replace("job_name: one", "job_name: three").replace("static_configs", "static_config"))
    failed = server.post("/-/reload")
    check_equal(failed.status, 500)
    check("failed to reload config" in failed.text and "narthex.yml:4" in failed.text, failed.text)
    check_equal(server.api("status/runtimeinfo")["reloadConfigSuccess"], False)
    check_equal(server.metric("prometheus_config_last_reload_successful"), 0)
    check("job_name: two" in server.api("status/config")["yaml"], "the old configuration stays")
    seen = exporter.scrapes
    until(lambda: exporter.scrapes > seen, "and goes on scraping")

    server.write_config(one.replace("job_name: one", "job_name: four"))
    server.hang_up()
    until(lambda: server.value('up{job="four"}') == 1, "SIGHUP reloads too")
    check_equal(server.api("status/runtimeinfo")["reloadConfigSuccess"], True)
    check_equal(server.metric("prometheus_config_last_reload_successful"), 1)

    check_equal(server.request("PUT", "/-/quit").status, 200)
    check_equal(server.process.wait(), 0, "exit code after /-/quit")


@case
def a_bad_rule_file_at_reload_leaves_the_old_rules(workspace: Workspace) -> None:
    server = Server(workspace, "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n", "--web.enable-lifecycle")
    rules = server.folder / "rules.yml"
    rules.write_text("groups: [{name: g, rules: [{record: good, expr: vector(1)}]}]\n")
    server.start()
    until(lambda: server.value("good") == 1, "the rule is evaluated")
    rules.write_text("groups: [{name: g, rules: [{record: good, expr: 'vector(2'}]}]\n")
    check_equal(server.post("/-/reload").status, 500)
    check_equal([r["query"] for g in server.api("rules")["groups"] for r in g["rules"]], ["vector(1)"])
    rules.write_text("groups: [{name: g, rules: [{record: good, expr: vector(3)}]}]\n")
    check_equal(server.post("/-/reload").status, 200)
    until(lambda: server.value("good") == 3, "the corrected rule is evaluated")
    check_equal(server.terminate(), 0)


@case
def without_the_lifecycle_flag_reload_and_quit_are_refused(workspace: Workspace) -> None:
    server = Server(workspace, MINIMAL)
    server.start()
    for path in ("/-/reload", "/-/quit"):
        answer = server.post(path)
        check_equal((answer.status, answer.text.strip()), (403, "Lifecycle API is not enabled."), path)
    check_equal(server.get("/-/healthy").status, 200)
    check_equal(server.terminate(), 0)


@case
def signals_end_the_server_in_order(workspace: Workspace) -> None:
    exporter = Exporter(lambda number: f"numbered {number}\n")
    config = f"global: {{scrape_interval: 200ms}}\nscrape_configs:\n  - job_name: a\n    static_configs: [{{targets: ['{exporter.address}']}}]\n"
    server = Server(workspace, config)
    for number in (signal.SIGTERM, signal.SIGINT):
        server.start()
        until(lambda: server.value("numbered") is not None, "it scrapes")
        seen = server.samples("numbered")
        server.process.signal(number)
        check_equal(server.process.wait(60), 0, f"exit code after {number.name}")
        check(not (server.data / "lock").exists(), "the lock is given back")
    server.start()
    for series, values in seen.items():
        check(values.items() <= server.samples("numbered")[series].items(), "what was scraped is there")
    # Not even a request that never ends, or a target that never answers, holds the end up.
    with socket.create_connection(("127.0.0.1", server.port)) as lazy:
        lazy.sendall(b"GET /api/v1/query?query=1 HTTP/1.1\r\n")
        check_equal(server.terminate(60), 0, "exit code with a half request open")


@case
def the_examples_are_valid(workspace: Workspace) -> None:
    config = promtool(workspace, "check", "config", str(ROOT / "examples/narthex.yml"))
    check_equal(config.returncode, 0, f"promtool check config: {config.stdout} {config.stderr}")
    for rules in sorted((ROOT / "examples/rules").glob("*.yml")):
        ran = promtool(workspace, "check", "rules", str(rules))
        check_equal(ran.returncode, 0, f"promtool check rules {rules.name}: {ran.stdout} {ran.stderr}")


@case
def the_example_runs(workspace: Workspace) -> None:
    folder = workspace.new_folder("example")
    shutil.copytree(ROOT / "examples/rules", folder / "rules")
    text = (ROOT / "examples/narthex.yml").read_text().replace("localhost:9090", "SELF").replace("15s", "1s")
    server = Server(workspace, text, folder=folder)
    server.start()
    until(lambda: server.value('up{job="narthex"}') == 1, "it scrapes itself")
    until(lambda: server.query("job:prometheus_tsdb_head_samples_appended:rate1m") != [], "its recording rules give series")
    groups = server.api("rules")["groups"]
    until(lambda: all(r["health"] == "ok" for g in server.api("rules")["groups"] for r in g["rules"]), "all rules are healthy")
    check_equal({g["name"] for g in groups}, {"narthex", "node-recordings", "node-alerts"})
    check_equal(server.terminate(), 0)


if __name__ == "__main__":
    run_cases(no_world)
