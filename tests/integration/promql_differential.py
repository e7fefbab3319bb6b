"""Comparison: many generated queries, answered by two servers on copies of one directory, and a report of each that they
answer differently."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, Callable

from api_client import ApiClient
from cases import check_equal, until
from data_directory import blocks
from peers import check_log_is_clean, start_prometheus
from promql_data import SPAN_MS, START_MS
from promql_expressions import Expr, shrunk
from promql_generator import Query
from remote_write import Samples, push
from workspace import Workspace

CONNECTIONS = 6
SHOWN = 8  # failures
RELATIVE = 1e-11  # of a value that is not exact
SMOOTHING = "double_exponential_smoothing"

STANDING_STILL = "scrape_configs: []\n"
BLOCKS = ("--storage.tsdb.min-block-duration=30m", "--storage.tsdb.max-block-duration=30m")
SLICE_MS = 5 * 60_000  # of samples sent at once

Answer = dict[str, Any]
Series = tuple[str, list[list[Any]]]  # labels, points
Make = Callable[[int], Query]  # by its number


def received(workspace: Workspace, all_samples: Samples, binary: str | None = None) -> Path:
    """The directory of a Prometheus to which all samples were sent: blocks, a head and its log."""
    data = workspace.new_folder("received") / "data"
    receiver = start_prometheus(workspace, STANDING_STILL, data, binary, flags=(*BLOCKS, "--web.enable-remote-write-receiver"))
    push_all(receiver, all_samples)
    until(lambda: len(blocks(data)) >= 3, "Prometheus has cut blocks")
    check_equal(receiver.process.terminate(), 0)
    if not binary:
        check_log_is_clean(receiver)
    return data


def push_all(receiver: ApiClient, all_samples: Samples) -> None:
    """In slices of time."""
    for begin in range(START_MS - SLICE_MS, START_MS + SPAN_MS + SLICE_MS, SLICE_MS):
        push(receiver, {key: part for key, values in all_samples.items()
                        if (part := [(t, v) for t, v in values if begin <= t < begin + SLICE_MS])})


def ask(server: ApiClient, query: Query) -> Answer:
    """The parsed answer. Debian's Prometheus knows one function by its old name."""
    name = "holt_winters" if server.name.startswith("prometheus") else SMOOTHING
    return server.post("/api/v1/query_range" if query.step else "/api/v1/query", query.parameters(name)).json


def difference(query: Query, got: Answer, want: Answer) -> str:
    """What is not the same in two answers, but for what `query.expr.error` allows; empty if nothing is."""
    if got["status"] != want["status"] or got.get("errorType") != want.get("errorType"):
        return f"got {outcome(got)}, want {outcome(want)}"
    if got["status"] == "error":
        return ""
    if got["data"]["resultType"] != want["data"]["resultType"]:
        return f"got a {got['data']['resultType']}, want a {want['data']['resultType']}"
    ours, theirs = (_series(query, answer["data"]) for answer in (got, want))
    if query.expr.ordered and not query.step:
        ours, theirs = _with_ties_sorted(ours), _with_ties_sorted(theirs)
    if [labels for labels, _ in ours] != [labels for labels, _ in theirs]:
        return _unequal_labels([labels for labels, _ in ours], [labels for labels, _ in theirs])
    for (labels, values), (_, wanted) in zip(ours, theirs):
        if [t for t, _ in values] != [t for t, _ in wanted]:
            return f"{labels}: got points at {[t for t, _ in values][:20]}, want {[t for t, _ in wanted][:20]}"
        for (t, g), (_, w) in zip(values, wanted):
            if not _close(g, w, query.expr):
                return f"{labels} at {t}: got {g}, want {w} (may differ by {query.expr.error:g})"
    return ""


def outcome(answer: Answer) -> str:
    return str(answer["data"])[:300] if answer["status"] == "success" else f"{answer['errorType']}: {answer['error'][:300]}"


def is_empty(answer: Answer) -> bool:
    return answer["status"] == "success" and answer["data"]["result"] in ([], None)


def _unequal_labels(got: list[str], want: list[str]) -> str:
    if sorted(got) == sorted(want):
        return f"got in the order {got[:10]}, want {want[:10]}"
    return (f"got {[one for one in got if one not in want][:2]} more, of {len(got)} series, "
            f"want {[one for one in want if one not in got][:2]}, of {len(want)}")


def _series(query: Query, data: Any) -> list[Series]:
    """Labels and points of each series, sorted by labels where order promises nothing."""
    if data["resultType"] in ("scalar", "string"):
        return [("", [data["result"]])]
    found = [(str(sorted(one["metric"].items())), _points(one)) for one in data["result"]]
    return found if query.expr.ordered and not query.step else sorted(found, key=lambda one: one[0])


def _with_ties_sorted(series: list[Series]) -> list[Series]:
    """What is equal comes in any order, NaN at whichever end."""
    return [one for _, tied in groupby(series, key=lambda one: one[1][0][1]) for one in sorted(tied, key=lambda one: one[0])]


def _points(series: dict[str, Any]) -> list[list[Any]]:
    single = [series[name] for name in ("value", "histogram") if name in series]
    return single + series.get("values", []) + series.get("histograms", [])


def _close(got: Any, want: Any, expr: Expr) -> bool:
    if isinstance(got, dict) and isinstance(want, dict):
        return got.keys() == want.keys() and all(_close(got[n], want[n], expr) for n in got)
    if isinstance(got, list) and isinstance(want, list):
        return len(got) == len(want) and all(_close(g, w, expr) for g, w in zip(got, want))
    if got == want or not (isinstance(got, str) and isinstance(want, str)):
        return got == want
    g, w = float(got), float(want)
    if expr.exact:
        return expr.blurred and g == w == 0
    if not (math.isfinite(g) and math.isfinite(w)):
        return g == w or g != g and w != w
    return abs(g - w) <= expr.error + RELATIVE * max(abs(g), abs(w))


class Comparison:
    """One run. `different` judges two answers to a query."""

    def __init__(self, seed: str, make: Make, ours: ApiClient, theirs: ApiClient, third: ApiClient | None = None,
                 different: Callable[[Query, Answer, Answer], str] = difference):
        self.seed, self.make, self.ours, self.theirs, self.third, self.different = seed, make, ours, theirs, third, different
        self.answered = self.refused = self.empty = 0
        self.failures: list[str] = []

    @property
    def total(self) -> int:
        return self.answered + self.refused + self.empty

    def run(self, numbers: "range | list[int]") -> None:
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            for got, failure in pool.map(self._one, numbers):
                self.refused += got["status"] == "error"
                self.empty += is_empty(got)
                self.answered += got["status"] == "success" and not is_empty(got)
                self.failures += [failure] if failure else []

    def summary(self) -> str:
        return f"seed {self.seed}: {self.total} queries, {self.answered} with an answer, {self.empty} empty, {self.refused} refused"

    def report(self) -> str:
        return f"{len(self.failures)} of {self.total} queries differ:\n    " + "\n    ".join(self.failures[:SHOWN])

    def _one(self, number: int) -> tuple[Answer, str]:
        query = self.make(number)
        got = ask(self.ours, query)
        found = self.different(query, got, ask(self.theirs, query))
        if not found and query.broken and got["status"] != "error":
            found = "a broken query is answered"
        return got, self._explained(number, query, found) if found else ""

    def _explained(self, number: int, query: Query, found: str) -> str:
        """With the smallest part that still differs, and both answers to it."""
        def part(expr: Expr) -> Query:
            # What the whole was allowed to be off by may be that of a part.
            return replace(query, expr=replace(expr, error=max(expr.error, query.expr.error)))

        def differs(expr: Expr) -> bool:
            unusable = query.step and expr.type in ("matrix", "string")
            return not unusable and bool(self.different(part(expr), ask(self.ours, part(expr)), ask(self.theirs, part(expr))))

        smallest = part(shrunk(query.expr, differs) if differs(query.expr) else query.expr)
        got, want = ask(self.ours, smallest), ask(self.theirs, smallest)
        lines = [f"NARTHEX_SEED={self.seed}:{number}  {query.parameters()}", f"differs from {self.theirs.name} in: {smallest.parameters()['query']}",
                 self.different(smallest, got, want) or found, f"ours:   {outcome(got)}", f"theirs: {outcome(want)}"]
        if self.third:
            third = ask(self.third, smallest)
            lines.append(f"third:  {'as ours' if not self.different(smallest, got, third) else outcome(third)}")
        return "\n      ".join(lines)
