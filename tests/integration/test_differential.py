#!/usr/bin/env python3
"""Generated queries, answered by us and by Debian's Prometheus on copies of one data directory.

The directory is Prometheus' own: it receives three hours of samples (promql_data), cuts blocks of them and keeps the rest in
its head and its log. Queries are made by promql_generator; every answer has to be the same, as far as promql_expressions
says that it can be. One that is not is reported with the smallest part of it that still differs.

    NARTHEX_SEED=7       other samples and other queries
    NARTHEX_SEED=7:2041  one query of them
    NARTHEX_ORACLE=...   a Prometheus 3.14 whose answer is shown beside two that differ
"""

import os
from contextlib import contextmanager
from random import Random
from types import SimpleNamespace
from typing import Iterator

from cases import case, check, check_equal, run_cases
from data_directory import copy_data
from peers import check_log_is_clean, need_peer, start_prometheus
from promql_data import samples
from promql_differential import BLOCKS, STANDING_STILL, Comparison, received
from promql_generator import Generator
from server import Server
from workspace import Workspace

SEED, _, ONLY = os.environ.get("NARTHEX_SEED", "20240229").partition(":")
QUERIES = 30_000 if os.environ.get("NARTHEX_LONG") else 3_000
ANSWERED = 0.7  # the share of queries whose answer has to hold something
EXPERIMENTAL = "--enable-feature=promql-experimental-functions"  # double_exponential_smoothing, once holt_winters


@contextmanager
def world(workspace: Workspace) -> Iterator[SimpleNamespace]:
    need_peer(workspace, "prometheus")
    w = SimpleNamespace(workspace=workspace, oracle=None)
    data = received(workspace, samples(SEED))
    w.ours = Server(
        workspace, STANDING_STILL, *BLOCKS, EXPERIMENTAL, "--storage.tsdb.retention.time=10y", data=copy_data(workspace, data, "ours")
    ).start()
    w.theirs = start_prometheus(workspace, STANDING_STILL, copy_data(workspace, data, "theirs"), flags=BLOCKS)
    if binary := os.environ.get("NARTHEX_ORACLE"):
        w.oracle = start_prometheus(workspace, STANDING_STILL, copy_data(workspace, data, "oracle"), binary, flags=(*BLOCKS, EXPERIMENTAL))
    yield w


@case
def generated_queries_answer_the_same(w: SimpleNamespace) -> None:
    comparison = Comparison(SEED, lambda number: Generator(Random(f"{SEED}:{number}")).query(), w.ours, w.theirs, w.oracle)
    comparison.run([int(ONLY)] if ONLY else range(QUERIES))
    print(f"        {comparison.summary()}")
    check(not comparison.failures, comparison.report())
    check(ONLY or comparison.answered >= ANSWERED * comparison.total, f"too few answers hold something: {comparison.summary()}")


@case
def nobody_complains(w: SimpleNamespace) -> None:
    check_equal(w.ours.terminate(), 0)
    check_equal(w.theirs.process.terminate(), 0)
    check_log_is_clean(w.theirs)


if __name__ == "__main__":
    run_cases(world)
