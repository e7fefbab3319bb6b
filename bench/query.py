#!/usr/bin/env python3
"""What queries take in time, CPU and memory, beside Prometheus and VictoriaMetrics on the same data.

usage: bench/query.py BUILD_DIR [--query WORD] [--only NAME] [--part check|time|memory]

The servers run one after the other on the data of bench/query_data.py, which is made once and kept in the build
folder. First each answers every query, and ours and those of Prometheus have to agree. Then each query is asked again
and again over one connection (bench/query_load.cc): the median wall time, and the CPU time of the server as the kernel
counts it. Last each query is asked once of a server that has just begun, while its anonymous memory is looked at every
millisecond. Ratios, and the budgets for them, stand at the end.
"""

import argparse
import gzip
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import query_data

TICK = os.sysconf("SC_CLK_TCK")
# Behind the last scrape, and no multiple of a step: the edges of subqueries have moved since Prometheus 2.42.
END = query_data.START + 6 * 3600 - 3
HOUR = 3600
OURS, PROMETHEUS, VICTORIA = "narthex", "prometheus", "victoria-metrics"
# Below this, what Prometheus adds says more of its collector than of the query.
MEMORY_FROM = 16 * 2**20
TOLERANCE = 1e-7


@dataclass
class Query:
    name: str
    text: str
    than_prometheus: float  # times as fast
    than_victoria: float
    span: int = 0  # seconds; 0: instant
    step: int = 0
    connections: int = 1

    def target(self, server: str) -> str:
        parameters: dict[str, object] = {"query": self.text}
        if self.span:
            parameters.update(start=END - self.span, end=END, step=self.step)
        else:
            parameters.update(time=END)
        if server == VICTORIA:
            parameters.update(nocache=1)
        return f"/api/v1/query{'_range' if self.span else ''}?{urllib.parse.urlencode(parameters)}"


REQUESTS = "http_requests_total"
SOME_REQUESTS = 'http_requests_total{code="200",method="GET"}'
QUERIES = [
    *(Query(f"sum by rate, {count} series, {span} h / {step} s", f"sum by (namespace) (rate({selector}[5m]))", 8, 1.5, span * HOUR, step)
      for count, selector in (("10 k", REQUESTS), ("1 k", SOME_REQUESTS)) for span in (1, 6) for step in (15, 60)),
    Query("quantile of 1 k buckets, 6 h / 60 s", "histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
          8, 1.5, 6 * HOUR, 60),
    Query("topk of rates, 10 k, instant", f"topk(10, rate({REQUESTS}[5m]))", 5, 7),
    Query("count by, 10 k, instant", f"count by (namespace) ({REQUESTS})", 5, 7),
    Query("quantile_over_time, 1 k, 1 h / 60 s", "quantile_over_time(0.95, container_memory_working_set_bytes[30m])", 8, 2, HOUR, 60),
    Query("max of a subquery, 100, 1 h / 60 s", 'max_over_time(rate(http_requests_total{code="200",method="GET",namespace=~"team-1|team-3"}[5m])[30m:1m])',
          4, 2, HOUR, 60),
    Query("join with an info metric, 1 k, 1 h / 60 s", f"sum by (node) (rate({SOME_REQUESTS}[5m]) * on (pod) group_left (node) kube_pod_info)",
          8, 2, HOUR, 60),
    Query("raw series, 10 k, instant", REQUESTS, 5, 8),
    Query("rate of one series, instant, 4 connections", 'rate(http_requests_total{code="200",method="GET",instance="10.0.1.7:8080"}[5m])', 2.5, 2, connections=4),
]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """One server on its copy of the data; ends with the `with` block."""

    def __init__(self, name: str, build: Path, data: Path) -> None:
        self.name = name
        self.port = free_port()
        (data / "empty.yml").write_text("scrape_configs: []\n")
        tsdb = [f"--config.file={data / 'empty.yml'}", f"--storage.tsdb.path={data / name}", "--storage.tsdb.retention.time=100y",
                "--storage.tsdb.max-block-duration=2h", f"--web.listen-address=127.0.0.1:{self.port}"]
        flags = {OURS: tsdb, PROMETHEUS: tsdb,
                 VICTORIA: [f"-storageDataPath={data / name}", f"-httpListenAddr=127.0.0.1:{self.port}", "-retentionPeriod=100y", "-search.disableCache"]}
        self.log = data / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([binary_of(name, build), *flags[name]], stdout=log, stderr=log)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.get("/health" if self.name == VICTORIA else "/-/ready")
                return
            except OSError:
                time.sleep(0.02)
        self.end()
        raise RuntimeError(f"{self.name} does not come up, see {self.log}")

    def get(self, target: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{target}", timeout=120) as answer:
            return answer.read()

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def anonymous_bytes(self) -> int:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon"):
                return int(line.split()[1]) * 1024
        return 0

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def binary_of(name: str, build: Path) -> Path:
    return build / name if name == OURS else build / "peers/usr/bin" / name


def version_of(name: str, build: Path) -> str:
    if name == VICTORIA:  # Debian's does not know its own
        with gzip.open(build / "peers/usr/share/doc/victoria-metrics/changelog.Debian.gz", "rt", errors="replace") as changes:
            return changes.readline().strip()
    ran = subprocess.run([binary_of(name, build), "--version"], capture_output=True, text=True, check=False)
    return (ran.stdout + ran.stderr).splitlines()[0][:80]


def make_data(build: Path) -> Path:
    """Where the data lie; made if this version of them is not there."""
    data = build / "bench" / f"query-data-{query_data.version()}"
    if (data / "complete").exists():
        return data
    print("making the data: a few minutes, once", flush=True)
    for old in data.parent.glob("query-data-*"):
        shutil.rmtree(old)
    data.mkdir()
    query_data.make_blocks(data, build / "narthextool")
    if binary_of(VICTORIA, build).exists():
        with Server(VICTORIA, build, data) as server:
            query_data.import_into(server.port)
    (data / "complete").touch()
    return data


# ---- Do the answers agree

def answer_of(server: Server, query: Query) -> dict[str, dict[float, float]]:
    """Values by labels and time."""
    result = json.loads(server.get(query.target(server.name)))["data"]["result"]
    return {json.dumps(series["metric"], sort_keys=True): {float(t): float(v) for t, v in series.get("values") or [series["value"]]}
            for series in result}


def disagreement(ours: dict[str, dict[float, float]], theirs: dict[str, dict[float, float]]) -> str:
    """Empty if both say the same."""
    if ours.keys() != theirs.keys():
        return f"{len(ours)} series against {len(theirs)}, of one only: {next(iter(ours.keys() ^ theirs.keys()))}"
    for labels, values in ours.items():
        if values.keys() != theirs[labels].keys():
            return f"{labels} has values at other times: {sorted(values.keys() ^ theirs[labels].keys())[:3]}"
        for t, v in values.items():
            if not math.isclose(v, theirs[labels][t], rel_tol=TOLERANCE) and not (math.isnan(v) and math.isnan(theirs[labels][t])):
                return f"{labels} at {t}: {v} against {theirs[labels][t]}"
    return ""


def check(names: list[str], queries: list[Query], build: Path, data: Path) -> bool:
    answers: dict[str, list[dict[str, dict[float, float]]]] = {}
    for name in names:
        with Server(name, build, data) as server:
            answers[name] = [answer_of(server, q) for q in queries]
    agree = True
    for i, query in enumerate(queries):
        for name in names[1:]:
            # Rates of VictoriaMetrics are another thing: only the number of series is told.
            ours, theirs = answers[names[0]][i], answers[name][i]
            wrong = disagreement(ours, theirs) if name == PROMETHEUS else ("" if len(ours) == len(theirs) else f"{len(ours)} series against {len(theirs)}")
            if not ours or wrong:
                agree = False
                print(f"DISAGREE with {name}: {query.name}: {wrong or 'no answer at all'}")
    print(f"{'the answers agree' if agree else 'THE ANSWERS DO NOT AGREE'}: {len(queries)} queries", flush=True)
    return agree


# ---- What they cost

@dataclass
class Cost:
    wall: float = 0  # milliseconds of a query; with several connections: of all, divided by their number
    cpu: float = 0  # milliseconds of a query
    memory: int = 0  # bytes above idle


@dataclass
class Costs:
    query: Query
    by: dict[str, Cost] = field(default_factory=dict)


def load(build: Path, server: Server, query: Query, requests: int) -> dict[str, float]:
    ran = subprocess.run([build / "bench/query_load", str(server.port), query.target(server.name), str(query.connections), str(requests)],
                         capture_output=True, text=True, check=True)
    words = ran.stdout.split()
    return {words[i]: float(words[i + 1]) for i in range(0, len(words), 2)}


def time_query(build: Path, server: Server, query: Query, seconds: float) -> Cost:
    warm = max(load(build, server, query, 2)["median_ms"], 0.05) / 1000
    requests = min(max(math.ceil(seconds / warm), 7), 5000)
    before = server.cpu_seconds()
    ran = load(build, server, query, requests)
    cpu = (server.cpu_seconds() - before) / ran["requests"] * 1000
    wall = ran["median_ms"] if query.connections == 1 else ran["seconds"] / ran["requests"] * 1000
    return Cost(wall=wall, cpu=cpu)


def peak_memory(server: Server, query: Query) -> int:
    """Above what it held before the query."""
    time.sleep(0.2)
    idle = peak = server.anonymous_bytes()
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.is_set():
            peak = max(peak, server.anonymous_bytes())
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        server.get(query.target(server.name))
    finally:
        done.set()
        watcher.join()
    return peak - idle


def measure(names: list[str], queries: list[Query], build: Path, data: Path, args: argparse.Namespace) -> list[Costs]:
    costs = [Costs(q) for q in queries]
    for name in names:
        for cost in costs:
            cost.by[name] = Cost()
        if args.part in (None, "time"):
            with Server(name, build, data) as server:
                for cost in costs:
                    cost.by[name] = time_query(build, server, cost.query, args.seconds)
        if args.part in (None, "memory"):
            for cost in costs:
                with Server(name, build, data) as server:
                    cost.by[name].memory = peak_memory(server, cost.query)
        print(f"measured {name}: {version_of(name, build)}", flush=True)
    return costs


# ---- Tables

def budget(what: str, value: float, limit: float, at_least: bool) -> None:
    """A line that bench/run.py finds."""
    met = value >= limit if at_least else value <= limit
    print(f"budget: {what:<78} {value:10.3g}  {'at least' if at_least else 'at most'} {limit:<8.3g} {'met' if met else 'MISSED'}")


def report(names: list[str], costs: list[Costs]) -> None:
    print(f"{'':<44} " + " ".join(f"{n:>30}" for n in names))
    print(f"{'':<44} " + " ".join(f"{'wall ms':>10}{'CPU ms':>10}{'MiB':>10}" for _ in names))
    for cost in costs:
        cells = (cost.by[n] for n in names)
        print(f"{cost.query.name:<44} " + " ".join(f"{c.wall:>10.3f}{c.cpu:>10.3f}{c.memory / 2**20:>10.1f}" for c in cells))
    for cost in costs:
        query, ours = cost.query, cost.by.get(OURS)
        if not ours:
            continue
        prometheus = cost.by.get(PROMETHEUS)
        for name, limit, share in ((PROMETHEUS, query.than_prometheus, 0.25), (VICTORIA, query.than_victoria, 0.5)):
            theirs = cost.by.get(name)
            if not theirs:
                continue
            if ours.wall and theirs.wall:
                what = "queries/s, times those of" if query.connections > 1 else "times as fast as"
                budget(f"{query.name}: {what} {name}", theirs.wall / ours.wall, limit, True)
            if ours.cpu and theirs.cpu and name == PROMETHEUS:
                budget(f"{query.name}: CPU against {name}", ours.cpu / theirs.cpu, 0.25, False)
            if prometheus and prometheus.memory >= MEMORY_FROM:
                budget(f"{query.name}: memory against {name}", ours.memory / max(theirs.memory, 1), share, False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--query", action="append", help="only queries whose name contains this; can be repeated")
    parser.add_argument("--only", action="append", help="only this server; can be repeated")
    parser.add_argument("--part", choices=("check", "time", "memory"), help="only this part")
    parser.add_argument("--seconds", type=float, default=2, help="of each query on each server")
    args = parser.parse_args()
    build = args.build.resolve()
    data = make_data(build)
    queries = [q for q in QUERIES if not args.query or any(w in q.name for w in args.query)]
    names = [n for n in (OURS, PROMETHEUS, VICTORIA) if not args.only or n in args.only]
    for name in [n for n in names if not binary_of(n, build).exists()]:
        print(f"{name}: not there ({binary_of(name, build)}), left out")
        names.remove(name)
    if args.part in (None, "check") and len(names) > 1 and not check(names, queries, build, data):
        return 1
    if args.part != "check":
        report(names, measure(names, queries, build, data, args))
    return 0


if __name__ == "__main__":
    sys.exit(main())
