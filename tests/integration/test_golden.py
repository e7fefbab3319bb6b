#!/usr/bin/env python3
"""Recorded answers of Prometheus 3.14, on a small data directory that it wrote, for what Debian's 2.42 does not know.

tests/promql/golden/record.py has recorded them; the directory lies beside it. Everything has to be the same: values to
the last digit, error texts, annotations with their places, statistics.
"""

import json
import math
import re
import shutil
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, Iterator

from cases import case, check, check_equal, run_cases
from golden_asks import ANSWERS, DATA, FLAGS, answer, written_asks
from promql_newest import OF_THE_LIBRARY
from server import Server
from workspace import Workspace

SHOWN = 10
CLOSE = 1e-12
# Summed up in the order of series, which is each store's own.
ORDERED_SUM = re.compile(r"\b(sum|avg|stddev|stdvar)\b")


@contextmanager
def world(workspace: Workspace) -> Iterator[SimpleNamespace]:
    w = SimpleNamespace(workspace=workspace, recorded=[json.loads(line) for line in ANSWERS.read_text().splitlines()])
    data = workspace.new_folder("read") / "data"
    shutil.copytree(DATA, data)
    w.server = Server(workspace, "scrape_configs: []\n", *FLAGS, data=data).start()
    yield w


def check_recorded(w: SimpleNamespace, paths: tuple[str, ...]) -> None:
    asks = [one for one in w.recorded if one["path"] in paths]
    check(asks, "there are recorded answers")
    wrong = []
    for one in asks:
        got = answer(w.server, one)
        want = {"status": one["status"], "body": one["body"]}
        if not same(got, want, may_be_close(one["params"]["query"])):
            wrong.append(f"{one['path']} {one['params']}\n      got  {shortened(got)}\n      want {shortened(want)}")
    check(not wrong, f"{len(wrong)} of {len(asks)} answers differ:\n    " + "\n    ".join(wrong[:SHOWN]))


def may_be_close(query: str) -> bool:
    return bool(OF_THE_LIBRARY.search(query) or ORDERED_SUM.search(query))


def shortened(one: dict[str, Any]) -> str:
    text = json.dumps(one["body"], ensure_ascii=False, sort_keys=True)
    return f"{one['status']} {text if len(text) < 900 else text[:900] + '...'}"


def same(got: Any, want: Any, only_close: bool) -> bool:
    if isinstance(want, dict):
        return isinstance(got, dict) and got.keys() == want.keys() and all(same(got[n], want[n], only_close) for n in want)
    if isinstance(want, list):
        return isinstance(got, list) and len(got) == len(want) and all(same(g, x, only_close) for g, x in zip(got, want))
    return got == want or only_close and isinstance(got, str) and isinstance(want, str) and close(got, want)


def close(got: str, want: str) -> bool:
    try:
        return math.isclose(float(got), float(want), rel_tol=CLOSE, abs_tol=CLOSE)
    except ValueError:
        return False


@case
def queries_answer_as_3_14_did(w: SimpleNamespace) -> None:
    check_recorded(w, ("query", "query_range"))


@case
def queries_are_printed_and_parsed_as_by_3_14(w: SimpleNamespace) -> None:
    check_recorded(w, ("format_query", "parse_query"))


@case
def all_that_is_written_is_recorded(w: SimpleNamespace) -> None:
    recorded = [{"path": one["path"], "params": one["params"]} for one in w.recorded]
    missing = [ask for ask in written_asks() if ask not in recorded]
    check_equal(missing, [], "run tests/promql/golden/record.py: queries without an answer")


if __name__ == "__main__":
    run_cases(world)
