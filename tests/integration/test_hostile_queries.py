#!/usr/bin/env python3
"""Queries that would take a server down, against one with 64 MiB for all of them: each ends with
a status and a text, memory stays within bounds, and scrapes, rules and health go on."""

import os
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Iterator
from urllib.parse import urlencode

from cases import case, check, check_equal, run_cases, until
from exporter import Exporter
from server import Server
from workspace import Workspace

MIB = 1 << 20
SANITIZED = "NARTHEX_SANITIZED" in os.environ
BUDGET = 64 * MIB
WIDE_SERIES = 1_000_000
SIDE_SERIES = 3000
CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: live
    static_configs: [{{targets: ['{live}']}}]
  - job_name: wide
    scrape_interval: {often}
    scrape_timeout: {often}
    static_configs: [{{targets: ['{wide}']}}]
"""
RULES = "groups: [{name: g, rules: [{record: live:up, expr: 'sum(up{job=\"live\"})'}]}]\n"
OVER_BUDGET = "needs too much memory"


def wide_page() -> str:
    rows = [f'wide{{i="{i:07}"}} {i}' for i in range(WIDE_SERIES)]
    rows += [f'side{{i="{i:05}",k="{i % 7}"}} {i}' for i in range(SIDE_SERIES)]
    return "\n".join(["# TYPE wide gauge", *rows, ""])


def live_page(number: int) -> str:
    # The second series comes late: what does not go together meets at the last steps only.
    late = 'twice{a="2"} 1\n' if number > 5 else ""
    return f'scrapes {number}\none 1\ntwice{{a="1"}} 1\n{late}'


@contextmanager
def world(workspace: Workspace) -> Iterator[SimpleNamespace]:
    w = SimpleNamespace(workspace=workspace, live=Exporter(live_page), wide=Exporter(wide_page()))
    folder = workspace.new_folder("narthex")
    (folder / "rules.yml").write_text(RULES)
    os.environ["NARTHEX_QUERY_MAX_MEMORY"] = "64MB"
    config = lambda often: CONFIG.format(live=w.live.address, wide=w.wide.address, often=often)
    w.server = Server(workspace, config("20s"), "--query.max-concurrency=4", "--query.timeout=30s",
                      "--query.lookback-delta=1h", "--web.enable-lifecycle", folder=folder)
    w.server.start()
    until(lambda: w.server.metric("prometheus_tsdb_head_series") >= WIDE_SERIES + SIDE_SERIES, "the wide page is scraped",
          seconds=180)
    # Once is enough, and its scrapes would count as memory of queries.
    w.server.write_config(config("1d"))
    check_equal(w.server.post("/-/reload").status, 200)
    until(lambda: w.server.value("live:up") == 1 and len(w.server.query("twice")) == 2, "the live target is scraped")
    # Memory that scraping the page left behind is given back after a large query.
    ask(w.server, {"query": "wide"})
    yield w


def anonymous_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no RssAnon in /proc")


class Watch:
    """What the server is like while something else happens."""

    def __init__(self, server: Server):
        self.server = server
        assert server.process
        self.pid = server.process.pid
        self.idle = anonymous_bytes(self.pid)
        self.peak = self.idle
        self.slowest = 0.0
        self.unhealthy: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=run) for run in (self._watch_memory, self._watch_health)]

    def __enter__(self) -> "Watch":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _watch_memory(self) -> None:
        while not self._stop.wait(0.005):
            self.peak = max(self.peak, anonymous_bytes(self.pid))

    def _watch_health(self) -> None:
        while not self._stop.wait(0.02):
            began = time.monotonic()
            answer = self.server.get("/-/healthy")
            self.slowest = max(self.slowest, time.monotonic() - began)
            if answer.status != 200:
                self.unhealthy.append(f"{answer.status} {answer.text}")


def joined(levels: int) -> str:
    query = "side"
    sources = ", ".join(["'i'"] * 10)
    for _ in range(levels):
        query = f"label_join({query}, 'i', ',', {sources})"
    return query


def hostile_queries(now: float) -> list[tuple[str, dict[str, Any], int, str]]:
    """Each with what it is, its parameters, the status and a part of the text."""
    steps = {"start": now - 10_999, "end": now, "step": 1}
    nested = "max_over_time(max_over_time(max_over_time(one[1h:1s])[1d:1s])[90d:1s])"
    return [
        ("a select of a million series", {"query": "wide"}, 422, OVER_BUDGET),
        ("a sum over a million series", {"query": "sum(wide)"}, 422, OVER_BUDGET),
        ("a million groups", {"query": "count by (i) (wide)"}, 422, OVER_BUDGET),
        ("a regular expression that takes them all", {"query": '{__name__=~".+", i=~".+"}'}, 422, OVER_BUDGET),
        ("nested subqueries", {"query": nested}, 422, OVER_BUDGET),
        ("a group_left explosion",
         {"query": 'label_replace(side, "j", "$1", "i", "(.*)") * on () group_left (j) '
                   'label_replace(side, "j", "$1", "i", "(.*)")'}, 422, OVER_BUDGET),
        ("growth by count_values", {"query": 'count_values by (i) ("v", side @ end() * 0 + time())', **steps}, 422, OVER_BUDGET),
        ("growth by label_join", {"query": joined(8)}, 422, OVER_BUDGET),
        ("growth by label_replace",
         {"query": 'label_replace(label_replace(one, "t", "%s", "", ""), "t", "%s", "t", "(.*)")'
                   % ("x" * 20_000, "$1" * 20_000)}, 422, OVER_BUDGET),
        ("an 11,000-step matrix", {"query": "side @ end()", **steps}, 422, OVER_BUDGET),
        ("all of it at once",
         {"query": "sort(side @ end() + side @ end()) or topk(1000, side @ end())", **steps}, 422, OVER_BUDGET),
        ("5,000 nested parentheses", {"query": "(" * 5000 + "1" + ")" * 5000}, 400,
         "expression has more than 2000 levels"),
        ("5,000 nested functions", {"query": "abs(" * 5000 + "one" + ")" * 5000}, 400,
         "expression has more than 2000 levels"),
        ("5,000 signs", {"query": "-" * 5000 + "1"}, 400, "expression has more than 2000 levels"),
        ("a regular expression of 500 kB", {"query": 'one{a=~"%s"}' % ("(a|b)c*" * 70_000)}, 400,
         "expression too large"),
        ("a regular expression with a large program", {"query": 'one{a=~"%s"}' % ("([a-z]{1000}|b)" * 2000)}, 400,
         "expression too large"),
        ("a regular expression of 10 MB", {"query": 'one{a=~"%s"}' % ("a." * 5_000_000)}, 400,
         "query is too long"),
    ]


def ask(server: Server, params: dict[str, Any]) -> Any:
    return server.post("/api/v1/query_range" if "step" in params else "/api/v1/query", form=params)


def check_refused(server: Server, what: str, params: dict[str, Any], status: int, text: str) -> None:
    answer = ask(server, params)
    check(answer.status == status, f"{what}: status {answer.status}, not {status}: {answer.text[:300]}")
    check_equal(answer.json["errorType"], "execution" if status == 422 else "bad_data", what)
    check(text in answer.json["error"], f"{what}: {answer.json['error'][:300]!r} does not say {text!r}")


def check_within_bounds(watch: Watch) -> None:
    grown = watch.peak - watch.idle
    allowed = BUDGET * 5 // 4 + 32 * MIB
    print(f"        memory grew by {grown / MIB:.0f} MiB of {allowed / MIB:.0f}; slowest health {watch.slowest * 1000:.0f} ms")
    # A sanitizer keeps what is freed, and its own notes of all that is held.
    check(grown <= allowed or SANITIZED, f"anonymous memory grew by {grown / MIB:.0f} MiB, {allowed / MIB:.0f} are allowed")
    check(not watch.unhealthy, f"/-/healthy failed: {watch.unhealthy[:3]}")
    # 100 ms on a machine that does nothing else.
    check(watch.slowest < 2, f"/-/healthy took {watch.slowest:.2f} s")


@case
def hostile_queries_end_with_a_status_and_a_text_one_by_one(w: SimpleNamespace) -> None:
    with Watch(w.server) as watch:
        for what, params, status, text in hostile_queries(time.time()):
            check_refused(w.server, what, params, status, text)
    check_within_bounds(watch)


@case
def the_error_says_where_in_the_query_memory_ran_out(w: SimpleNamespace) -> None:
    error = ask(w.server, {"query": "one +\n  sum(wide)"}).json["error"]
    check(error.startswith("2:7: query needs too much memory: it holds "), error)
    check("may hold 33554432 (half of --query.max-memory)" in error, error)


@case
def memory_stays_within_bounds_and_nothing_is_missed_while_many_run_together(w: SimpleNamespace) -> None:
    missed = w.server.metric("prometheus_rule_group_iterations_missed_total") or 0
    failures: list[str] = []
    began = time.time()

    def run(offset: int) -> None:
        queries = hostile_queries(time.time())
        for i in range(len(queries)):
            what, params, status, _ = queries[(i + offset) % len(queries)]
            answer = ask(w.server, params)
            if answer.status != status:
                failures.append(f"{what}: status {answer.status}: {answer.text[:200]}")

    with Watch(w.server) as watch:
        # The wide page is scraped once: a slow build must be through before it is five minutes old.
        threads = [threading.Thread(target=run, args=(i * 4,)) for i in range(1 if SANITIZED else 6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    check(not failures, "\n".join(failures[:5]))
    check_within_bounds(watch)
    until(lambda: w.server.value("timestamp(live:up)") > time.time() - 3, "rules go on")
    check_equal((w.server.metric("prometheus_rule_group_iterations_missed_total") or 0) - missed, 0, "missed rules")
    (times,) = w.server.samples('up{job="live"}', f"{int(time.time() - began) + 2}s").values()
    check(set(times.values()) == {"1"}, f"a scrape failed: {times}")
    gaps = [b - a for a, b in zip(sorted(times), sorted(times)[1:])]
    check(max(gaps) < 2000, f"a scrape was missed: gaps of {sorted(gaps)[-3:]} ms")


@case
def memory_is_given_back_when_all_is_over(w: SimpleNamespace) -> None:
    until(lambda: w.server.api("status/queries")["bytes"] == 0, "no query holds memory")
    check_equal(w.server.api("status/queries")["queries"], [], "running queries")
    check_equal(w.server.api("status/queries")["maxBytes"], BUDGET, "the limit")


@case
def a_slow_reader_of_a_large_answer_holds_no_slot(w: SimpleNamespace) -> None:
    now = time.time()
    params = urlencode({"query": "side{k='1'} @ end()", "start": now - 3000, "end": now, "step": 1})
    readers = []
    for _ in range(3):  # more answers than are sent at once, of some 10 MB each
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(("127.0.0.1", w.server.port))
        reader.sendall(f"GET /api/v1/query_range?{params} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        readers.append(reader)
        began = reader.recv(1000)
        check(began.startswith(b"HTTP/1.1 200 "), f"a slow reader is answered: {began!r}")
    for _ in range(20):
        for reader in readers:
            check(reader.recv(1000), "the answer goes on")
        check_equal(w.server.value("one"), 1.0, "another query")
        running = w.server.api("status/queries")
        check_equal(running["queries"], [], "queries that hold a slot")
        check(running["bytes"] > MIB, f"the results are charged until they are read: {running['bytes']}")
        time.sleep(0.1)
    for reader in readers:
        reader.close()
    until(lambda: w.server.api("status/queries")["bytes"] == 0, "the results are dropped with their readers")


@case
def an_error_of_the_last_step_has_its_status(w: SimpleNamespace) -> None:
    # At the first steps there is one series, which goes with the other side; in the end there are two.
    first = min(min(times) for times in w.server.samples("twice").values()) / 1000
    answer = w.server.get("/api/v1/query_range", {"query": "one * on () twice", "start": first + 0.5,
                                                 "end": time.time(), "step": 1})
    check_equal(answer.status, 422, answer.text[:300])
    check("found duplicate series for the match group {} on the right hand-side" in answer.json["error"],
          answer.json["error"])
    alone = w.server.get("/api/v1/query_range", {"query": "one * on () twice", "start": first + 0.5,
                                                "end": first + 1.5, "step": 1})
    check_equal(alone.status, 200, alone.text[:300])


if __name__ == "__main__":
    run_cases(world)
