#!/usr/bin/env python3
"""Above a ceiling new series are refused and named, known ones go on; a read-only server says so."""

from cases import case, check, check_equal, no_world, run_cases, until
from exporter import Exporter
from server import Server
from workspace import Workspace

CEILING = 60


def config(*jobs: tuple[str, Exporter]) -> str:
    text = "global: {scrape_interval: 200ms}\nscrape_configs:\n"
    for name, exporter in jobs:
        text += f"  - job_name: {name}\n    static_configs: [{{targets: ['{exporter.address}']}}]\n"
    return text


def exploding(number: int) -> str:
    """Twenty users more with every scrape."""
    return f"calm {number}\n" + "".join(f'requests{{user="u{u}"}} {number}\n' for u in range(20 * number))


def calm(number: int) -> str:
    return f"calm {number}\n"


def ceilings(server: Server) -> dict:
    return server.api("status/tsdb")["narthexCeilings"]


@case
def at_the_ceiling_known_series_go_on_and_the_culprit_is_named(workspace: Workspace) -> None:
    wild = Exporter(exploding)
    server = Server(workspace, config(("wild", wild)), f"--storage.tsdb.max-series={CEILING}", name="series").start()
    until(lambda: ceilings(server)["refusedBySeries"] > 0, "series are refused")
    scrapes = wild.scrapes
    until(lambda: (server.value("calm") or 0) > scrapes + 3, "a series that was there goes on")
    check_equal(server.api("status/tsdb")["headStats"]["numSeries"], CEILING, "and there are as many as may be")
    check_equal(server.value("up"), 1, "the target is up")
    said = ceilings(server)
    check_equal((said["maxSeries"], said["lastRefusedJob"], said["fastestGrowingLabel"]), (CEILING, "wild", "user"))
    target = until(lambda: server.target("wild") if server.target("wild")["lastError"] else None, "the target says so")
    check_equal(target["health"], "up")
    check("new series refused" in target["lastError"], target["lastError"])
    page = server.get("/metrics").text
    check('narthex_head_ceiling{ceiling="series"} 60' in page, "the ceiling is a metric")
    check('narthex_head_fastest_growing_label_values{label="user"}' in page, "so is what grew")
    check((server.metric("narthex_head_series_refused_total") or 0) > 0, "so is what was refused")
    until(lambda: "New series are refused" in server.log_text(), "the log says it")
    check("fastest_growing_label=user" in server.log_text(), "and names the label")
    check_equal(server.log_text().count("New series are refused"), 1, "not with every scrape")
    check_equal(server.terminate(), 0)


@case
def a_job_at_its_ceiling_does_not_touch_another(workspace: Workspace) -> None:
    wild, tame = Exporter(exploding), Exporter(calm)
    server = Server(workspace, config(("wild", wild)), f"--storage.tsdb.max-series-per-job={CEILING}", "--web.enable-lifecycle",
                    name="jobs").start()
    until(lambda: ceilings(server)["refusedBySeriesPerJob"] > 0, "series are refused")
    server.write_config(config(("wild", wild), ("tame", tame)))
    check_equal(server.post("/-/reload").status, 200)
    until(lambda: (server.value('calm{job="tame"}') or 0) > 2, "another job begins")
    check_equal(server.value('count({job="wild"})'), CEILING)
    check_equal(server.target("tame")["lastError"], "")


@case
def memory_by_part_is_shown_and_has_a_ceiling(workspace: Workspace) -> None:
    wild = Exporter(exploding)
    server = Server(workspace, config(("wild", wild)), "--storage.tsdb.max-head-memory=1B", name="memory").start()
    until(lambda: ceilings(server)["refusedByMemory"] > 0, "series are refused")
    check_equal(server.query("up"), [], "nothing came in")
    parts = server.api("status/tsdb")["narthexMemoryBytes"]
    check(parts["scrapeCaches"] > 0 and parts["headLabels"] >= 0, f"{parts}")
    page = server.get("/metrics").text
    for part in ("head_labels", "head_postings", "head_series", "head_open_chunks", "head_full_chunks", "head_lookup",
                 "head_metadata", "head_exemplars", "head_batches", "head_log_buffers", "scrape_caches"):
        check(f'narthex_memory_bytes{{part="{part}"}}' in page, part)


@case
def below_the_reserve_the_server_is_read_only_and_says_so(workspace: Workspace) -> None:
    exporter = Exporter(calm)
    server = Server(workspace, config(("j", exporter)), name="disk").start()
    until(lambda: (server.value("calm") or 0) > 2, "samples come in")
    check((server.data / "narthex" / "reserve").stat().st_size == 4 << 20, "the reserve file is there")
    check_equal(server.terminate(), 0)
    server.flags = ["--storage.tsdb.free-space-reserve=1EB"]
    server.start()
    disk = server.api("status/tsdb")["narthexDisk"]
    check_equal((disk["readOnly"], disk["reserveBytes"]), (True, 1 << 60))
    check_equal(server.metric("narthex_disk_read_only"), 1)
    target = until(lambda: server.target("j") if server.target("j")["lastError"] else None, "the target says so")
    check("read-only" in target["lastError"], target["lastError"])
    check_equal(target["health"], "up")
    before = server.samples("calm")
    check(before, "what there was can be queried")
    scrapes = exporter.scrapes
    until(lambda: exporter.scrapes > scrapes + 2, "scraping goes on")
    check_equal(server.samples("calm"), before, "nothing is appended")
    check_equal(server.terminate(), 0)
    server.flags = []
    server.start()
    until(lambda: (server.value("calm") or 0) > scrapes + 2, "with space again samples come in")


if __name__ == "__main__":
    run_cases(no_world)
