#!/usr/bin/env python3
"""Records what a Prometheus 3.14 answers to queries.txt, and to generated queries, on a data directory that it makes.

usage: tests/promql/golden/record.py --prometheus PATH [--keep-data]

Writes data/ (a block and a log, by way of remote write) and answers.jsonl beside this file; with --keep-data only the latter.
The binary is one built by hand from the sources at the commit named in README.md. tests/integration/test_golden.py needs none.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "integration"))

import golden_asks
import promql_data
import promql_histograms
from api_client import ApiClient
from cases import check_equal
from data_directory import blocks
from peers import Peer, start_prometheus
from promql_newest import NewestGenerator
from remote_write import Samples, push
from workspace import ROOT, Workspace

SEED = "golden"
SCRAPES, INTERVAL_MS = 80, 30_000
SPAN_MS = SCRAPES * INTERVAL_MS
TARGETS = (("api", "a:80"), ("api", "b:80"), ("web", "a:80"))
GENERATED = 400
LARGEST = 2500  # characters of an answer to a generated query
STANDING_STILL = "scrape_configs: []\n"


def start(workspace: Workspace, binary: str, data: Path, *flags: str) -> Peer:
    return start_prometheus(workspace, STANDING_STILL, data, binary, flags=flags)


def make_data(workspace: Workspace, binary: str) -> None:
    """The first half in a block, the second in a log."""
    samples = promql_data.samples(SEED, SCRAPES, INTERVAL_MS, TARGETS) | promql_histograms.samples(SEED, SCRAPES, INTERVAL_MS, TARGETS)
    begin, middle, end = (promql_data.START_MS + n * SPAN_MS // 2 for n in (0, 1, 3))
    first = workspace.new_folder("first")
    writer = start(workspace, binary, first, "--web.enable-remote-write-receiver", "--web.enable-admin-api")
    push(writer, between(samples, begin, middle))
    snapshot = first / "snapshots" / writer.post("/api/v1/admin/tsdb/snapshot").data["name"]
    data = workspace.new_folder("data")
    for block in blocks(snapshot):
        shutil.copytree(block, data / block.name)
    check_equal(writer.process.terminate(), 0)
    writer = start(workspace, binary, data, "--web.enable-remote-write-receiver")
    push(writer, between(samples, middle, end))
    check_equal(writer.process.terminate(), 0)
    shutil.rmtree(golden_asks.DATA, ignore_errors=True)
    for folder in (*blocks(data), data / "wal"):
        shutil.copytree(folder, golden_asks.DATA / folder.name)


def between(samples: Samples, begin: int, end: int) -> Samples:
    return {key: part for key, values in samples.items() if (part := [(t, v) for t, v in values if begin <= t < end])}


def generated_asks() -> list[dict[str, Any]]:
    asks = []
    for number in range(GENERATED):
        query = NewestGenerator(Random(f"{SEED}:{number}"), span_ms=SPAN_MS).query()
        asks.append({"path": "query_range" if query.step else "query", "params": query.parameters("double_exponential_smoothing")})
    return asks


def as_line(server: ApiClient, ask: dict[str, Any]) -> str:
    recorded = ask | golden_asks.answer(server, ask)
    return json.dumps(recorded, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--prometheus", required=True)
    arguments.add_argument("--keep-data", action="store_true")
    options = arguments.parse_args()
    with Workspace(str(ROOT / "build")) as workspace:
        if not options.keep_data:
            make_data(workspace, options.prometheus)
        copy = workspace.new_folder("read") / "data"
        shutil.copytree(golden_asks.DATA, copy)
        server = start(workspace, options.prometheus, copy, golden_asks.FLAGS[0])
        with golden_asks.ANSWERS.open("w") as out:
            for ask in golden_asks.written_asks():
                out.write(as_line(server, ask))
            lines = (as_line(server, ask) for ask in generated_asks())
            out.writelines(line for line in lines if len(line) < LARGEST)


if __name__ == "__main__":
    main()
