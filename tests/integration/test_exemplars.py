#!/usr/bin/env python3
"""Exemplars from an OpenMetrics page to the API, over a restart, and in a directory that Prometheus opens."""

import os
import time
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, Iterator

from api_client import ApiClient
from cases import Skip, case, check, check_equal, run_cases, until
from data_directory import copy_data
from exporter import OPENMETRICS, Exporter, Reply
from peers import check_log_is_clean, start_prometheus
from server import Server
from workspace import Workspace

CONFIG = """
global: {{scrape_interval: 250ms}}
storage: {{exemplars: {{max_exemplars: {1}}}}}
scrape_configs:
  - job_name: traced
    static_configs: [{{targets: ['{0}'], labels: {{instance: one}}}}]
"""
FEATURE = "--enable-feature=exemplar-storage"
ALL_TIME = {"start": "0", "end": "9999999999"}


def page(number: int) -> Reply:
    """A counter whose exemplar is new at each scrape, and a histogram whose ones stay the same."""
    now = time.time()
    return Reply(f"""# TYPE requests counter
requests_total{{code="200"}} {number} # {{trace_id="t{number}"}} {number / 4} {now:.3f}
requests_total{{code="500"}} 1 # {{trace_id="standing"}} 0.5
# TYPE latency histogram
latency_bucket{{le="1"}} {number} # {{trace_id="<&>",size="größe"}} 0.25 100.5
latency_bucket{{le="+Inf"}} {number}
latency_count {number}
latency_sum {number}
# EOF
""", content_type=OPENMETRICS)


@contextmanager
def world(workspace: Workspace) -> Iterator[SimpleNamespace]:
    w = SimpleNamespace(workspace=workspace, exporter=Exporter(page))
    w.server = Server(workspace, CONFIG.format(w.exporter.address, 1000), FEATURE).start()
    until(lambda: len(of(exemplars(w.server), code="200")) >= 5, "exemplars have been scraped")
    yield w


def exemplars(server: ApiClient, query: str = '{job="traced"}') -> list[Any]:
    return server.api("query_exemplars", {"query": query, **ALL_TIME})


def of(found: list[Any], **labels: str) -> list[Any]:
    for series in found:
        if labels.items() <= series["seriesLabels"].items():
            return series["exemplars"]
    return []


@case
def exemplars_are_what_the_page_said(w: SimpleNamespace) -> None:
    found = exemplars(w.server)
    check_equal([s["seriesLabels"]["__name__"] for s in found], ["latency_bucket", "requests_total", "requests_total"])
    check_equal(of(found, le="1.0"), [{"labels": {"trace_id": "<&>", "size": "größe"}, "value": "0.25", "timestamp": 100.5}])
    check_equal(len(of(found, code="500")), 1)  # the same one at each scrape
    ids = [e["labels"]["trace_id"] for e in of(found, code="200")]
    check_equal(ids, [f"t{n}" for n in range(int(ids[0][1:]), int(ids[0][1:]) + len(ids))])


@case
def exemplars_go_by_the_selectors_of_a_query(w: SimpleNamespace) -> None:
    both = 'sum(rate(latency_bucket{le="1.0"}[5m])) / on() requests_total{code="500"}'
    check_equal([s["seriesLabels"]["__name__"] for s in exemplars(w.server, both)], ["latency_bucket", "requests_total"])
    early = {"query": '{job="traced"}', "start": "100", "end": "101"}
    check_equal(len(w.server.api("query_exemplars", early)), 1)
    check_equal(w.server.get("/api/v1/query_exemplars", {"query": "1 + 1", **ALL_TIME}).status, 204)
    check_equal(w.server.get("/api/v1/query_exemplars", {"query": "a", "start": "2", "end": "1"}).status, 400)


@case
def a_reload_changes_how_many_are_kept(w: SimpleNamespace) -> None:
    check_equal(w.server.metric("prometheus_tsdb_exemplar_max_exemplars"), 1000)
    w.server.write_config(CONFIG.format(w.exporter.address, 3))
    w.server.hang_up()
    until(lambda: w.server.metric("prometheus_tsdb_exemplar_max_exemplars") == 3, "the reload came through")
    check_equal(sum(len(s["exemplars"]) for s in exemplars(w.server)), 3)
    w.server.write_config(CONFIG.format(w.exporter.address, 1000))
    w.server.hang_up()
    until(lambda: len(of(exemplars(w.server), code="200")) >= 5, "there are more again")


@case
def exemplars_survive_kill_9_here_and_in_prometheus(w: SimpleNamespace) -> None:
    before = exemplars(w.server, 'requests_total{code="200"}')[0]["exemplars"]
    w.server.kill()
    readers: list[ApiClient] = []
    standing_still = "scrape_configs: []\nstorage: {exemplars: {max_exemplars: 1000}}\n"
    try:
        readers.append(start_prometheus(w.workspace, standing_still, copy_data(w.workspace, w.server.data, "theirs"),
                                        os.environ.get("NARTHEX_ORACLE"), (FEATURE,)))
    except Skip as why:
        print(f"  without Prometheus: {why}")
    w.server.start()
    readers.append(w.server)
    for reader in readers:
        after = exemplars(reader, 'requests_total{code="200"}')[0]["exemplars"]
        missing = [e for e in before if e not in after]
        check(not missing, f"{reader.name} lacks {missing[:3]}")
    for peer in readers[:-1]:
        check_log_is_clean(peer)


if __name__ == "__main__":
    run_cases(world)
