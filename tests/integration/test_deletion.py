#!/usr/bin/env python3
"""Deleted samples stay deleted, whoever opens the directory; snapshots are directories to start on."""

import json
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Iterator

from api_client import ApiClient, SamplesBySeries
from cases import case, check, check_equal, run_cases, until
from data_directory import blocks, check_same_samples, copy_data, dump
from exporter import Exporter
from peers import Peer, check_log_is_clean, start_prometheus
from server import Server
from workspace import Workspace

ROWS = 8
NUMBERS = "scrape_number"
ADMIN = "--web.enable-admin-api"
SMALL_BLOCKS = ("--storage.tsdb.min-block-duration=5s", "--storage.tsdb.max-block-duration=15s")
NO_JOBS = "global: {scrape_interval: 1s}\n"


def page(number: int) -> str:
    return "".join(f'{NUMBERS}{{row="{row}"}} {number}\n' for row in range(ROWS))


@contextmanager
def world(workspace: Workspace) -> Iterator[SimpleNamespace]:
    """A directory with several blocks and a head that nobody writes to any more; killed."""
    exporter = Exporter(page)
    server = Server(workspace, f"global: {{scrape_interval: 200ms}}\nscrape_configs:\n  - job_name: numbered\n"
                               f"    static_configs: [{{targets: ['{exporter.address}']}}]\n",
                    *SMALL_BLOCKS, "--storage.tsdb.block-reload-interval=1s", name="filled")
    server.start()
    until(lambda: len(blocks(server.data)) >= 2, "there are two blocks")
    scrapes = exporter.scrapes
    until(lambda: exporter.scrapes > scrapes + 5, "and a head beside them")
    server.kill()
    exporter.close()
    yield SimpleNamespace(workspace=workspace, data=server.data)


def ours_on_a_copy(w: SimpleNamespace, name: str, *flags: str) -> Server:
    folder = w.workspace.new_folder(name)
    return Server(w.workspace, NO_JOBS, *SMALL_BLOCKS, ADMIN, *flags, name=name, folder=folder,
                  data=copy_data(w.workspace, w.data, f"{name}-data")).start()


def theirs_on(w: SimpleNamespace, data: Path) -> Peer:
    return start_prometheus(w.workspace, NO_JOBS, data, flags=(*SMALL_BLOCKS, ADMIN))


def times_of(samples: SamplesBySeries) -> list[int]:
    return sorted({t for values in samples.values() for t in values})


def delete(server: ApiClient, matches: list[str], start: float | None = None, end: float | None = None) -> None:
    form = [("match[]", m) for m in matches]
    form += [("start", start)] if start is not None else []
    form += [("end", end)] if end is not None else []
    answer = server.post("/api/v1/admin/tsdb/delete_series", form)
    check_equal((answer.status, answer.text), (204, ""), f"{server.name} deletes {form}")


def without(samples: SamplesBySeries, rows: set[str], first: int, last: int) -> SamplesBySeries:
    left = {}
    for series, values in samples.items():
        gone = dict(series)["row"] in rows
        kept = {t: v for t, v in values.items() if not (gone and first <= t <= last)}
        if kept:
            left[series] = kept
    return left


def delete_some(server: ApiClient) -> SamplesBySeries:
    """A series, a stretch of two over block and head, the oldest samples of one. @return what is left"""
    samples = server.samples(NUMBERS)
    times = times_of(samples)
    first, last = times[len(times) // 3], times[-3]
    delete(server, [NUMBERS + '{row="1"}'])
    delete(server, [NUMBERS + '{row="2"}', '{__name__="scrape_number",row="3"}'], first / 1000, last / 1000)
    delete(server, [NUMBERS + '{row=~"4|none"}'], end=times[4] / 1000)
    samples = without(samples, {"1"}, 0, times[-1])
    samples = without(samples, {"2", "3"}, first, last)
    return without(samples, {"4"}, 0, times[4])


@case
def what_we_delete_stays_deleted_over_a_kill_and_in_prometheus(w: SimpleNamespace) -> None:
    server = ours_on_a_copy(w, "deleted")
    left = delete_some(server)
    check_same_samples(server.samples(NUMBERS), left, "at once")
    server.kill()
    server.start()
    check_same_samples(server.samples(NUMBERS), left, "after kill -9")
    server.kill()
    copy = copy_data(w.workspace, server.data, "deleted-for-prometheus")
    dumped = {s: v for s, v in dump(w.workspace, copy).items() if dict(s)["__name__"] == NUMBERS}
    check_same_samples(dumped, left, "promtool tsdb dump")
    theirs = theirs_on(w, copy)
    check_same_samples(theirs.samples(NUMBERS), left, "in Prometheus")
    check_equal(theirs.process.terminate(), 0)
    check_log_is_clean(theirs)


@case
def what_prometheus_deletes_is_deleted_here(w: SimpleNamespace) -> None:
    data = copy_data(w.workspace, w.data, "deleted-by-prometheus")
    theirs = theirs_on(w, data)
    left = delete_some(theirs)
    check_same_samples(theirs.samples(NUMBERS), left, "in Prometheus itself")
    theirs.process.kill()
    (data / "lock").unlink(missing_ok=True)
    server = Server(w.workspace, NO_JOBS, *SMALL_BLOCKS, name="after-prometheus", data=data).start()
    check_same_samples(server.samples(NUMBERS), left, "here")
    check_equal(server.terminate(), 0)


@case
def our_tombstones_are_those_of_prometheus(w: SimpleNamespace) -> None:
    """Of the same deletion in the same blocks: as many, by meta.json, and the same number of bytes."""
    server = ours_on_a_copy(w, "tombstones-ours", "--storage.tsdb.block-reload-interval=1h")
    data = copy_data(w.workspace, w.data, "tombstones-theirs")
    theirs = start_prometheus(w.workspace, NO_JOBS, data, flags=(ADMIN,))
    delete_some(server)
    delete_some(theirs)
    stones = [{b.name: (json.loads((b / "meta.json").read_text())["stats"].get("numTombstones"),
                        (b / "tombstones").stat().st_size) for b in blocks(d)} for d in (server.data, data)]
    common = stones[0].keys() & stones[1].keys()
    check(common, "there are blocks that both have left as they were")
    check_equal({b: stones[0][b] for b in common}, {b: stones[1][b] for b in common})
    check(any(count for count, _ in stones[0].values()), "there are tombstones")


@case
def clean_tombstones_rewrites_blocks_and_changes_no_answer(w: SimpleNamespace) -> None:
    server = ours_on_a_copy(w, "cleaned")
    left = delete_some(server)
    check_equal(server.request("PUT", "/api/v1/admin/tsdb/clean_tombstones").status, 204)
    check_same_samples(server.samples(NUMBERS), left, "after cleaning")
    server.kill()
    for block in blocks(server.data):
        stats = json.loads((block / "meta.json").read_text())["stats"]
        check("numTombstones" not in stats, f"{block.name} has no tombstones any more: {stats}")
    theirs = theirs_on(w, copy_data(w.workspace, server.data, "cleaned-for-prometheus"))
    check_same_samples(theirs.samples(NUMBERS), left, "in Prometheus")
    check_log_is_clean(theirs)


@case
def a_snapshot_opens_in_prometheus_and_here(w: SimpleNamespace) -> None:
    server = ours_on_a_copy(w, "snapped")
    left = delete_some(server)
    name = server.post("/api/v1/admin/tsdb/snapshot").data["name"]
    delete(server, [NUMBERS])
    check_equal(server.samples(NUMBERS), {}, "nothing is left of what was deleted afterwards")
    snapshot = server.data / "snapshots" / name
    check_equal([p.name for p in (server.data / "snapshots").iterdir()], [name])
    opened = Server(w.workspace, NO_JOBS, name="on-snapshot", data=copy_data(w.workspace, snapshot, "snapshot-ours")).start()
    check_same_samples(opened.samples(NUMBERS), left, "opened here")
    theirs = theirs_on(w, copy_data(w.workspace, snapshot, "snapshot-theirs"))
    check_same_samples(theirs.samples(NUMBERS), left, "opened by Prometheus")
    check_log_is_clean(theirs)
    without_head = server.post("/api/v1/admin/tsdb/snapshot", {"skip_head": "true"}).data["name"]
    check_equal(len(blocks(server.data / "snapshots" / without_head)), len(blocks(server.data)), "blocks without the head")


@case
def admin_endpoints_are_closed_without_their_flag(w: SimpleNamespace) -> None:
    server = Server(w.workspace, NO_JOBS, name="closed").start()
    for path in ("delete_series", "clean_tombstones", "snapshot"):
        answer = server.post(f"/api/v1/admin/tsdb/{path}", {"match[]": "up"})
        check_equal((answer.status, answer.json),
                    (500, {"status": "error", "errorType": "unavailable", "error": "admin APIs disabled"}), path)


if __name__ == "__main__":
    run_cases(world)
