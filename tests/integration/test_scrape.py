#!/usr/bin/env python3
"""Scraping: real and fake exporters, what goes wrong with them, staleness, file discovery."""

import json
import os
import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Iterator

from cases import Skip, case, check, check_equal, run_cases, until
from exporter import OPENMETRICS, Exporter, Reply
from peers import free_port, promtool, start_node_exporter
from server import Server
from workspace import Workspace

LIMIT_BYTES = 2000

CONFIG = """
global:
  scrape_interval: 1s
  external_labels: {{site: lab}}
scrape_configs:
  - job_name: self
    static_configs: [{{targets: [SELF]}}]
  - job_name: steady
    static_configs: [{{targets: ['{steady}'], labels: {{room: cellar}}}}]
  - job_name: changing
    static_configs: [{{targets: ['{changing}']}}]
  - job_name: limited
    body_size_limit: {limit}B
    sample_limit: 5
    label_limit: 6
    label_value_length_limit: 40
    static_configs: [{{targets: ['{limited}']}}]
  - job_name: fallback
    fallback_scrape_protocol: PrometheusText0.0.4
    static_configs: [{{targets: ['{untyped}']}}]
  - job_name: unreachable
    static_configs: [{{targets: ['127.0.0.1:{nobody}']}}]
  - job_name: honest
    honor_labels: true
    params: {{module: [a, b]}}
    metrics_path: /probe
    static_configs: [{{targets: ['{labelled}']}}]
  - job_name: own_labels_win
    static_configs: [{{targets: ['{labelled}']}}]
  - job_name: found
    file_sd_configs: [{{files: ['targets/*.json', more.yml], refresh_interval: 1s}}]
  - job_name: relabelled
    static_configs:
      - targets: ['wanted.example:1']
        labels: {{__meta_rack: R7, __meta_zone: North, team: blue, tmp_a: x, tmp_b: y}}
      - targets: ['unwanted.example:1']
    relabel_configs:
      - {{source_labels: [__address__], regex: 'unwanted\\..*', action: drop}}
      - {{source_labels: [__address__], regex: '([^.]+)\\.example:(\\d+)', target_label: instance, replacement: '$1/${{2}}'}}
      - {{regex: __meta_(.+), action: labelmap}}
      - {{source_labels: [zone], target_label: zone, action: lowercase}}
      - {{source_labels: [team], target_label: TEAM, action: uppercase}}
      - {{source_labels: [team], target_label: shard, modulus: 8, action: hashmod}}
      - {{regex: tmp_.*, action: labeldrop}}
      - {{target_label: __address__, replacement: '{labelled}'}}
      - {{target_label: __param_from, replacement: relabelling}}
      - {{target_label: __scrape_interval__, replacement: 700ms}}
      - {{target_label: __scrape_timeout__, replacement: 650ms}}
    metric_relabel_configs:
      - {{source_labels: [__name__], regex: unwanted_.*, action: drop}}
      - {{source_labels: [__name__], regex: 'old_(.*)', target_label: __name__, replacement: 'new_$1'}}
"""

# Our own job for the real exporter, so that the rest runs where there is none.
NODE_JOB = """
  - job_name: node
    static_configs: [{{targets: ['{}']}}]
"""


@contextmanager
def world(workspace: Workspace) -> Iterator[SimpleNamespace]:
    exporters = {name: Exporter("a_metric 1\n") for name in ("steady", "changing", "limited", "untyped", "labelled")}
    exporters["steady"].page = lambda number: f"steady_scrapes {number}\n"
    w = SimpleNamespace(workspace=workspace, **exporters)
    config = CONFIG.format(limit=LIMIT_BYTES, nobody=free_port(), **{n: e.address for n, e in exporters.items()})
    try:
        w.node = start_node_exporter(workspace)
        config += NODE_JOB.format(w.node.url.removeprefix("http://"))
    except Skip as why:
        w.node = None
        w.why_no_node = str(why)
    w.server = Server(workspace, config)
    w.server.start()
    yield w


def wait_for_health(w: SimpleNamespace, job: str, health: str, error: str = "") -> dict:
    """The target once it has that health, and an error that contains that text."""
    def as_wanted() -> dict | None:
        target = w.server.target(job)
        check(target["health"] == health and error in target["lastError"],
              f"{target['health']}, last error {target['lastError']!r}; want {health}, {error!r}")
        return target

    return until(as_wanted, f"job {job} is {health}")


def serve(exporter: Exporter, page: object) -> None:
    """Sets the page and returns when it has been scraped at least once."""
    exporter.page = page
    seen = exporter.scrapes
    until(lambda: exporter.scrapes > seen + 1, "the exporter is scraped again")


def check_fails(w: SimpleNamespace, page: object, error: str, job: str = "changing") -> None:
    """Such a page is an error of that target, with that text, and of no other target."""
    exporter = w.limited if job == "limited" else w.changing
    exporter.page = "a_metric 1\n"
    wait_for_health(w, job, "up")
    until(lambda: w.server.value(f'a_metric{{job="{job}"}}') == 1, "a good page's sample is there")
    exporter.page = page
    wait_for_health(w, job, "down", error)
    until(lambda: w.server.value(f'up{{job="{job}"}}') == 0, "up is 0")
    until(lambda: w.server.query(f'a_metric{{job="{job}"}}') == [], "what it exposed before is stale")
    check_equal(w.server.query(f'{{job="{job}",__name__=~"bad.*"}}'), [], "nothing of the refused page is kept")
    before = steady_scrapes(w)
    until(lambda: steady_scrapes(w) > before, "another target's scrapes go on")


def steady_scrapes(w: SimpleNamespace) -> float:
    return w.server.value('steady_scrapes{job="steady"}') or 0


@case
def node_exporter_and_the_server_itself_are_scraped(w: SimpleNamespace) -> None:
    if not w.node:
        raise Skip(w.why_no_node)
    for job in ("self", "node"):
        wait_for_health(w, job, "up")
    until(lambda: w.server.query("rate(node_cpu_seconds_total[1m])"), "the rate of node_exporter's CPU seconds")
    check(w.server.query('prometheus_build_info{job="self"}'), "own metrics are there")
    check_equal(w.server.value('up{job="node"}'), 1)
    for series in ("scrape_duration_seconds", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling",
                   "scrape_series_added"):
        check(w.server.value(f'{series}{{job="node"}}') is not None, f"{series} is there")
    check(w.server.value('scrape_samples_scraped{job="node"}') > 30, "samples scraped are counted")


@case
def promtool_queries_the_server(w: SimpleNamespace) -> None:
    if not w.node:
        raise Skip(w.why_no_node)
    rate = "rate(node_cpu_seconds_total[1m])"
    until(lambda: w.server.query(rate), "two samples of the CPU seconds")
    for args, wanted in [(("instant", w.server.url, rate), '{cpu="0", instance='),
                         (("range", "--step=1s", w.server.url, "node_load1"), "node_load1{"),
                         (("series", "--match=node_cpu_seconds_total", w.server.url), '__name__="node_cpu_seconds_total"'),
                         (("labels", w.server.url, "job"), "node")]:
        # A range ends now, and `labels` wants a time: promtool's defaults are asked for here.
        ran = promtool(w.workspace, "query", *args)
        check(ran.returncode == 0 and wanted in ran.stdout, f"promtool query {args}: {ran}")


@case
def labels_of_a_target_are_its_own_its_jobs_and_its_address(w: SimpleNamespace) -> None:
    target = wait_for_health(w, "steady", "up")
    check_equal(target["labels"], {"instance": w.steady.address, "job": "steady", "room": "cellar"})
    check_equal(target["discoveredLabels"]["__address__"], w.steady.address)
    check_equal(target["scrapeUrl"], f"http://{w.steady.address}/metrics")
    check_equal((target["scrapeInterval"], target["scrapeTimeout"]), ("1s", "1s"))
    check("lastScrapeDuration" in target and target["lastScrape"].startswith("20"), f"{target}")
    _, headers = w.steady.requests[-1]
    check_equal(headers["Accept-Encoding"], "gzip")
    check_equal(headers["X-Prometheus-Scrape-Timeout-Seconds"], "1")
    check(headers["Accept"].startswith("application/openmetrics-text;version=1.0.0"), headers["Accept"])


@case
def a_malformed_page_is_an_error_of_its_target(w: SimpleNamespace) -> None:
    check_fails(w, "bad_before 1\nbad{ 2\n", "while parsing")


@case
def a_value_that_is_no_number_is_an_error_of_its_target(w: SimpleNamespace) -> None:
    check_fails(w, "bad_before 1\nbad_value one\n", "while parsing")


@case
def openmetrics_without_its_end_is_an_error_of_its_target(w: SimpleNamespace) -> None:
    check_fails(w, Reply("bad_before 1\n", content_type=OPENMETRICS), "does not end with # EOF")


@case
def a_page_cut_off_by_the_peer_is_an_error_of_its_target(w: SimpleNamespace) -> None:
    check_fails(w, Reply("bad 1\n", missing_bytes=10), "unexpected EOF")


@case
def a_broken_compression_is_an_error_of_its_target(w: SimpleNamespace) -> None:
    check_fails(w, Reply(b"no gzip at all", content_encoding="gzip"), "gzip: invalid header")


@case
def a_status_other_than_200_is_an_error_of_its_target(w: SimpleNamespace) -> None:
    check_fails(w, Reply("bad 1\n", status=404), "server returned HTTP status 404 Not Found")


@case
def a_missing_content_type_is_an_error_of_its_target(w: SimpleNamespace) -> None:
    check_fails(w, Reply("bad 1\n", content_type=None),
                "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified")


@case
def an_unknown_content_type_is_an_error_of_its_target(w: SimpleNamespace) -> None:
    check_fails(w, Reply("bad 1\n", content_type="text/html"), 'received unsupported Content-Type "text/html"')


@case
def a_missing_content_type_is_fine_with_a_fallback(w: SimpleNamespace) -> None:
    w.untyped.page = Reply("untyped_metric 7\n", content_type=None)
    until(lambda: w.server.value("untyped_metric") == 7, "its sample is there")
    wait_for_health(w, "fallback", "up")


@case
def a_body_over_its_limit_is_an_error_of_its_target(w: SimpleNamespace) -> None:
    big = "bad 1\n# " + "x" * LIMIT_BYTES + "\n"
    check_fails(w, big, "body size limit exceeded", job="limited")
    # The limit holds for what comes out of the compression.
    check_fails(w, Reply(big, gzip=True), "body size limit exceeded", job="limited")
    check(w.server.metric("prometheus_target_scrapes_exceeded_body_size_limit_total"), "it is counted")


@case
def too_many_samples_are_an_error_of_their_target(w: SimpleNamespace) -> None:
    check_fails(w, "".join(f"bad{i} 1\n" for i in range(6)), "sample limit exceeded", job="limited")
    check(w.server.metric("prometheus_target_scrapes_exceeded_sample_limit_total"), "it is counted")
    w.limited.page = "".join(f"good{i} 1\n" for i in range(5))
    wait_for_health(w, "limited", "up")


@case
def too_many_or_too_long_labels_are_an_error_of_their_target(w: SimpleNamespace) -> None:
    check_fails(w, 'bad{a="1",b="2",c="3",d="4"} 1\n', "label_limit exceeded", job="limited")
    check_fails(w, f'bad{{a="{"v" * 41}"}} 1\n', "label_value_length_limit exceeded", job="limited")


@case
def an_unreachable_target_is_down(w: SimpleNamespace) -> None:
    wait_for_health(w, "unreachable", "down", "connection refused")
    until(lambda: w.server.value('up{job="unreachable"}') == 0, "up is 0")


@case
def a_target_that_does_not_answer_in_time_is_down(w: SimpleNamespace) -> None:
    never = threading.Event()
    check_fails(w, Reply("bad 1\n", late=never), "context deadline exceeded")
    never.set()
    w.changing.page = "a_metric 1\n"
    wait_for_health(w, "changing", "up")


@case
def a_redirect_is_followed(w: SimpleNamespace) -> None:
    w.labelled.by_path = lambda path: Reply('moved_metric 8\n' if path == "/moved" else 'labelled{job="theirs",instance="there"} 1\n')
    w.changing.page = Reply(status=302, location=f"http://{w.labelled.address}/moved")
    until(lambda: w.server.value('moved_metric{job="changing"}') == 8, "what stands there is scraped")
    w.labelled.by_path = None
    check_fails(w, Reply(status=302, location=f"http://{w.changing.address}/metrics"), "stopped after 10 redirects")


@case
def samples_that_cannot_be_stored_are_counted_and_the_rest_is_kept(w: SimpleNamespace) -> None:
    now = int(float(w.server.api("query", {"query": "time()"})["result"][1]) * 1000)
    names = ("sample_duplicate_timestamp", "sample_out_of_order", "sample_out_of_bounds")
    counters = [f"prometheus_target_scrapes_{name}_total" for name in names]
    before = [w.server.metric(c) or 0 for c in counters]
    w.changing.page = (f"kept 1\ntwice 1\ntwice 2\nbackwards 1 {now - 1000}\nbackwards 2 {now - 2000}\n"
                       f"future 1 {now + 3_600_000}\n")
    until(lambda: w.server.value("kept") == 1, "the good sample is there")
    until(lambda: all((w.server.metric(c) or 0) > b for c, b in zip(counters, before)), "each refusal is counted")
    wait_for_health(w, "changing", "up")
    check_equal(w.server.value("twice"), 1)
    check_equal(w.server.query("future offset -1h"), [])


@case
def a_series_that_vanishes_is_stale_at_once(w: SimpleNamespace) -> None:
    serve(w.changing, "a_metric 1\nvanishing{a=\"b\"} 2\n")
    until(lambda: w.server.value("vanishing") == 2, "it is there")
    w.changing.page = "a_metric 1\n"
    until(lambda: w.server.query("vanishing") == [], "it is gone long before the lookback is over")
    check_equal(w.server.value('a_metric{job="changing"}'), 1)
    check(w.server.value("count_over_time(vanishing[5m])") >= 1, "its past is kept")
    w.changing.page = "a_metric 1\nvanishing{a=\"b\"} 3\n"
    until(lambda: w.server.value("vanishing") == 3, "it comes back")


@case
def a_target_that_goes_down_is_stale_and_comes_back(w: SimpleNamespace) -> None:
    serve(w.changing, "a_metric 5\n")
    until(lambda: w.server.value('a_metric{job="changing"}') == 5, "it is up")
    w.changing.close()
    wait_for_health(w, "changing", "down", "connection refused")
    until(lambda: w.server.query('a_metric{job="changing"}') == [], "its series are stale")
    check_equal(w.server.value('up{job="changing"}'), 0)
    w.changing.open()
    wait_for_health(w, "changing", "up")
    until(lambda: w.server.value('a_metric{job="changing"}') == 5, "its series are back")


@case
def a_gzipped_page_is_read(w: SimpleNamespace) -> None:
    w.changing.page = Reply("zipped_metric 11\n" + "# filler\n" * 20_000, gzip=True)
    until(lambda: w.server.value("zipped_metric") == 11, "its sample is there")


@case
def an_openmetrics_page_is_read(w: SimpleNamespace) -> None:
    w.changing.page = Reply(
        "# TYPE om_requests counter\n# HELP om_requests Requests.\nom_requests_total{code=\"200\"} 12 # {trace=\"t\"} 1\n"
        "# TYPE om_size histogram\n# UNIT om_size bytes\nom_size_bucket{le=\"1\"} 3\nom_size_bucket{le=\"+Inf\"} 4\n"
        "om_size_count 4\nom_size_sum 5.5\n# EOF\n".replace("om_size", "om_size_bytes"), content_type=OPENMETRICS)
    until(lambda: w.server.value('om_requests_total{code="200"}') == 12, "the counter is there")
    check_equal(w.server.value('om_size_bytes_bucket{le="1.0"}'), 3)
    metadata = w.server.api("metadata", {"metric": "om_requests"})
    check_equal(metadata, {"om_requests": [{"type": "counter", "unit": "", "help": "Requests."}]})


@case
def names_and_labels_of_any_characters_travel_unharmed(w: SimpleNamespace) -> None:
    w.changing.page = 'odd{path="C:\\\\dir",quote="a\\"b",line="x\\ny",word="größe 測試"} 1\n{"with.dots",a="b"} 2\n'
    until(lambda: w.server.value("odd") == 1, "the odd labels are there")
    metric = w.server.query("odd")[0]["metric"]
    check_equal({n: metric[n] for n in ("path", "quote", "line", "word")},
                {"path": "C:\\dir", "quote": 'a"b', "line": "x\ny", "word": "größe 測試"})
    check_equal(w.server.value('{"with.dots"}'), 2)
    check_equal(w.server.api("label/U__with_2e_dots/values"), [])


@case
def own_timestamps_are_kept(w: SimpleNamespace) -> None:
    now = float(w.server.api("query", {"query": "time()"})["result"][1])
    stamp = int(now * 1000) - 60_000
    w.changing.page = f"stamped 9 {stamp}\n"
    until(lambda: w.server.query("stamped[5m]"), "it is there")
    check_equal(w.server.query("stamped[5m]")[0]["values"], [[stamp / 1000, "9"]])


@case
def an_exposed_label_gives_way_or_wins_as_honor_labels_says(w: SimpleNamespace) -> None:
    w.labelled.page = 'labelled{job="theirs",instance="there"} 1\nold_name 2\nunwanted_metric 3\n'
    until(lambda: w.server.query('labelled{job="theirs",instance="there"}'), "their labels win")
    until(lambda: w.server.query('labelled{job="own_labels_win",exported_job="theirs",exported_instance="there"}'),
          "ours win")


@case
def parameters_and_path_of_a_scrape_are_as_configured(w: SimpleNamespace) -> None:
    until(lambda: any(path == "/probe?module=a&module=b" for path, _ in w.labelled.requests), "path and parameters")


@case
def targets_are_relabelled(w: SimpleNamespace) -> None:
    target = wait_for_health(w, "relabelled", "up")
    labels = dict(target["labels"])
    check(labels.pop("shard") in set("01234567"), f"{target}")
    check_equal(labels, {"instance": "wanted/1", "job": "relabelled", "rack": "R7", "team": "blue", "TEAM": "BLUE",
                         "zone": "north"})
    check_equal(target["scrapeUrl"], f"http://{w.labelled.address}/metrics?from=relabelling")
    check_equal((target["scrapeInterval"], target["scrapeTimeout"]), ("700ms", "650ms"))
    dropped = w.server.api("targets", {"state": "dropped"})
    addresses = [t["discoveredLabels"]["__address__"] for t in dropped["droppedTargets"]]
    check_equal(addresses, ["unwanted.example:1"])
    check_equal(dropped["droppedTargetCounts"]["relabelled"], 1)


@case
def scraped_series_are_relabelled(w: SimpleNamespace) -> None:
    w.labelled.page = 'labelled{job="theirs",instance="there"} 1\nold_name 2\nunwanted_metric 3\n'
    until(lambda: w.server.value('new_name{job="relabelled"}') == 2, "it is renamed")
    check_equal(w.server.query('{job="relabelled",__name__=~"unwanted.*|old.*"}'), [])
    check_equal(w.server.value('scrape_samples_scraped{job="relabelled"}'), 3)
    check_equal(w.server.value('scrape_samples_post_metric_relabeling{job="relabelled"}'), 2)


@case
def a_target_file_that_changes_is_picked_up(w: SimpleNamespace) -> None:
    folder = w.server.folder / "targets"
    folder.mkdir(exist_ok=True)

    def write(groups: object) -> None:
        (folder / "new").write_text(groups if isinstance(groups, str) else json.dumps(groups))
        (folder / "new").rename(folder / "a.json")

    def found() -> dict[str, dict]:
        targets = w.server.api("targets", {"state": "active"})["activeTargets"]
        return {t["labels"].get("n", ""): t for t in targets if t["scrapePool"] == "found"}

    write([{"targets": [w.steady.address], "labels": {"n": "1"}}])
    until(lambda: set(found()) == {"1"} and found()["1"]["health"] == "up", "the target of the new file is up")
    check(found()["1"]["discoveredLabels"]["__meta_filepath"].endswith("targets/a.json"), f"{found()}")
    write([{"targets": [w.steady.address], "labels": {"n": "2"}}, {"targets": [w.changing.address], "labels": {"n": "3"}}])
    until(lambda: set(found()) == {"2", "3"}, "the targets of the changed file replace the old one")
    write("[{]")
    (w.server.folder / "more.yml").write_text(f"- targets: ['{w.steady.address}']\n  labels: {{n: '4'}}\n")
    until(lambda: set(found()) == {"2", "3", "4"}, "a bad file keeps its last good targets, another file is read")
    until(lambda: w.server.query('up{job="found",n="1"}') == [], "the series of a target that is gone are stale")


@contextmanager
def start_that_waits(data: Path) -> Iterator[None]:
    """A server on this directory does not get on with its start inside: it reads a block's meta.json, which is
    a pipe that nobody writes to. Afterwards that block is damaged, and set aside."""
    block = data / "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    block.mkdir(parents=True)
    (block / "index").touch()
    pipe = block / "meta.json"
    os.mkfifo(pipe)
    yield

    def let_go() -> bool:
        try:
            end = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except FileNotFoundError:
            return True
        except OSError:
            return False  # nobody reads just now
        os.write(end, b"no JSON")
        os.close(end)
        return False

    until(let_go, "the block with the pipe is set aside", pause=0.01)


@case
def what_is_scraped_while_the_database_opens_is_kept(w: SimpleNamespace) -> None:
    exporter = Exporter(lambda number: f"numbered {number}\n")
    server = Server(w.workspace, f"""
global: {{scrape_interval: 200ms}}
scrape_configs:
  - job_name: numbered
    static_configs: [{{targets: ['{exporter.address}']}}]
""", name="opening")
    with start_that_waits(server.data):
        server.launch()
        until(lambda: exporter.scrapes >= 5, "the target is scraped before the database is open")
        check_equal(server.get("/-/ready").status, 503, "/-/ready meanwhile")
        until(lambda: (server.metric("narthex_scrapes_held_total") or 0) >= 4, "scrapes are counted as held")
    until(lambda: server.get("/-/ready").status == 200, "the server is ready")
    until(lambda: (server.value("numbered") or 0) > exporter.scrapes - 2, "scrapes are stored at once by now")
    times = sorted(server.samples("numbered").popitem()[1].items())
    check_equal([int(v) for _, v in times], list(range(1, len(times) + 1)), "each scrape, from the first on")
    check_equal(server.metric("narthex_scrapes_held_dropped_total"), 0)
    check_equal(server.terminate(), 0)


@case
def each_scrape_of_a_steady_target_is_kept_once_and_in_order(w: SimpleNamespace) -> None:
    until(lambda: steady_scrapes(w) > 5, "the steady target was scraped all the time")
    numbers = [int(v) for v in w.server.samples('steady_scrapes{job="steady"}').popitem()[1].values()]
    check_equal(numbers, sorted(set(numbers)), "each scrape once and in order")


if __name__ == "__main__":
    run_cases(world)
