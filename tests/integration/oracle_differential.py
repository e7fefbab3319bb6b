#!/usr/bin/env python3
"""Generated queries in the whole language of 3.14, answered by us and by a Prometheus 3.14, by hand.

    NARTHEX_ORACLE=.../prometheus python3 tests/integration/oracle_differential.py build

As test_differential.py, with promql_newest in place of promql_generator: values to the last bit, annotations and whole error
texts have to be the same. NARTHEX_QUERIES says how many, NARTHEX_DELAYED=1 drops names at the end.
"""

import os
import re
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Iterator

import promql_data
import promql_histograms
from cases import Skip, case, check, check_equal, run_cases
from data_directory import copy_data
from peers import start_prometheus
from promql_differential import STANDING_STILL, Answer, Comparison, difference, push_all
from promql_generator import Query
from promql_newest import FEATURES, OF_THE_LIBRARY, NewestGenerator
from server import Server
from workspace import Workspace

SEED, _, ONLY = os.environ.get("NARTHEX_SEED", "20240229").partition(":")
QUERIES = int(os.environ.get("NARTHEX_QUERIES", "3000"))
LIBRARY_ERROR = 1e-9
# In range queries operators of 3.14 put out series by chance, and sums have the order of what goes into them.
ORDERED_SUM = re.compile(r"\b(sum|avg|stddev|stdvar)\b")
ORDER_ERROR = 1e-9
ONE_BLOCK = ("--storage.tsdb.min-block-duration=1d", "--storage.tsdb.max-block-duration=1d")


@contextmanager
def world(workspace: Workspace) -> Iterator[SimpleNamespace]:
    oracle = os.environ.get("NARTHEX_ORACLE")
    if not oracle:
        raise Skip("NARTHEX_ORACLE names no Prometheus 3.14")
    features = [*FEATURES, *(["promql-delayed-name-removal"] if os.environ.get("NARTHEX_DELAYED") else [])]
    enabled = f"--enable-feature={','.join(features)}"
    data = in_one_block(workspace, oracle)
    w = SimpleNamespace()
    w.ours = Server(
        workspace, STANDING_STILL, *ONE_BLOCK, enabled, "--storage.tsdb.retention.time=10y", data=copy_data(workspace, data, "ours")
    ).start()
    w.theirs = start_prometheus(workspace, STANDING_STILL, copy_data(workspace, data, "theirs"), oracle, flags=(*ONE_BLOCK, enabled))
    yield w


def in_one_block(workspace: Workspace, oracle: str) -> Path:
    """A block is sorted by labels. Elsewhere series have each store's own order, by which last bits, ties and errors differ."""
    data = workspace.new_folder("received")
    writer = start_prometheus(
        workspace, STANDING_STILL, data, oracle, flags=("--web.enable-remote-write-receiver", "--web.enable-admin-api", *ONE_BLOCK)
    )
    push_all(writer, promql_data.samples(SEED) | promql_histograms.samples(SEED))
    name = writer.post("/api/v1/admin/tsdb/snapshot").data["name"]
    check_equal(writer.process.terminate(), 0)
    return data / "snapshots" / name


def whole_difference(query: Query, got: Answer, want: Answer) -> str:
    """Of everything that an answer says."""
    text = str(query.expr)
    error = LIBRARY_ERROR if OF_THE_LIBRARY.search(text) else 0.0
    if query.step and ORDERED_SUM.search(text):
        error = ORDER_ERROR
    query = replace(query, expr=replace(query.expr, error=error))
    if found := difference(query, got, want):
        return found
    for part in ("error", "warnings", "infos"):
        texts = [sorted(value) if isinstance(value, list) else value for value in (got.get(part), want.get(part))]
        if texts[0] != texts[1]:
            return f"{part}: got {texts[0]}, want {texts[1]}"
    return ""


@case
def generated_queries_answer_as_the_oracle_does(w: SimpleNamespace) -> None:
    comparison = Comparison(SEED, lambda number: NewestGenerator(Random(f"{SEED}:{number}")).query(), w.ours, w.theirs, different=whole_difference)
    comparison.run([int(ONLY)] if ONLY else range(QUERIES))
    print(f"        {comparison.summary()}")
    check(not comparison.failures, comparison.report())


if __name__ == "__main__":
    run_cases(world)
