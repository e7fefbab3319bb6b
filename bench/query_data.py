"""The data that bench/query.py asks for: 13,000 series over six hours, scraped every 15 seconds.

    10,000  http_requests_total                    1,000 pods, two methods, five codes: counters
     1,000  container_memory_working_set_bytes     one a pod: gauges
     1,000  kube_pod_info                          one a pod: always 1, with the pod's node
     1,000  http_request_duration_seconds_bucket   100 instances, ten buckets: a classic histogram

Counters rise as real ones do: a fifth stands still, most rise by small whole numbers, some by thousands, one in
fifty begins anew once. Each target has a phase of its own, and one scrape in a hundred is some milliseconds late.
No sample has a time of whole seconds, so none lies on the edge of a window of whole seconds: Prometheus has moved that
edge since 2.42.

Made once from a fixed seed into a folder: blocks for Narthex and a copy for Prometheus, and what VictoriaMetrics makes
of the same samples.
"""

import hashlib
import itertools
import json
import random
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

START = 1_700_000_000 // 7200 * 7200  # of a block
INTERVAL = 15
SCRAPES = 6 * 3600 // INTERVAL
PODS = 1000
INSTANCES = 100
BUCKETS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "+Inf")
PHASES = 50


@dataclass
class Series:
    labels: dict[str, str]  # __name__ first
    values: list[float]
    phase: int  # number of the target's clock


def clock(phase: int) -> list[int]:
    """Milliseconds of a target's scrapes."""
    dice = random.Random(phase)
    begin = START * 1000 + phase * INTERVAL * 1000 // PHASES // 10 * 10 + 1
    return [begin + n * INTERVAL * 1000 + (dice.randrange(2, 9) if dice.random() < 0.01 else 0) for n in range(SCRAPES)]


def counter(dice: random.Random) -> list[float]:
    kind = dice.random()
    if kind < 0.2:
        steps = [0]
    elif kind < 0.6:
        steps = [0, 0, 0, 1, 1, 2, 3, 5]
    elif kind < 0.9:
        steps = list(range(100))
    else:
        steps = list(range(1000, 9000, 7))
    values = list(itertools.accumulate(dice.choices(steps, k=SCRAPES), initial=dice.randrange(10**5, 10**7)))[1:]
    if dice.random() < 0.02:
        at = dice.randrange(SCRAPES)
        lost = values[at]
        values[at:] = [v - lost for v in values[at:]]
    return values


def gauge(dice: random.Random) -> list[float]:
    walk = dice.choices(range(-64, 65), k=SCRAPES)
    return [max(4096.0, v) * 4096 for v in itertools.accumulate(walk, initial=dice.randrange(10**4, 10**5))][1:]


def histogram(dice: random.Random) -> list[list[float]]:
    """Counts of the buckets, each with all that is in the ones before it."""
    shares = sorted(dice.random() for _ in BUCKETS)
    totals: list[list[float]] = []
    total = [float(dice.randrange(10**4, 10**5))] * len(BUCKETS)
    for requests in dice.choices(range(1, 200), k=SCRAPES):
        total = [t + int(requests * share) for t, share in zip(total, shares[:-1])] + [total[-1] + requests]
        totals.append(total)
    return [[t[b] for t in totals] for b in range(len(BUCKETS))]


def all_series() -> Iterator[Series]:
    dice = random.Random(42)
    for p in range(PODS):
        namespace = f"team-{p % 20}"
        pod = f"api-{p % 7}-7d9f{p * 7919 % 65536:04x}-x{p}"
        on_pod = {"cluster": "eu-west-1a", "instance": f"10.0.{p // 250}.{p % 250}:8080", "job": "api", "namespace": namespace, "pod": pod}
        for method in ("GET", "POST"):
            for code in ("200", "201", "400", "404", "500"):
                yield Series({"__name__": "http_requests_total", **on_pod, "code": code, "method": method}, counter(dice), p % PHASES)
        yield Series({"__name__": "container_memory_working_set_bytes", **on_pod, "container": "api"}, gauge(dice), p % PHASES)
        info = {"__name__": "kube_pod_info", "instance": "10.1.0.9:8080", "job": "kube-state-metrics", "namespace": namespace, "node": f"node-{p % 40}", "pod": pod}
        yield Series(info, [1.0] * SCRAPES, 0)
    for i in range(INSTANCES):
        for le, values in zip(BUCKETS, histogram(dice)):
            labels = {"__name__": "http_request_duration_seconds_bucket", "instance": f"10.2.0.{i}:9100", "job": "gateway", "le": le}
            yield Series(labels, values, i % PHASES)


def text_of(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def write_openmetrics(path: Path) -> None:
    clocks = [[f" {t // 1000}.{t % 1000:03d}\n" for t in clock(phase)] for phase in range(PHASES)]
    with path.open("w") as out:
        for series in all_series():
            labels = ",".join(f'{k}="{v}"' for k, v in series.labels.items() if k != "__name__")
            head = f"{series.labels['__name__']}{{{labels}}} "
            out.write("".join(head + text_of(v) + t for v, t in zip(series.values, clocks[series.phase])))
        out.write("# EOF\n")


def import_into(port: int) -> None:
    """Into a VictoriaMetrics that runs, on disk and merged when this returns."""
    clocks = [json.dumps(clock(phase)) for phase in range(PHASES)]
    lines: list[str] = []

    def post(path: str, body: bytes = b"") -> None:
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, method="POST"), timeout=120) as answer:
            answer.read()

    for number, series in enumerate(all_series(), 1):
        values = ",".join(map(text_of, series.values))
        lines.append(f'{{"metric":{json.dumps(series.labels)},"values":[{values}],"timestamps":{clocks[series.phase]}}}\n')
        if number % 500 == 0:
            post("/api/v1/import", "".join(lines).encode())
            lines.clear()
    post("/api/v1/import", "".join(lines).encode())
    wait_for_series(port, number)
    for path in ("/internal/force_flush", "/internal/force_merge", "/internal/force_flush"):
        post(path)
    # A server that ends within seconds of its last import loses series that it has found before.
    time.sleep(15)


def wait_for_series(port: int, count: int) -> None:
    """What was imported last may be found some seconds later only."""
    query = urllib.parse.urlencode({"query": 'count({__name__!=""})', "time": START + 3 * 3600, "nocache": 1})
    end = time.monotonic() + 60
    found = 0
    while found < count:
        if time.monotonic() > end:
            raise RuntimeError(f"VictoriaMetrics finds {found} of {count} imported series")
        time.sleep(1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?{query}", timeout=60) as answer:
            result = json.load(answer)["data"]["result"]
        found = int(result[0]["value"][1]) if result else 0


def make_blocks(folder: Path, tool: Path) -> None:
    """folder/narthex and folder/prometheus, the same blocks."""
    text = folder / "input.txt"
    write_openmetrics(text)
    subprocess.run([tool, "tsdb", "create-blocks-from", "openmetrics", text, folder / "narthex"], check=True, stdout=subprocess.DEVNULL)
    text.unlink()
    shutil.copytree(folder / "narthex", folder / "prometheus")


def version() -> str:
    """Of what this file makes."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
