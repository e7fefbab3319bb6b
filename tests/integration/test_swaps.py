#!/usr/bin/env python3
"""One data directory, handed back and forth between Prometheus and us while scraping goes on."""

import os
import random
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Iterator

from api_client import ApiClient, SamplesBySeries
from cases import case, check, check_equal, run_cases, until
from data_directory import check_same_samples, copy_data, cut_off, dump, flip_bit, newest_filled_segment
from exporter import Exporter
from peers import Peer, check_log_is_clean, start_prometheus
from server import Server
from workspace import Workspace

SWAPS = 30 if os.environ.get("NARTHEX_LONG") else 10
ROWS = 12
EVERYTHING = '{__name__!=""}'
SMALL_BLOCKS = ("--storage.tsdb.min-block-duration=5s", "--storage.tsdb.max-block-duration=45s")
SEED = int(os.environ.get("NARTHEX_SEED", "20240229"))


def config(exporter: Exporter) -> str:
    return f"""
global: {{scrape_interval: 200ms}}
scrape_configs:
  - job_name: numbered
    static_configs: [{{targets: ['{exporter.address}']}}]
"""


def page(number: int) -> str:
    rows = [f'scrape_number{{row="{row}"}} {number}' for row in range(ROWS)]
    return "\n".join([*rows, f'churning{{generation="{number // 15}"}} {number}', "constant 42",
                      f"third {number / 3}", ""])


@contextmanager
def world(workspace: Workspace) -> Iterator[SimpleNamespace]:
    yield SimpleNamespace(workspace=workspace, random=random.Random(SEED))


class Turns:
    """Whose turn it is with the directory, and all that was ever seen of it."""

    def __init__(self, w: SimpleNamespace, name: str):
        self.w = w
        self.exporter = Exporter(page)
        self.ours = Server(w.workspace, config(self.exporter), *SMALL_BLOCKS, "--storage.tsdb.block-reload-interval=1s",
                           "--storage.tsdb.head-snapshot-interval=1s", name=name)
        self.theirs: Peer | None = None
        self.seen: SamplesBySeries = {}
        self.down: list[tuple[float, float]] = []  # from a last answer to the next ready server
        self.last_answer = time.time()

    def take(self, is_ours: bool) -> ApiClient:
        if is_ours:
            server: ApiClient = self.ours.start()
            check(self.theirs is None or "Head restored from a snapshot" not in self.ours.log_text(),
                  "a snapshot from before Prometheus had the directory is not used")
        else:
            server = self.theirs = start_prometheus(self.w.workspace, config(self.exporter), self.ours.data,
                                                    flags=SMALL_BLOCKS)
        now = server.samples(EVERYTHING)
        lost = [(dict(series), t) for series, values in self.seen.items() for t, v in values.items()
                if float(now.get(series, {}).get(t, "nan")) != float(v)]
        check(not lost, f"{server.name} misses {len(lost)} samples, the first of them {lost[:3]}")
        self.down.append((self.last_answer, time.time()))
        return server

    def scrape_some(self, server: ApiClient, scrapes: int) -> None:
        enough = self.exporter.scrapes + scrapes
        until(lambda: self.exporter.scrapes >= enough, f"{scrapes} scrapes by {server.name}")
        time.sleep(self.w.random.random() * 0.2)
        self.seen = server.samples(EVERYTHING)
        self.last_answer = time.time()

    def end(self, server: ApiClient, is_ours: bool, kill: bool) -> None:
        process = self.ours.process if is_ours else self.theirs.process
        if kill:
            process.kill()
        else:
            check_equal(process.terminate(), 0)
        if not is_ours:
            check_log_is_clean(self.theirs)


def check_scrapes_are_whole(samples: SamplesBySeries) -> list[tuple[int, int]]:
    """Each scrape has all its rows, once, numbers grow; {(time, number)} of them."""
    rows = {dict(series)["row"]: {t: int(float(v)) for t, v in values.items()}
            for series, values in samples.items() if dict(series)["__name__"] == "scrape_number"}
    check_equal(len(rows), ROWS)
    for row, values in rows.items():
        check_equal(values, rows["0"], f"row {row} against row 0")
    scrapes = sorted(rows["0"].items())
    numbers = [n for _, n in scrapes]
    check_equal(numbers, sorted(set(numbers)), "numbers grow with time")
    return scrapes


def check_gaps(turns: Turns, scrapes: list[tuple[int, int]]) -> None:
    """Numbers are missing only where a server was down, or had not been asked since."""
    for (t, n), (next_t, next_n) in zip(scrapes, scrapes[1:]):
        if next_n == n + 1:
            continue
        missing = (t / 1000, next_t / 1000)
        check(any(begin - 1 < missing[1] and missing[0] < end + 1 for begin, end in turns.down),
              f"scrapes {n + 1} to {next_n - 1} are missing though a server was up")


def up_to_newest(samples: SamplesBySeries, seen: SamplesBySeries) -> SamplesBySeries:
    """Without what was scraped after the last look at a server that went on: {series: {t: v}}."""
    newest = max(t for values in seen.values() for t in values)
    older = {series: {t: v for t, v in values.items() if t <= newest} for series, values in samples.items()}
    return {series: values for series, values in older.items() if values}


@case
def swaps_back_and_forth_lose_nothing(w: SimpleNamespace) -> None:
    turns = Turns(w, "swapped")
    for swap in range(SWAPS):
        is_ours = swap % 2 == 0
        server = turns.take(is_ours)
        turns.scrape_some(server, w.random.randint(10, 40))
        turns.end(server, is_ours, kill=w.random.random() < 0.6)
    server = turns.take(True)
    final = server.samples(EVERYTHING)
    check_gaps(turns, check_scrapes_are_whole(final))
    turns.ours.kill()
    turns.exporter.close()
    dumped = dump(w.workspace, copy_data(w.workspace, turns.ours.data, "swapped-dumped"))
    check_same_samples(up_to_newest(dumped, final), final, "promtool tsdb dump against our API")


def damaged(w: SimpleNamespace, name: str, damage: object) -> None:
    """Ours is killed, its log damaged; we repair it, and Prometheus takes over what is left."""
    turns = Turns(w, name)
    turns.scrape_some(turns.take(True), 30)
    turns.ours.kill()
    damage(newest_filled_segment(turns.ours.data))
    turns.seen = {}
    server = turns.ours.start()
    left = server.samples(EVERYTHING)
    whole = {t for values in left.values() for t in values}
    check(len(whole) >= 20, f"only {len(whole)} times are left")
    turns.scrape_some(server, 10)
    turns.ours.kill()
    theirs = turns.take(False)
    turns.scrape_some(theirs, 10)
    turns.end(theirs, False, kill=True)
    turns.take(True)
    turns.ours.kill()
    turns.exporter.close()


@case
def a_torn_record_before_a_swap_costs_no_more_than_itself(w: SimpleNamespace) -> None:
    damaged(w, "swapped-torn", lambda file: cut_off(file, 7))


@case
def a_flipped_bit_before_a_swap_costs_no_more_than_its_record(w: SimpleNamespace) -> None:
    damaged(w, "swapped-flipped", lambda file: flip_bit(file, file.stat().st_size * 7 // 10))


if __name__ == "__main__":
    run_cases(world)
