#!/usr/bin/env python3
"""narthextool tsdb against Debian's promtool: list, analyze and dump say the same, field by field, of
a directory that Prometheus wrote, of one that we wrote, and of one that a server is writing."""

import re
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Iterator

from cases import Skip, case, check, check_equal, run_cases, until
from data_directory import blocks, check_same_samples, copy_data, dump, flip_bit, newest_filled_segment
from exporter import Exporter
from peers import need_peer, start_prometheus
from server import Server
from tool_agreement import check_agreement, check_sound, run_tool
from workspace import Workspace

SMALL_BLOCKS = ("--storage.tsdb.min-block-duration=5s", "--storage.tsdb.max-block-duration=5s")
EVERYTHING = '{__name__!=""}'
DUMPS = ((), ("--match", 'churning{generation=~"1|2"}'), ("--min-time=0", "--max-time=1"))


def page(number: int) -> str:
    rows = [f'scrape_number{{row="{row}",text="a\\"b\\\\c"}} {number}' for row in range(12)]
    return "\n".join([
        *rows, f'churning{{generation="{number // 5}"}} {number}', "constant 42", f"third {number / 3}",
        f"big {number * 1e300}", f"tiny -{number}e-310", "endless +Inf", "undefined NaN", "zero -0", "million 1234567", ""])


def config(exporter: Exporter) -> str:
    return f"""
global: {{scrape_interval: 200ms}}
scrape_configs:
  - job_name: paged
    static_configs: [{{targets: ['{exporter.address}']}}]
"""


@contextmanager
def world(workspace: Workspace) -> Iterator[SimpleNamespace]:
    need_peer(workspace, "promtool")
    w = SimpleNamespace(workspace=workspace, tool=workspace.build / "narthextool", by_prometheus=None, by_us=None)
    if not w.tool.exists():
        raise Skip(f"{w.tool} is not built")
    yield w


def by_prometheus(w: SimpleNamespace) -> Path:
    """Blocks and a live log, as kill -9 left them."""
    if w.by_prometheus is None:
        exporter = Exporter(page)
        data = w.workspace.new_folder("by-prometheus") / "data"
        peer = start_prometheus(w.workspace, config(exporter), data, flags=SMALL_BLOCKS)
        # Looked for once a minute: a first block comes soon, a second one is not waited for.
        until(lambda: len(blocks(data)) >= 1, "Prometheus has cut a block", 150)
        peer.process.kill()
        exporter.close()
        w.by_prometheus = data
    return w.by_prometheus


def by_us(w: SimpleNamespace) -> Path:
    if w.by_us is None:
        exporter = Exporter(page)
        server = Server(w.workspace, config(exporter), *SMALL_BLOCKS, "--storage.tsdb.block-reload-interval=1s", name="by-us")
        server.start()
        until(lambda: len(blocks(server.data)) >= 2, "we have cut two blocks", 120)
        server.kill()
        exporter.close()
        w.by_us = server.data
    return w.by_us


@case
def list_analyze_and_dump_agree_on_a_directory_of_prometheus(w: SimpleNamespace) -> None:
    check_agreement(w, copy_data(w.workspace, by_prometheus(w), "prometheus-copy"), DUMPS)


@case
def list_analyze_and_dump_agree_on_a_directory_of_ours(w: SimpleNamespace) -> None:
    check_agreement(w, copy_data(w.workspace, by_us(w), "our-copy"), DUMPS)


@case
def both_directories_are_sound(w: SimpleNamespace) -> None:
    check_sound(w, by_prometheus(w))
    check_sound(w, by_us(w))


@case
def nothing_is_written_into_the_directory(w: SimpleNamespace) -> None:
    data = copy_data(w.workspace, by_us(w), "read-only")
    before = {p: p.stat().st_mtime_ns for p in sorted(data.rglob("*"))}
    for verb in ("list", "analyze", "dump", "dump-openmetrics", "verify"):
        run_tool(w, "tsdb", verb, data)
    check_equal({p: p.stat().st_mtime_ns for p in sorted(data.rglob("*"))}, before)


@case
def dump_works_on_the_directory_of_a_running_server(w: SimpleNamespace) -> None:
    exporter = Exporter(page)
    server = Server(w.workspace, config(exporter), *SMALL_BLOCKS, "--storage.tsdb.block-reload-interval=1s", name="running")
    server.start()
    until(lambda: exporter.scrapes > 30 and len(blocks(server.data)) >= 1, "there are blocks and a log", 120)
    seen = {series: {t: v for t, v in values.items() if v != "NaN"} for series, values in server.samples(EVERYTHING).items()}
    seen = {series: values for series, values in seen.items() if values}
    ours_text = run_tool(w, "tsdb", "dump", server.data)
    theirs = dump(w.workspace, server.data)
    check_sound(w, server.data)
    exporter.close()
    check_equal(server.terminate(), 0)
    # Scraping went on between the three looks: what the first saw, the others have.
    until_then = {series: {t: v for t, v in theirs.get(series, {}).items() if t <= max(values)} for series, values in seen.items()}
    check_same_samples(until_then, seen, "promtool against the API")
    missing = [line for line in sorted_lines(seen) if line not in numbers_of(ours_text)]
    check(not missing, f"{len(missing)} samples of the API are not in our dump: {missing[:3]}")


def sorted_lines(samples: dict) -> list[tuple]:
    return [(dict(series).get("__name__"), dict(series).get("row"), t, float(v)) for series, values in samples.items() for t, v in values.items()]


def numbers_of(text: str) -> set[tuple]:
    found = set()
    for line in text.splitlines():
        labels, value, t = line.rsplit(" ", 2)
        name = re.search(r'__name__="([^"]*)"', labels)
        row = re.search(r'[{ ]row="([^"]*)"', labels)
        found.add((name and name[1], row and row[1], int(t), float(value)))
    return found


@case
def verify_names_what_is_damaged_and_ends_with_1(w: SimpleNamespace) -> None:
    data = copy_data(w.workspace, by_us(w), "damaged")
    check_sound(w, data)
    index = blocks(data)[0] / "index"
    flip_bit(index, index.stat().st_size // 2)
    segment = newest_filled_segment(data)
    flip_bit(segment, 20)
    text = run_tool(w, "tsdb", "verify", data, code=1)
    check(f"damage: {index.relative_to(data)}: offset" in text, text[:2000])
    check(f"damage: wal/{segment.name}: offset" in text, text[:2000])


if __name__ == "__main__":
    run_cases(world)
