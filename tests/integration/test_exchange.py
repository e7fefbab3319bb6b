#!/usr/bin/env python3
"""Everyone's /metrics: Prometheus scrapes ours, we scrape those of Prometheus and its kin."""

from contextlib import contextmanager
from types import SimpleNamespace
from typing import Callable, Iterator

from api_client import ApiClient
from cases import Skip, case, check, check_equal, run_cases, until
from peers import Peer, check_log_is_clean, promtool, start_alertmanager, start_prometheus, start_pushgateway
from server import Server
from workspace import Workspace

JOBS = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: self
    static_configs: [{{targets: [SELF]}}]
{}
"""
JOB = """
  - job_name: {}
    static_configs: [{{targets: ['127.0.0.1:{}']}}]
"""


@contextmanager
def world(workspace: Workspace) -> Iterator[SimpleNamespace]:
    w = SimpleNamespace(workspace=workspace, missing={})
    # Ours first, as Prometheus' configuration names its address; then all the peers in ours.
    w.server = Server(workspace, JOBS.format(""), "--web.enable-lifecycle")
    w.server.start()

    def start(name: str, starter: Callable[[], Peer]) -> Peer | None:
        try:
            return starter()
        except Skip as why:
            w.missing[name] = str(why)
            return None

    w.peers = {
        "prometheus": start("prometheus", lambda: start_prometheus(
            workspace, "global: {scrape_interval: 1s}\nscrape_configs:" + JOB.format("narthex", w.server.port))),
        "alertmanager": start("alertmanager", lambda: start_alertmanager(workspace)),
        "pushgateway": start("pushgateway", lambda: start_pushgateway(workspace)),
    }
    w.server.write_config(JOBS.format("".join(JOB.format(name, peer.port) for name, peer in w.peers.items() if peer)))
    check_equal(w.server.post("/-/reload").status, 200, "reload with the peers' jobs")
    yield w


def need(w: SimpleNamespace, name: str) -> Peer:
    if w.peers[name] is None:
        raise Skip(w.missing[name])
    return w.peers[name]


def check_scraped(scraper: ApiClient, job: str) -> None:
    def is_up() -> bool:
        target = scraper.target(job)
        check(target["health"] == "up" and target["lastError"] == "", f"{target['health']}, {target['lastError']!r}")
        return scraper.value(f'up{{job="{job}"}}') == 1

    until(is_up, f"{scraper.name} scrapes {job}")
    check(scraper.value(f'scrape_samples_scraped{{job="{job}"}}') > 20, "it finds samples")


@case
def prometheus_scrapes_our_metrics(w: SimpleNamespace) -> None:
    prometheus = need(w, "prometheus")
    check_scraped(prometheus, "narthex")
    until(lambda: (prometheus.value("prometheus_tsdb_head_series") or 0) > 0, "under Prometheus' own names")
    until(lambda: (prometheus.value("sum(rate(prometheus_tsdb_head_samples_appended_total[10s]))") or 0) > 0, "and they move")
    check_log_is_clean(prometheus)


@case
def promtool_accepts_our_metrics(w: SimpleNamespace) -> None:
    text = w.server.get("/metrics").text
    ran = promtool(w.workspace, "check", "metrics", stdin=text)
    # What it lints are Prometheus' own names; a page that does not parse is another matter.
    check("error while linting" not in ran.stderr and "text format parsing error" not in ran.stderr, ran.stderr[:1000])


@case
def our_metrics_have_the_names_that_dashboards_use(w: SimpleNamespace) -> None:
    page = w.server.get("/metrics")
    check(page.headers["Content-Type"].startswith("text/plain; version=0.0.4"), page.headers["Content-Type"])
    for name in ("prometheus_build_info", "prometheus_ready", "prometheus_config_last_reload_successful",
                 "prometheus_tsdb_head_series", "prometheus_tsdb_head_samples_appended_total", "prometheus_tsdb_head_chunks",
                 "prometheus_tsdb_wal_corruptions_total", "prometheus_tsdb_blocks_loaded",
                 "prometheus_engine_query_duration_seconds_count", "prometheus_engine_queries",
                 "prometheus_http_requests_total", "prometheus_target_interval_length_seconds_count",
                 "prometheus_target_scrape_pool_targets",
                 "prometheus_notifications_alertmanagers_discovered", "process_resident_memory_bytes",
                 "process_cpu_seconds_total", "process_open_fds", "process_start_time_seconds"):
        check(w.server.metric(name) is not None, f"{name} is on the page")


@case
def we_scrape_prometheus(w: SimpleNamespace) -> None:
    need(w, "prometheus")
    check_scraped(w.server, "prometheus")
    check(w.server.value('prometheus_build_info{job="prometheus"}') == 1, "its build info is there")
    check(w.server.api("metadata", {"metric": "go_goroutines"})["go_goroutines"][0]["type"] == "gauge", "and its metadata")


@case
def we_scrape_an_alertmanager(w: SimpleNamespace) -> None:
    need(w, "alertmanager")
    check_scraped(w.server, "alertmanager")


@case
def we_scrape_a_pushgateway(w: SimpleNamespace) -> None:
    pushgateway = need(w, "pushgateway")
    check_scraped(w.server, "pushgateway")
    pushed = pushgateway.request("PUT", "/metrics/job/nightly", body=b"# TYPE backup_bytes gauge\nbackup_bytes 12345\n")
    check_equal(pushed.status, 200)
    until(lambda: w.server.value('backup_bytes{exported_job="nightly",job="pushgateway"}') == 12345, "what was pushed is there")


@case
def we_scrape_ourselves(w: SimpleNamespace) -> None:
    check_scraped(w.server, "self")


if __name__ == "__main__":
    run_cases(world)
