#!/usr/bin/env python3
"""kill -9 and the data directory: nothing seen is lost, Prometheus reads what we wrote, damage
costs what was damaged."""

import os
import random
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Iterator

from api_client import ApiClient, SamplesBySeries
from cases import case, check, check_equal, run_cases, until
from data_directory import (blocks, check_same_samples, copy_data, cut_off, dump, flip_bit, newest_filled_segment)
from exporter import Exporter
from peers import check_log_is_clean, start_prometheus
from server import Server
from workspace import Workspace

KILLS = 60 if os.environ.get("NARTHEX_LONG") else 5
ROWS = 20
EVERYTHING = '{__name__!=""}'
STANDING_STILL = "scrape_configs: []\n"
# Blocks are cut within seconds in place of hours.
SMALL_BLOCKS = ("--storage.tsdb.min-block-duration=5s", "--storage.tsdb.max-block-duration=5s",
                "--storage.tsdb.block-reload-interval=1s")
SEED = int(os.environ.get("NARTHEX_SEED", "20240229"))


def config(exporter: Exporter, interval: str) -> str:
    return f"""
global: {{scrape_interval: {interval}}}
scrape_configs:
  - job_name: numbered
    static_configs: [{{targets: ['{exporter.address}']}}]
"""


def numbered_page(number: int) -> str:
    """Every row says the scrape's number; one series changes its labels every ten scrapes."""
    rows = [f'scrape_number{{row="{row}"}} {number}' for row in range(ROWS)]
    return "\n".join([
        *rows, f'churning{{generation="{number // 10}"}} {number}', "constant 42", f"third {number / 3}",
        f"big {number * 1e300}", f"tiny -{number}e-310", "endless +Inf", "zero -0",
        f'latency_bucket{{le="0.1"}} {number}', f'latency_bucket{{le="1"}} {2 * number}',
        f'latency_bucket{{le="+Inf"}} {3 * number}', f"latency_count {3 * number}", f"latency_sum {number / 7}", ""])


@contextmanager
def world(workspace: Workspace) -> Iterator[SimpleNamespace]:
    w = SimpleNamespace(workspace=workspace, random=random.Random(SEED))
    # Filled by a case, read by those after it.
    w.cut = None
    w.log_only = None
    yield w


def numbers(samples: SamplesBySeries) -> dict[int, dict[int, int]]:
    """{row: {time: number}} of scrape_number."""
    rows: dict[int, dict[int, int]] = {}
    for series, values in samples.items():
        rows[int(dict(series)["row"])] = {t: int(v) for t, v in values.items()}
    return rows


def check_whole_scrapes(rows: dict[int, dict[int, int]]) -> None:
    """A scrape is there with all its rows or not at all; numbers only grow."""
    for row in range(ROWS):
        check_equal(rows.get(row), rows.get(0), f"row {row} against row 0")
    in_order = [n for _, n in sorted(rows.get(0, {}).items())]
    check_equal(in_order, sorted(set(in_order)), "numbers grow with time")


def check_nothing_lost(seen: SamplesBySeries, now: SamplesBySeries) -> None:
    for series, values in seen.items():
        lost = {t: v for t, v in values.items() if now.get(series, {}).get(t) != v}
        check(not lost, f"{len(lost)} of {len(values)} samples of {dict(series)} are lost or changed: {sorted(lost.items())[:5]}")


def still(workspace: Workspace, data: Path, name: str) -> Server:
    """Our server on that data, scraping nothing."""
    return Server(workspace, STANDING_STILL, name=name, data=data)


def write_and_kill(w: SimpleNamespace, name: str, interval: str, flags: tuple[str, ...], enough: object) -> SimpleNamespace:
    """Scrapes until `enough(server, exporter)`, then kills: {data, seen}."""
    exporter = Exporter(numbered_page)
    server = Server(w.workspace, config(exporter, interval), *flags, name=name)
    server.start()
    until(lambda: enough(server, exporter), "enough has been scraped", 120)
    seen = server.samples(EVERYTHING)
    server.kill()
    exporter.close()
    return SimpleNamespace(data=server.data, seen=seen)


def cut_directory(w: SimpleNamespace) -> SimpleNamespace:
    """A directory with blocks cut by us and a live WAL, as kill -9 left it."""
    if w.cut is None:
        w.cut = write_and_kill(w, "cut", "250ms", SMALL_BLOCKS, lambda server, _: len(blocks(server.data)) >= 2)
        check(newest_filled_segment(w.cut.data), "a WAL is there")
    return w.cut


def log_directory(w: SimpleNamespace) -> SimpleNamespace:
    """A directory with no more than a WAL segment of 40 scrapes, as kill -9 left it."""
    if w.log_only is None:
        w.log_only = write_and_kill(w, "log", "200ms", (), lambda _, exporter: exporter.scrapes > 40)
        check_equal(blocks(w.log_only.data), [])
    return w.log_only


def kill_often(w: SimpleNamespace, name: str, *flags: str) -> int:
    """Scrapes, kills, starts, again and again. Returns how many starts began with a snapshot of the head."""
    exporter = Exporter(numbered_page)
    server = Server(w.workspace, config(exporter, "200ms"), *flags, name=name)
    seen: SamplesBySeries = {}
    restored = 0
    for _ in range(KILLS):
        server.start()
        restored += "Head restored from a snapshot" in server.log_text()
        check_nothing_lost(seen, server.samples("scrape_number"))
        at_start = exporter.scrapes
        enough = at_start + w.random.randint(3, 25)
        until(lambda: exporter.scrapes >= enough, "some more scrapes")
        time.sleep(w.random.random() * 0.2)  # the kill shall hit any moment between two scrapes
        seen = server.samples("scrape_number")
        server.kill()
    server.start()
    after = server.samples("scrape_number")
    check_nothing_lost(seen, after)
    rows = numbers(after)
    check_whole_scrapes(rows)
    check(len(rows[0]) > KILLS * 3, f"only {len(rows[0])} scrapes are there after {KILLS} kills")
    check_equal(server.metric("prometheus_tsdb_wal_corruptions_total"), 0)
    check_equal(server.terminate(), 0)
    exporter.close()
    dumped = dump(w.workspace, copy_data(w.workspace, server.data, f"{name}-dumped"))
    check_nothing_lost(after, dumped_as_text(dumped, after))
    return restored


@case
def every_scrape_seen_before_a_kill_is_there_after_it(w: SimpleNamespace) -> None:
    kill_often(w, "killed", *SMALL_BLOCKS, "--storage.tsdb.head-snapshot-interval=0s")


@case
def the_same_with_snapshots_of_the_head(w: SimpleNamespace) -> None:
    snapshots = "--storage.tsdb.head-snapshot-interval=1s"
    for name, flags in (("killed-cutting", SMALL_BLOCKS), ("killed-growing", ())):
        restored = kill_often(w, name, *flags, snapshots)
        check(restored >= KILLS // 3, f"{name}: only {restored} of {KILLS} starts began with a snapshot")


@case
def nothing_is_lost_when_the_head_is_cut_and_the_server_killed(w: SimpleNamespace) -> None:
    directory = cut_directory(w)
    server = still(w.workspace, copy_data(w.workspace, directory.data, "cut-again"), "cut-again").start()
    now = server.samples(EVERYTHING)
    check_nothing_lost(directory.seen, now)
    check_whole_scrapes(numbers({s: v for s, v in now.items() if dict(s)["__name__"] == "scrape_number"}))
    server.kill()


@case
def promtool_dumps_the_samples_that_our_api_gives(w: SimpleNamespace) -> None:
    directory = cut_directory(w)
    dumped = dump(w.workspace, copy_data(w.workspace, directory.data, "dumped"))
    server = still(w.workspace, copy_data(w.workspace, directory.data, "asked"), "asked").start()
    check_same_samples(dumped, server.samples(EVERYTHING), "promtool tsdb dump against our API")
    check_equal(server.terminate(), 0)
    # What our start and orderly end make of the directory says the same.
    dumped_again = dump(w.workspace, copy_data(w.workspace, server.data, "dumped-again"))
    check_same_samples(dumped_again, dumped, "promtool tsdb dump after a start and an end of ours")


QUERIES = (
    EVERYTHING, "scrape_number", "sum(scrape_number)", "sum by (row) (rate(scrape_number[7s]))", "big", "tiny", "zero",
    "endless", "third * 3", "max_over_time(scrape_number[9s])", "churning", "count by (generation) (churning offset 3s)",
    "histogram_quantile(0.9, rate(latency_bucket[8s]))", "topk(3, scrape_number)", "latency_sum / latency_count",
    "avg_over_time(third[6s])", "absent(nothing)", "quantile_over_time(0.5, scrape_number[11s])",
    "resets(churning[13s])", "up", "scrape_samples_scraped", "label_replace(up, 'x', '$1', 'job', '(.).*')")


def quiet_times(samples: SamplesBySeries) -> tuple[float, float]:
    """Start and end of what was scraped, off the times of all samples and of all these whole
    seconds before: 2.42 counts the left edge of a range in, 3.14 does not."""
    times = {t for values in samples.values() for t in values}
    taken = {t % 1000 for t in times}
    offset = next(m for m in range(1, 1000) if m not in taken)
    first, last = min(times) // 1000, max(times) // 1000
    return first + 9 + offset / 1000, last + 1 + offset / 1000


def check_same_answers(ours: ApiClient, theirs: ApiClient, start: float, end: float) -> None:
    for expr in QUERIES:
        for kind, params in (("query", {"time": end}), ("query", {"time": (start + end) // 2 + end % 1}),
                             ("query_range", {"start": start, "end": end, "step": 1})):
            asked = {"query": expr, **params}
            got, want = (sorted_result(c.api(kind, asked)) for c in (ours, theirs))
            check_equal(got, want, f"{kind} {asked}")


def sorted_result(data: dict) -> list:
    """Last digits aside: sums were compensated differently in 2.42."""
    def rounded(value: list) -> list:
        return [value[0], float(f"{float(value[1]):.12g}") if value[1] != "NaN" else "NaN"]

    return sorted(([sorted(r["metric"].items()), [rounded(v) for v in r.get("values", [r.get("value")])]]
                   for r in data["result"]), key=str)


@case
def debians_prometheus_opens_the_directory_and_answers_the_same(w: SimpleNamespace) -> None:
    directory = cut_directory(w)
    prometheus = start_prometheus(w.workspace, STANDING_STILL, copy_data(w.workspace, directory.data, "theirs"))
    server = still(w.workspace, copy_data(w.workspace, directory.data, "ours"), "ours").start()
    ours = server.samples(EVERYTHING)
    check_same_samples(prometheus.samples(EVERYTHING), ours, "Prometheus against our API")
    check_same_answers(server, prometheus, *quiet_times(ours))
    check_equal(prometheus.api("labels"), server.api("labels"))
    check_log_is_clean(prometheus)
    # And there and back: what Prometheus leaves behind, by its orderly end, is ours again.
    check_equal(prometheus.process.terminate(), 0)
    server.kill()
    back = still(w.workspace, prometheus_data(prometheus, w), "back").start()
    check_same_samples(back.samples(EVERYTHING), ours, "after Prometheus has had it")
    back.kill()


def prometheus_data(prometheus: ApiClient, w: SimpleNamespace) -> Path:
    return w.workspace.folder / "theirs" / "data"


@case
def a_directory_that_prometheus_left_is_taken_over(w: SimpleNamespace) -> None:
    exporter = Exporter(numbered_page)
    prometheus = start_prometheus(w.workspace, config(exporter, "100ms"), flags=SMALL_BLOCKS[:2])
    data = w.workspace.folder / prometheus.process.name / "data"
    until(lambda: exporter.scrapes > 120, "enough has been scraped")
    seen = prometheus.samples(EVERYTHING)
    prometheus.process.kill()
    exporter.close()
    check(any((data / "chunks_head").iterdir()), "some chunks have left the head")
    check_taken_over(w, data, seen, "killed")
    # Once more, until it has cut a block, which it looks for once a minute.
    again = start_prometheus(w.workspace, STANDING_STILL, data, flags=SMALL_BLOCKS[:2])
    until(lambda: blocks(data), "it has cut a block", 150)
    check_equal(again.process.terminate(), 0)
    check_taken_over(w, data, seen, "with-blocks")


def check_taken_over(w: SimpleNamespace, data: Path, seen: SamplesBySeries, name: str) -> None:
    dumped = dump(w.workspace, copy_data(w.workspace, data, f"{name}-dumped"))
    server = still(w.workspace, copy_data(w.workspace, data, f"{name}-taken"), f"{name}-taken").start()
    now = server.samples(EVERYTHING)
    check_nothing_lost(seen, now)
    check_same_samples(now, dumped, "our API against promtool tsdb dump of Prometheus' directory")
    server.kill()


@case
def a_directory_we_closed_in_order_opens_in_prometheus(w: SimpleNamespace) -> None:
    exporter = Exporter(numbered_page)
    server = Server(w.workspace, config(exporter, "200ms"), name="ended")
    server.start()
    until(lambda: exporter.scrapes > 10, "ten scrapes")
    seen = server.samples(EVERYTHING)
    check_equal(server.terminate(), 0)
    exporter.close()
    dumped = dump(w.workspace, copy_data(w.workspace, server.data, "ended-dumped"))
    check_nothing_lost(seen, dumped_as_text(dumped, seen))
    prometheus = start_prometheus(w.workspace, STANDING_STILL, copy_data(w.workspace, server.data, "ended-theirs"))
    check_same_samples(prometheus.samples(EVERYTHING), dumped, "Prometheus against promtool")
    check_log_is_clean(prometheus)
    prometheus.process.kill()


def dumped_as_text(dumped: SamplesBySeries, like: SamplesBySeries) -> SamplesBySeries:
    """The dump in the words of the API, where the numbers are the same."""
    return {s: {t: like[s][t] if s in like and t in like[s] and float(like[s][t]) == float(v) else v
                for t, v in values.items()} for s, values in dumped.items()}


def lost_numbers(before: SamplesBySeries, after: SamplesBySeries) -> list[int]:
    """Positions, counted from the oldest scrape, of the scrapes of which anything is lost."""
    times = sorted({t for values in before.values() for t in values})
    lost = {t for series, values in before.items() for t, v in values.items() if after.get(series, {}).get(t) != v}
    return [times.index(t) for t in sorted(lost)]


def start_damaged(w: SimpleNamespace, name: str, damage: object) -> tuple[list[int], int, Server]:
    """Damages a copy of the log directory, starts on it: what is lost, of how many scrapes."""
    directory = log_directory(w)
    whole = dump(w.workspace, copy_data(w.workspace, directory.data, f"{name}-whole"))
    data = copy_data(w.workspace, directory.data, name)
    damage(newest_filled_segment(data))
    server = still(w.workspace, data, name).start()
    now = server.samples(EVERYTHING)
    times = {t for values in whole.values() for t in values}
    check({t for values in now.values() for t in values} <= times, "nothing was invented")
    return lost_numbers(whole, dumped_as_text(now, whole)), len(times), server


def check_prometheus_reads_what_was_repaired(w: SimpleNamespace, server: Server, name: str) -> None:
    now = server.samples(EVERYTHING)
    server.kill()
    prometheus = start_prometheus(w.workspace, STANDING_STILL, copy_data(w.workspace, server.data, f"{name}-theirs"))
    check_same_samples(prometheus.samples(EVERYTHING), now, "Prometheus on the repaired directory")
    check_log_is_clean(prometheus)
    prometheus.process.kill()


@case
def a_torn_end_of_the_log_costs_no_more_than_what_was_torn(w: SimpleNamespace) -> None:
    for count in (1, 9, 60):
        lost, scrapes, server = start_damaged(w, f"torn-{count}", lambda file: cut_off(file, count))
        check(len(lost) <= 2 and all(i >= scrapes - 2 for i in lost),
              f"{count} bytes torn off: scrapes {lost} of {scrapes} are lost")
        if lost:
            check_reports_damage(server)
        check_prometheus_reads_what_was_repaired(w, server, f"torn-{count}")


@case
def a_flipped_bit_in_the_log_costs_no_more_than_its_record(w: SimpleNamespace) -> None:
    for percent in (50, 80):
        lost, scrapes, server = start_damaged(
            w, f"flipped-{percent}", lambda file: flip_bit(file, file.stat().st_size * percent // 100))
        check(len(lost) <= 2 and max(lost, default=0) - min(lost, default=0) <= 1,
              f"one bit at {percent} % of the segment: scrapes {lost} of {scrapes} are lost")
        check(lost, "the bit was in a record of samples")
        check_reports_damage(server)
        check_prometheus_reads_what_was_repaired(w, server, f"flipped-{percent}")


@case
def scrapes_go_on_after_damage_and_survive_the_next_kill(w: SimpleNamespace) -> None:
    directory = log_directory(w)
    data = copy_data(w.workspace, directory.data, "goes-on")
    cut_off(newest_filled_segment(data), 5)
    exporter = Exporter(numbered_page)
    server = Server(w.workspace, config(exporter, "200ms"), name="goes-on-server", data=data)
    server.start()
    until(lambda: exporter.scrapes > 5, "it scrapes again")
    seen = server.samples(EVERYTHING)
    server.kill()
    server.start()
    check_nothing_lost(seen, server.samples(EVERYTHING))
    server.kill()
    exporter.close()


@case
def a_block_with_a_wrong_byte_is_set_aside_and_said(w: SimpleNamespace) -> None:
    directory = cut_directory(w)
    data = copy_data(w.workspace, directory.data, "bad-block")
    bad = blocks(data)[0]
    flip_bit(bad / "index", (bad / "index").stat().st_size - 3)
    server = still(w.workspace, data, "bad-block").start()
    check(server.query(f"last_over_time({EVERYTHING}[1h])"), "the rest is served")
    check(bad.name in server.log_text(), "the log names the block")
    server.kill()
    prometheus = start_prometheus(w.workspace, STANDING_STILL, copy_data(w.workspace, data, "bad-block-theirs"))
    check_log_is_clean(prometheus)
    prometheus.process.kill()


def check_reports_damage(server: Server) -> None:
    lines = [line for line in server.log_text().splitlines() if "level=WARN" in line or "level=ERROR" in line]
    check(any("00000" in line for line in lines), f"the log says which segment was damaged; it has {lines[-5:]}")
    check((server.metric("prometheus_tsdb_wal_corruptions_total") or 0) >= 1, "corruptions are counted")


@case
def a_second_server_on_the_same_directory_is_refused(w: SimpleNamespace) -> None:
    server = still(w.workspace, w.workspace.new_folder("twice") / "data", "twice").start()
    second = still(w.workspace, server.data, "second")
    check(second.launch().wait() == 1, "the second server ends with 1")
    check("lock" in second.log_text().lower(), f"its log says why: {second.log_text()[-500:]}")
    check_equal(server.get("/-/ready").status, 200, "the first lives on")
    check_equal(server.terminate(), 0)


if __name__ == "__main__":
    run_cases(world)
