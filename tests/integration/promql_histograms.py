"""Series that only releases from 3 on know: native histograms of every kind, names in UTF-8, info metrics; for promql_newest.

As promql_data, but with everything that its rules keep away from 2.42: samples at even times, series with gaps, histograms
whose schema, bounds or kind changes, staleness markers among them.
"""

import math
from dataclasses import replace
from random import Random
from typing import Iterator

from api_client import series_key
from promql_data import INTERVAL_MS, SPAN_MS, START_MS, TARGET_LABELS, TARGETS, Metric
from remote_write import STALE, Histogram, Samples, Value

METRICS = (
    Metric("latency", {**TARGET_LABELS, "path": ("/", "/a.b")}, "histogram"),
    Metric("sizes", {**TARGET_LABELS, "kind": ("gauge", "wide")}, "histogram"),
    Metric("steps", TARGET_LABELS, "histogram"),
    Metric("changing", {"job": ("api",), "instance": ("a:80",), "what": ("schema", "bounds", "kind", "zero", "odd")}, "histogram"),
    Metric("leaving", {"job": ("api",), "instance": ("a:80", "b:80")}, "histogram"),
    Metric("target_info", {**TARGET_LABELS, "region": ("north", "south"), "data": ("x", "")}, "info", 1.0, 1.0, whole=True, distinct=False),
    Metric('größe.bytes', {"job": ("api",), "label name": ("ä", "b")}, size=100),
    Metric("typed_bytes_total", {"job": ("api",), "instance": ("a:80",), "__type__": ("counter", "gauge"), "__unit__": ("bytes",)}, "counter", 1e4),
)


def samples(
    seed: str, scrapes: int = SPAN_MS // INTERVAL_MS, interval_ms: int = INTERVAL_MS, targets: tuple[tuple[str, str], ...] = TARGETS
) -> Samples:
    random = Random(f"histograms {seed}")
    found: Samples = {}
    times = [START_MS + n * interval_ms for n in range(scrapes)]

    def add(name: str, labels: dict[str, str], values: "Iterator[Value]") -> None:
        # A scrape in twenty fails.
        found[series_key({"__name__": name, **labels})] = [(t, v) for t, v in zip(times, values) if random.random() > 0.05]

    for job, instance in targets:
        target = {"job": job, "instance": instance}
        for path in ("/", "/a.b"):
            add("latency", {**target, "path": path}, _observed(random, schema=2, negative=path != "/"))
        add("sizes", {**target, "kind": "gauge"}, _gauges(random))
        add("sizes", {**target, "kind": "wide"}, _observed(random, schema=random.choice((-1, 0, 3)), whole=False))
        add("steps", target, _observed(random, bounds=random.choice(((0.1, 0.5, 1.0, 5.0), (0.5, 1.0, 5.0), (0.1, 0.5, 1.0, 5.0, 10.0)))))
        add("target_info", {**target, "region": random.choice(("north", "south")), "data": random.choice(("x", "y"))}, iter([1.0] * len(times)))
    one = {"job": "api", "instance": "a:80"}
    for what in ("schema", "bounds", "kind", "zero", "odd"):
        add("changing", {**one, "what": what}, _changing(random, what))
    for instance in ("a:80", "b:80"):
        add("leaving", {"job": "api", "instance": instance}, _leaving(random))
    for value in ("ä", "b"):
        add("größe.bytes", {"job": "api", "label name": value}, (random.uniform(0, 100) for _ in times))
    for type_ in ("counter", "gauge"):
        add("typed_bytes_total", {**one, "__type__": type_, "__unit__": "bytes"}, (float(10 * n % 4000) for n in range(len(times))))
    return found


def _observed(random: Random, schema: int = 0, bounds: tuple[float, ...] = (), negative: bool = False, whole: bool = True) -> Iterator[Histogram]:
    """A counter of observations that is reset now and then."""
    h = Histogram()
    while True:
        if h.count == 0 or random.random() < 0.01:
            h = Histogram(schema=-53 if bounds else schema, custom_values=bounds, whole=whole, zero_threshold=0.0 if bounds else 0.01)
        for _ in range(random.randrange(6)):
            h = observed(
                h,
                random.choice((random.expovariate(1.0), random.uniform(0, 8), 0.0)) * (-1 if negative and random.random() < 0.3 else 1),
                1.0 if whole else random.uniform(0.1, 2),
            )
        yield h


def observed(h: Histogram, value: float, weight: float = 1.0) -> Histogram:
    """With one observation more."""
    total = replace(h, count=h.count + weight, sum=h.sum + value * weight)
    if h.custom_values:
        at = sum(bound < value for bound in h.custom_values)
        return replace(total, positive={**h.positive, at: h.positive.get(at, 0) + weight})
    if abs(value) <= h.zero_threshold:
        return replace(total, zero_count=h.zero_count + weight)
    at = math.ceil(math.log2(abs(value)) * 2.0**h.schema)
    side = "positive" if value > 0 else "negative"
    buckets = getattr(h, side)
    return replace(total, **{side: {**buckets, at: buckets.get(at, 0) + weight}})


def _gauges(random: Random) -> Iterator[Histogram]:
    while True:
        h = Histogram(schema=1, zero_threshold=0.001, reset_hint="gauge")
        for _ in range(random.randrange(1, 8)):
            h = observed(h, random.uniform(-3, 9), random.choice((1.0, 0.5)))
        yield h


def _changing(random: Random, what: str) -> Iterator[Value]:
    kinds = {
        "schema": (_observed(random, schema=3), _observed(random, schema=1)),
        "bounds": (_observed(random, bounds=(0.5, 1.0, 2.0)), _observed(random, bounds=(1.0, 2.0, 4.0))),
        "kind": (_observed(random, schema=0), (float(n) for n in range(10**6))),
        "zero": (
            _observed(random, schema=0),
            (
                replace(
                    h,
                    zero_threshold=0.5,
                    zero_count=h.zero_count + sum(n for i, n in h.positive.items() if i <= -1),
                    positive={i: n for i, n in h.positive.items() if i > -1},
                )
                for h in _observed(random, schema=0)
            ),
        ),
        "odd": (
            _observed(random, bounds=(1.0, 2.0)),
            (replace(h, sum=random.choice((math.nan, math.inf, h.sum))) for h in _observed(random, schema=0)),
        ),
    }[what]
    while True:
        for kind in kinds:
            for _ in range(random.randrange(5, 40)):
                yield next(kind)


def _leaving(random: Random) -> Iterator[Histogram]:
    for h in _observed(random, schema=0):
        yield h if random.random() > 0.03 else replace(h, sum=STALE)
