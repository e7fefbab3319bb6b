#!/usr/bin/env python3
"""The directory of a real Prometheus, with all that it can hold, read here; and the way back.

Debian's Prometheus scrapes floats, exemplars and native histograms, records rules, deletes series, cuts and
merges blocks, and is killed. Then we and it open a copy each and are asked the same. Later we have scraped into
the directory, cut and merged blocks ourselves and were killed: it is opened by both again.
Native histograms come from Prometheus alone: this server scrapes none, and carries them.
"""

import json
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Iterator

from answers import Ask, check_same_answer
from api_client import ApiClient
from cases import Skip, case, check, check_equal, run_cases, until
from data_directory import blocks, copy_data, dump
from histogram_exporter import HistogramExporter
from peers import check_log_is_clean, need_peer, start_prometheus
from server import Server
from tool_agreement import check_agreement, check_sound, run_promtool, run_tool
from workspace import Workspace

FEATURES = "--enable-feature=exemplar-storage,native-histograms"
BLOCKS = ("--storage.tsdb.min-block-duration=5s", "--storage.tsdb.max-block-duration=15s")
EXEMPLARS = "storage: {exemplars: {max_exemplars: 10000}}\n"
CONFIG = """
global: {{scrape_interval: 200ms, evaluation_interval: 500ms}}
rule_files: [{1}]
scrape_configs:
  - job_name: ring
    static_configs: [{{targets: ['{0}'], labels: {{instance: one}}}}]
"""
STANDING_STILL = EXEMPLARS + "scrape_configs: []\n"
RULES = """
groups:
  - name: recorded
    rules:
      - {record: 'code:requests:rate2s', expr: 'sum by (code) (rate(requests_total[2s]))', labels: {kind: recorded}}
      - {record: 'queue:max', expr: 'max(queue)'}
      - {alert: Busy, expr: 'queue > 2', for: 1s, labels: {severity: none}}
"""
SCALE = 1.0  # of most of what the exporter serves
DUMPS = ((), ("--match", 'churning{generation=~"1|2"}'), ("--match", "requests_total"))


@contextmanager
def world(workspace: Workspace) -> Iterator[SimpleNamespace]:
    need_peer(workspace, "prometheus")
    w = SimpleNamespace(workspace=workspace, tool=workspace.build / "narthextool", exporter=HistogramExporter(), by_us=None, deleted=[])
    if not w.tool.exists():
        raise Skip(f"{w.tool} is not built")
    rules = workspace.folder / "rules.yml"
    rules.write_text(RULES)
    w.config = EXEMPLARS + CONFIG.format(w.exporter.address, rules)
    w.by_prometheus = by_prometheus(w)
    yield w


def levels(data: Path) -> list[int]:
    return [json.loads((b / "meta.json").read_text())["compaction"]["level"] for b in blocks(data)]


def delete(server: ApiClient, selector: str, start: float | None = None, end: float | None = None) -> None:
    params = {"match[]": selector} | ({"start": f"{start:.3f}"} if start else {}) | ({"end": f"{end:.3f}"} if end else {})
    check_equal(server.request("POST", "/api/v1/admin/tsdb/delete_series", params).status, 204)


def by_prometheus(w: SimpleNamespace) -> Path:
    """Several blocks, one of them merged of others, tombstones in blocks and in the head, a live log."""
    data = w.workspace.new_folder("by-prometheus") / "data"
    peer = start_prometheus(w.workspace, w.config, data, flags=(*BLOCKS, FEATURES, "--web.enable-admin-api"))
    until(lambda: max(levels(data), default=0) >= 2 and len(blocks(data)) >= 3, "Prometheus has merged blocks", 240)
    until(lambda: peer.query("code:requests:rate2s") and peer.query("ALERTS"), "rules have recorded something")
    now = float(peer.api("query", {"query": "time()"})["result"][1])
    delete(peer, 'churning{generation="1"}')
    delete(peer, 'queue{shape="third"}', now - 14, now - 2)
    delete(peer, 'latency{kind="standing"}', now - 9, now - 1)
    w.deleted.append((now - 14, now - 1))
    enough = w.exporter.scrapes + 4
    until(lambda: w.exporter.scrapes > enough, "scraping goes on after the deletion")
    peer.process.kill()
    check(any((b / "tombstones").stat().st_size > 9 for b in blocks(data)), "there are tombstones in blocks")
    return data


def by_us(w: SimpleNamespace) -> Path:
    """The same directory after we have scraped, recorded, deleted and merged in it, and were killed."""
    if w.by_us is None:
        before = {b.name for b in blocks(w.by_prometheus)}
        data = copy_data(w.workspace, w.by_prometheus, "by-us")
        server = Server(w.workspace, w.config, *BLOCKS, FEATURES, "--storage.tsdb.block-reload-interval=1s", "--web.enable-admin-api",
                        name="by-us", data=data).start()
        until(lambda: merged_from(data, before) and len({b.name for b in blocks(data)} - before) >= 2,
              "we have merged a block of Prometheus and cut some", 120)
        now = float(server.api("query", {"query": "time()"})["result"][1])
        delete(server, 'churning{generation="2"}')
        delete(server, 'queue{shape="sine"}', now - 14, now - 2)
        w.deleted.append((now - 14, now - 2))
        delete(server, 'latency{kind="sparse"}', end=now - 20)
        enough = w.exporter.scrapes + 10
        until(lambda: w.exporter.scrapes > enough, "there is a live log")
        server.kill()
        w.by_us = data
    return w.by_us


def merged_from(data: Path, names: set[str]) -> bool:
    """Whether a block of another name was compacted from one of these."""
    parents = [parent["ulid"] for b in blocks(data) if b.name not in names
               for parent in json.loads((b / "meta.json").read_text())["compaction"].get("parents", [])]
    return any(ulid in names for ulid in parents)


class Pair:
    """We and Prometheus on a copy each of one directory, with nothing to scrape."""

    def __init__(self, w: SimpleNamespace, data: Path, name: str):
        self.ours = Server(w.workspace, STANDING_STILL, *BLOCKS, FEATURES, name=f"{name}-ours",
                           data=copy_data(w.workspace, data, f"{name}-read-by-us")).start()
        self.theirs = start_prometheus(w.workspace, STANDING_STILL, copy_data(w.workspace, data, f"{name}-read-by-prometheus"),
                                       flags=(*BLOCKS, FEATURES))
        series = self.theirs.query('{job="ring",__name__=~"up|queue|code.*"}[1h]')
        times = {round(t * 1000) for one in series for t, _ in one["values"]}
        self.first, self.last = min(times) / 1000, max(times) / 1000
        # Off the times of all samples and of all whole seconds before: 2.42 counts the left edge of a range in.
        taken = {t % 1000 for t in times}
        self.quiet = next(m for m in range(1, 1000) if not {m, m - 1, m + 1} & taken) / 1000
        self.deleted = w.deleted

    def instants(self) -> list[str]:
        """In the oldest block, in the middle, in the head, and behind everything."""
        span = self.last - self.first
        seconds = [self.outside_of_deletions(int(self.first + span * share)) for share in (0.3, 0.55, 0.8)] + [int(self.last) + 1]
        return [f"{second + self.quiet:.3f}" for second in seconds]

    def outside_of_deletions(self, second: int) -> int:
        """That one or the next: a window of 2.42 that ends among deleted samples of a block may show some of them."""
        while any(start - 1 <= second + self.quiet <= end + 1 for start, end in self.deleted):
            second += 1
        return second

    def compare(self, asks: list[Ask], digits: int | None = 14) -> None:
        wrong = []
        for ask in asks:
            try:
                check_same_answer(ask, self.ours, self.theirs, digits=digits, scale=SCALE)
            except AssertionError as problem:
                wrong.append((str(ask), str(problem)))
        check(not wrong, f"{len(wrong)} of {len(asks)} answers differ: {[ask for ask, _ in wrong]}\n    "
              + "\n    ".join(problem for _, problem in wrong[:3]))

    def close(self) -> None:
        check_equal(self.ours.terminate(), 0)
        check_equal(self.theirs.process.terminate(), 0)
        check_log_is_clean(self.theirs)


FLOATS = (
    "up", "requests_total", "queue", "churning", "passing", 'churning{generation="1"}', "code:requests:rate2s", "queue:max",
    "rate(requests_total[3s])", "increase(requests_total[4s])", "irate(requests_total[2s])", "resets(requests_total[9s])",
    "sum by (code) (rate(requests_total[3s]))", "max_over_time(queue[5s])", "avg_over_time(queue[4s])", "count_over_time(passing[9s])",
    "count_over_time(queue[30s])", "quantile_over_time(0.7, queue[6s])", "stddev_over_time(queue[6s])", "changes(queue[6s])",
    "delta(queue[4s])", "deriv(queue[5s])", "count({__name__=~'.+'}) by (__name__)", "ALERTS", "ALERTS_FOR_STATE", "absent(passing)",
    "topk(2, queue)", "requests_total offset 5s", "max_over_time(rate(requests_total[2s] offset -QUIET)[6s:1s])", "timestamp(queue)",
    "queue > 1", "requests_total / ignoring(path) group_left sum(requests_total)", "scrape_samples_scraped", "queue[4s]", "requests_total[3s]")
# What 2.42 reckons in another way is left out: histogram_quantile, which interpolates otherwise, last_over_time and
# sum_over_time, which know no histograms there, and rates over a reset.
HISTOGRAMS = (
    "latency", "changing", 'latency{kind="growing"}', "histogram_count(latency)", "histogram_sum(latency)",
    'histogram_count(rate(latency{kind="steady"}[3s]))', 'histogram_sum(increase(latency{kind="steady"}[3s]))',
    'rate(latency{kind="steady"}[3s])', 'increase(latency{kind="steady"}[4s])', 'sum(rate(latency{kind="steady"}[3s]))',
    "sum(latency)", "sum by (kind) (latency)", "histogram_fraction(-Inf, +Inf, latency)", "count(latency)", "latency offset 4s",
    "count_over_time(latency[6s])", "present_over_time(latency[6s])", "absent(latency)", "timestamp(latency)", "latency[2s]",
    "changing[3s]", "group(latency)")


def check_answers(pair: Pair) -> None:
    # A subquery steps on whole seconds: its windows, too, have to end where no sample is.
    floats = [q.replace("QUIET", f"{round(pair.quiet * 1000)}ms") for q in FLOATS]
    # Behind the first windows: 2.42 extrapolates a series' birth otherwise.
    drawn = {"start": f"{int(pair.first) + 10 + pair.quiet:.3f}", "end": f"{int(pair.last) + pair.quiet:.3f}", "step": "1"}
    asks = [Ask("query", {"query": q, "time": t}) for q in (*floats, *HISTOGRAMS) for t in pair.instants()]
    asks += [Ask("query_range", {"query": q, **drawn}, "POST") for q in (*floats, *HISTOGRAMS) if not q.endswith("]")]
    pair.compare(asks)


def check_names_and_series(pair: Pair) -> None:
    span = {"start": f"{pair.first:.3f}", "end": f"{pair.last:.3f}"}
    everything = [("match[]", '{__name__!=""}'), *span.items()]
    pair.compare([
        Ask("labels"), Ask("labels", span), Ask("labels", {"match[]": "latency", **span}), Ask("series", everything),
        Ask("series", {"match[]": '{kind=~".+"}', **span}), Ask("series", [("match[]", "queue"), ("match[]", "passing"), *span.items()]),
        *(Ask(f"label/{name}/values", span) for name in ("__name__", "kind", "generation", "path", "shape", "code", "nothing")),
        Ask("label/__name__/values", {"match[]": '{shape=~"s.*"}', **span})])


def exemplars(server: ApiClient) -> dict:
    found = server.api("query_exemplars", {"query": '{job="ring"}', "start": "0", "end": "9999999999"})
    return {tuple(sorted(one["seriesLabels"].items())): [(e["labels"]["trace_id"], float(e["value"]), e["timestamp"]) for e in one["exemplars"]]
            for one in found}


def check_exemplars(pair: Pair) -> None:
    ours, theirs = exemplars(pair.ours), exemplars(pair.theirs)
    check(sum(map(len, theirs.values())) >= 5, f"there are exemplars to compare: {theirs}")
    check_equal(ours, theirs, "exemplars")


def check_pair(w: SimpleNamespace, data: Path, name: str) -> None:
    pair = Pair(w, data, name)
    problems = []
    for part in (check_answers, check_names_and_series, check_exemplars):
        try:
            part(pair)
        except AssertionError as problem:
            problems.append(f"{part.__name__}: {problem}")
    check(not problems, "\n  ".join(problems))
    pair.close()


@case
def a_directory_of_prometheus_answers_the_same_here(w: SimpleNamespace) -> None:
    check_pair(w, w.by_prometheus, "first")


@case
def a_directory_of_ours_answers_the_same_in_prometheus(w: SimpleNamespace) -> None:
    check_pair(w, by_us(w), "back")


@case
def tools_agree_on_both_directories(w: SimpleNamespace) -> None:
    for name, data in (("theirs", w.by_prometheus), ("ours", by_us(w))):
        copy = copy_data(w.workspace, data, f"tools-{name}")
        check_sound(w, copy)
        check_agreement(w, copy, DUMPS)
        check(" {count:" in run_tool(w, "tsdb", "dump", copy), "histograms are dumped")


@case
def prometheus_goes_on_with_a_directory_of_ours(w: SimpleNamespace) -> None:
    data = copy_data(w.workspace, by_us(w), "gone-on")
    before = {b.name for b in blocks(data)}
    peer = start_prometheus(w.workspace, w.config, data, flags=(*BLOCKS, FEATURES))
    until(lambda: len(before - {b.name for b in blocks(data)}) >= 1 and max(levels(data)) >= 2 and len({b.name for b in blocks(data)} - before) >= 2,
          "Prometheus has merged blocks of ours and cut its own", 240)
    check_equal(peer.process.terminate(), 0)
    check_log_is_clean(peer)
    check_sound(w, data)


@case
def promtool_dumps_the_directory_of_a_running_server_with_histograms(w: SimpleNamespace) -> None:
    data = copy_data(w.workspace, w.by_prometheus, "running")
    server = Server(w.workspace, w.config, *BLOCKS, FEATURES, "--storage.tsdb.block-reload-interval=1s", name="running", data=data).start()
    enough = w.exporter.scrapes + 20
    until(lambda: w.exporter.scrapes > enough, "there is a live log")
    seen = server.samples("queue")
    dumped = dump(w.workspace, data)
    for series, values in seen.items():
        missing = [t for t, v in values.items() if v != "NaN" and float(dumped.get(series, {}).get(t, "nan")) != float(v)]
        check(not missing, f"promtool misses {len(missing)} samples of {dict(series)}: {missing[:3]}")
    run_promtool(w, "tsdb", "analyze", data)
    check_equal(server.terminate(), 0)


if __name__ == "__main__":
    run_cases(world)
