"""The series that generated queries ask for: what a generator has to know of them, and their samples.

Everything is made of a seed. The time of a sample is never a multiple of 5 ms, nor one less 3 ms (see `RESIDUES`):
queries are evaluated at times of the other kinds, and so no sample lies on the edge of a range, of which 2.42 counts
the left one in. Scrapes come every 15 s, 3 % sooner or later at most: a gap that 2.42 extrapolates in another way
than 3.14 does is rarer than a window that is full.
"""

import math
import struct
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import Iterator

from api_client import SeriesKey, series_key
from remote_write import STALE, Samples

START_MS = 1_700_000_000_000
SPAN_MS = 3 * 3_600_000
INTERVAL_MS = 15_000
JITTER_MS = 200
RESIDUES = (1, 3, 4, 6, 8, 9)  # of the times of samples, modulo 10
EVALUATED = 7  # the residue of the times of evaluation; those within subqueries have 0
PAYLOAD = struct.unpack("<d", struct.pack("<Q", 0x7FF8000000ABCDEF))[0]
ODD_VALUES = {
    "nan": (math.nan,), "payload": (PAYLOAD, 1.0), "inf": (math.inf,), "minus inf": (-math.inf, 3.0), "zero": (-0.0, 0.0),
    "denormal": (5e-324, 2.5e-310, -1e-315), "big": (1.7e308, -1.7e308), "digits": (0.1, 1 / 3, 1e21, 9.999999e-07, 9007199254740993.0)}

TARGETS = tuple(product(("api", "web"), ("a:80", "b:80", "c:80")))
TARGET_LABELS = {"job": ("api", "web"), "instance": ("a:80", "b:80", "c:80")}


@dataclass(frozen=True)
class Metric:
    """What can be said of every sample of one name."""
    name: str
    labels: dict[str, tuple[str, ...]]  # with all values of each
    kind: str = "gauge"  # counter, gauge, buckets, info
    size: float = 1.0  # no finite value is greater
    least: float = 0.0  # nor any smaller, in absolute values
    whole: bool = False  # integers
    distinct: bool = True  # no two series are ever equal
    gapless: bool = True  # each series has every scrape
    odd: bool = False  # NaN, infinities, -0, numbers whose sums overflow


METRICS = (
    Metric("requests_total", {**TARGET_LABELS, "code": ("200", "404", "500"), "method": ("get", "post")}, "counter", 1e5, whole=True,
           distinct=False),
    Metric("bytes_total", {**TARGET_LABELS, "direction": ("in", "out")}, "counter", 1e9),
    Metric("errors_total", {**TARGET_LABELS, "reason": ("timeout", "größe")}, "counter", 1e3, whole=True, distinct=False),
    Metric("tasks_total", {"job": ("api",), "instance": ("a:80",), "worker": tuple("012345")}, "counter", 1e6, 1e4, gapless=False),
    Metric("temperature", {**TARGET_LABELS, "zone": ("north", "south")}, size=60),
    Metric("queue", {**TARGET_LABELS, "shape": ("saw", "walk")}, size=40, whole=True, distinct=False),
    Metric("load", TARGET_LABELS, size=10, least=0.5),
    Metric("passing", {"job": ("api",), "instance": ("a:80", "b:80"), "shape": ("short", "long")}, size=5, gapless=False),
    Metric("up", TARGET_LABELS, whole=True, distinct=False),
    Metric("capacity", {"job": ("api", "web")}, size=400, least=100, whole=True),
    Metric("build_info", {**TARGET_LABELS, "version": ("1.0", "1.1", "2.0-rc.1"), "os": ("linux",)}, "info", 1.0, 1.0, whole=True, distinct=False),
    Metric("latency_seconds_bucket", {**TARGET_LABELS, "path": ("/", "/a.b"), "le": ("0.1", "0.5", "1", "2.5", "+Inf")}, "buckets", 1e5,
           whole=True, distinct=False),
    Metric("latency_seconds_count", {**TARGET_LABELS, "path": ("/", "/a.b")}, "counter", 1e5, whole=True, distinct=False),
    Metric("latency_seconds_sum", {**TARGET_LABELS, "path": ("/", "/a.b")}, "counter", 1e5),
    Metric("odd", {"job": ("odd",), "kind": tuple(ODD_VALUES)}, size=math.inf, distinct=False, odd=True),
)


def samples(seed: str, scrapes: int = SPAN_MS // INTERVAL_MS, interval_ms: int = INTERVAL_MS,
            targets: tuple[tuple[str, str], ...] = TARGETS) -> Samples:
    """Of all metrics, in order of time within each series."""
    random = Random(f"data {seed}")
    found: Samples = {}
    for job, instance in targets:
        times = list(_scrapes(random, scrapes, interval_ms))
        for name, labels, values in _of_a_target(random, job, instance, times):
            found[_key(name, labels | {"job": job, "instance": instance})] = list(zip(times, values))
    found |= dict(_passing(random, scrapes, interval_ms))
    times = list(_scrapes(random, scrapes, interval_ms))
    for job in ("api", "web"):
        found[_key("capacity", {"job": job})] = [(t, float(random.randrange(100, 400))) for t in times]
    for kind, values in ODD_VALUES.items():
        found[_key("odd", {"job": "odd", "kind": kind})] = [(t, random.choice(values)) for t in times]
    return found


def _key(name: str, labels: dict[str, str]) -> SeriesKey:
    return series_key({"__name__": name, **labels})


def _scrapes(random: Random, scrapes: int, interval_ms: int) -> Iterator[int]:
    phase = random.randrange(interval_ms)
    for n in range(scrapes):
        t = START_MS + phase + n * interval_ms + random.randrange(-JITTER_MS, JITTER_MS)
        yield t - t % 10 + random.choice(RESIDUES)


def _of_a_target(random: Random, job: str, instance: str, times: list[int]) -> Iterator[tuple[str, dict[str, str], list[float]]]:
    n = len(times)
    for code, method in product(("200", "404", "500"), ("get", "post")):
        yield "requests_total", {"code": code, "method": method}, _counted(random, n, lambda: random.randrange(30), 0.007)
    for direction in ("in", "out"):
        yield "bytes_total", {"direction": direction}, _counted(random, n, lambda: random.uniform(0, 5e5), 0.003)
    for reason in ("timeout", "größe"):
        yield "errors_total", {"reason": reason}, _counted(random, n, lambda: random.random() < 0.05, 0.004)
    for zone in ("north", "south"):
        speed, shift = random.uniform(20, 90), random.uniform(0, 6)
        yield "temperature", {"zone": zone}, [20 + 25 * math.sin(i / speed + shift) + random.uniform(-5, 5) for i in range(n)]
    yield "queue", {"shape": "saw"}, [float(i % 13) for i in range(n)]
    yield "queue", {"shape": "walk"}, _walk(random, n)
    yield "load", {}, [random.uniform(0.5, 10) for _ in range(n)]
    yield "up", {}, [float(random.random() > 0.1) for _ in range(n)]
    version = random.choice(("1.0", "1.1", "2.0-rc.1"))
    yield "build_info", {"version": version, "os": "linux"}, [1.0] * n
    for path in ("/", "/a.b"):
        yield from _latency(random, path, n)


def _counted(random: Random, n: int, step: object, resets: float) -> list[float]:
    """A counter that sometimes starts again at zero."""
    values, value = [], float(random.randrange(1000))
    for _ in range(n):
        value = 0.0 if random.random() < resets else value + float(step())  # type: ignore[operator]
        values.append(value)
    return values


def _walk(random: Random, n: int) -> list[float]:
    values, value = [], 20
    for _ in range(n):
        value = min(40, max(0, value + random.choice((-2, -1, 0, 0, 1, 2))))
        values.append(float(value))
    return values


def _latency(random: Random, path: str, n: int) -> Iterator[tuple[str, dict[str, str], list[float]]]:
    bounds = ("0.1", "0.5", "1", "2.5", "+Inf")
    counts, total = [0] * len(bounds), 0.0
    rows: list[list[float]] = [[] for _ in bounds]
    sums = []
    for _ in range(n):
        if random.random() < 0.005:
            counts, total = [0] * len(bounds), 0.0
        for _ in range(random.randrange(12)):
            at = random.choices(range(len(bounds)), (4, 3, 2, 1, 1))[0]
            counts = [c + (i >= at) for i, c in enumerate(counts)]
            total += random.uniform(0.01, 3)
        for row, count in zip(rows, counts):
            row.append(float(count))
        sums.append(total)
    for bound, row in zip(bounds, rows):
        yield "latency_seconds_bucket", {"path": path, "le": bound}, row
    yield "latency_seconds_count", {"path": path}, rows[-1]
    yield "latency_seconds_sum", {"path": path}, sums


def _passing(random: Random, scrapes: int, interval_ms: int) -> Iterator[tuple[SeriesKey, list[tuple[int, float]]]]:
    """Series that come and go. Half of them end with a marker, the others just end."""
    target = {"job": "api", "instance": "a:80"}
    for worker in range(6):
        times = list(_scrapes(random, scrapes, interval_ms))
        begin = random.randrange(scrapes // 2)
        end = begin + random.randrange(scrapes // 12, scrapes // 2)
        value, values = random.uniform(1e4, 1e5), []
        for t in times[begin:end]:
            value += random.uniform(0, 100)
            values.append((t, value))
        if worker % 2 and end < scrapes:
            values.append((times[end], STALE))
        yield _key("tasks_total", {**target, "worker": str(worker)}), values
    for instance, (shape, length) in product(("a:80", "b:80"), (("short", 40), ("long", 90))):
        values = []
        for i, t in enumerate(_scrapes(random, scrapes, interval_ms)):
            if i % length < length * 2 // 3:
                values.append((t, random.uniform(0, 5)))
            elif i % length == length * 2 // 3 and shape == "long":
                values.append((t, STALE))
        yield _key("passing", {"job": "api", "instance": instance, "shape": shape}), values
