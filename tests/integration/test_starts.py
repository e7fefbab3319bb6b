#!/usr/bin/env python3
"""Start timestamps: from `_created` lines to queries, over kill -9, a block and Prometheus 3.14."""

import os
import time
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, Iterator

from api_client import ApiClient
from cases import case, check, check_equal, run_cases, until
from data_directory import copy_data
from exporter import OPENMETRICS, Exporter, Reply
from peers import check_log_is_clean, start_prometheus
from server import Server
from workspace import Workspace

XOR2 = "storage: {tsdb: {chunk_encoding: {floats: xor2}}}\n"
CONFIG = """
global: {{scrape_interval: 200ms}}
scrape_configs:
  - job_name: counting
    static_configs: [{{targets: ['{0}'], labels: {{instance: one}}}}]
"""
STORE = "--enable-feature=st-storage,use-start-timestamps,histograms-st-encoding,promql-experimental-functions"
BEGAN = int(time.time()) - 100


def page(number: int) -> Reply:
    """A counter that begins anew, with a higher value, every ten scrapes; a gauge."""
    return Reply(f"""# TYPE requests counter
requests_total{{code="200"}} {number}
requests_created{{code="200"}} {BEGAN + number // 10}.25
requests_total{{code="500"}} 7
# TYPE load gauge
load {number}
# EOF
""", content_type=OPENMETRICS)


@contextmanager
def world(workspace: Workspace) -> Iterator[SimpleNamespace]:
    w = SimpleNamespace(workspace=workspace, exporter=Exporter(page))
    w.config = CONFIG.format(w.exporter.address)
    w.server = Server(workspace, XOR2 + w.config, STORE).start()
    until(lambda: w.exporter.scrapes >= 25, "some scrapes were made")
    yield w


def starts(server: ApiClient, series: str, at: float) -> list[Any]:
    """What start_timestamp() says twice a second in the 10 s before `at`."""
    found = server.api("query_range", {"query": f"start_timestamp({series})", "start": str(at - 10), "end": str(at),
                                       "step": "500ms"})["result"]
    return found[0]["values"] if found else []


@case
def the_start_is_what_the_page_said(w: SimpleNamespace) -> None:
    now = time.time()
    found = starts(w.server, 'requests_total{code="200"}', now)
    values = [float(v) for _, v in found]
    check(len(values) >= 5, f"there are {len(values)} starts")
    check(all(v % 1 == 0.25 and v >= BEGAN for v in values), f"starts are {values}")
    check_equal(values, sorted(values))
    check(len(set(values)) >= 2, "the counter began anew")
    for without in ('requests_total{code="500"}', "load"):
        check(all(float(v) == 0 for _, v in starts(w.server, without, now)), f"{without} has no start")
    check_equal(w.server.api("query", {"query": "count({__name__=~'.+_created'})"})["result"], [])
    # Each reset counts the whole value again.
    increase = float(w.server.api("query", {"query": 'increase(requests_total{code="200"}[8s])'})["result"][0]["value"][1])
    check(increase > w.exporter.scrapes, f"the increase over 8 s is {increase}")


@case
def the_log_says_who_can_read_the_directory(w: SimpleNamespace) -> None:
    for said in ("New float chunks are XOR2", "Start timestamps are stored", "Histogram chunks keep start timestamps"):
        check_equal(w.server.log_text().count(said), 1)


@case
def a_reload_that_asks_for_xor_is_refused(w: SimpleNamespace) -> None:
    w.server.write_config(XOR2.replace("xor2", "xor") + w.config)
    w.server.hang_up()
    until(lambda: "incompatible with start-timestamp storage" in w.server.log_text(), "the reload was refused")
    check_equal(w.server.metric("prometheus_config_last_reload_successful"), 0)
    w.server.write_config(XOR2 + w.config)
    w.server.hang_up()
    until(lambda: w.server.metric("prometheus_config_last_reload_successful") == 1, "the next one came through")


@case
def st_storage_alone_is_refused_with_the_reason(w: SimpleNamespace) -> None:
    server = Server(w.workspace, w.config, "--enable-feature=st-storage", name="refused")
    check(server.launch().wait() != 0, "it does not start")
    check("float chunk encoding" in server.log_text(), server.log_text()[-500:])


@case
def starts_survive_kill_9_here_and_in_prometheus(w: SimpleNamespace) -> None:
    at = time.time()
    before = starts(w.server, 'requests_total{code="200"}', at)
    w.server.kill()
    readers: list[ApiClient] = []
    if oracle := os.environ.get("NARTHEX_ORACLE"):
        readers.append(start_prometheus(w.workspace, XOR2 + "scrape_configs: []\n",
                                        copy_data(w.workspace, w.server.data, "theirs"), oracle, (STORE,)))
    w.server.start()
    for reader in (*readers, w.server):
        check_equal(starts(reader, 'requests_total{code="200"}', at), before)
    for peer in readers:
        check_log_is_clean(peer)


@case
def zeros_stand_where_counters_began(w: SimpleNamespace) -> None:
    began = time.time() - 30
    exporter = Exporter(Reply(f"# TYPE a counter\na_total 5\na_created {began:.3f}\n# EOF\n", content_type=OPENMETRICS))
    server = Server(w.workspace, CONFIG.format(exporter.address), "--enable-feature=created-timestamp-zero-ingestion",
                    name="zeros").start()
    until(lambda: exporter.scrapes >= 4, "some scrapes were made")
    samples = server.api("query", {"query": "a_total[5m]"})["result"][0]["values"]
    check_equal(samples[0], [round(began, 3), "0"])
    check(all(v == "5" for _, v in samples[1:]), f"behind it are {samples[1:]}")
    check_equal(server.metric("prometheus_target_scrapes_sample_out_of_order_total"), 0)
    server.terminate()
    exporter.close()


if __name__ == "__main__":
    run_cases(world)
