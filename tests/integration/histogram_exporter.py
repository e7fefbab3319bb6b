"""HistogramExporter: a fake target with native histograms, which Prometheus 2.42 takes as protobuf only.

    exporter = HistogramExporter()

Its page is a list of families made by its `families(number)`. Who accepts protobuf gets messages
`io.prometheus.client.MetricFamily`, each behind its length; who does not gets OpenMetrics, in
which native histograms have no buckets but `+Inf`. Only what the tests use is encoded.
"""

import math
import struct
import time
from dataclasses import dataclass, field
from email.message import Message

from exporter import OPENMETRICS, Exporter, Reply

PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
TYPES = {"counter": 0, "gauge": 1, "histogram": 4}
PAYLOAD_FIELD = {"gauge": 2, "counter": 3, "histogram": 7}


@dataclass
class NativeHistogram:
    """Buckets as absolute counts by index; all from the lowest index to the highest are sent."""
    schema: int = 1
    zero_threshold: float = 1e-3
    zero_count: int = 0
    positive: dict[int, int] = field(default_factory=dict)
    negative: dict[int, int] = field(default_factory=dict)
    sum: float = 0.0

    @property
    def count(self) -> int:
        return self.zero_count + sum(self.positive.values()) + sum(self.negative.values())


@dataclass
class Metric:
    labels: dict[str, str]
    value: "float | NativeHistogram"
    trace_id: str | None = None  # of an exemplar, of counters only


@dataclass
class Family:
    name: str
    type: str
    metrics: list[Metric]


def varint(n: int) -> bytes:
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def zigzag(n: int) -> bytes:
    return varint(n << 1 if n >= 0 else (-n << 1) - 1)


def number(tag: int, value: bytes) -> bytes:
    return varint(tag << 3) + value


def double(tag: int, value: float) -> bytes:
    return varint(tag << 3 | 1) + struct.pack("<d", value)


def block(tag: int, body: bytes | str) -> bytes:
    body = body.encode() if isinstance(body, str) else body
    return varint(tag << 3 | 2) + varint(len(body)) + body


def label(name: str, value: str) -> bytes:
    return block(1, block(1, name) + block(2, value))


def buckets(by_index: dict[int, int], span_tag: int, delta_tag: int) -> bytes:
    """One span for every run of indices, counts as differences."""
    if not by_index:
        return b""
    out, deltas = b"", b""
    indices = sorted(by_index)
    begin = 0
    end_before = 0
    for at in range(1, len(indices) + 1):
        if at < len(indices) and indices[at] == indices[at - 1] + 1:
            continue
        out += block(span_tag, number(1, zigzag(indices[begin] - end_before)) + number(2, varint(at - begin)))
        end_before = indices[at - 1] + 1
        begin = at
    last = 0
    for index in indices:
        deltas += zigzag(by_index[index] - last)
        last = by_index[index]
    return out + block(delta_tag, deltas)


def encoded_histogram(h: NativeHistogram) -> bytes:
    return (number(1, varint(h.count)) + double(2, h.sum) + number(5, zigzag(h.schema)) + double(6, h.zero_threshold)
            + number(7, varint(h.zero_count)) + buckets(h.negative, 9, 10) + buckets(h.positive, 12, 13))


def encoded_exemplar(trace_id: str, value: float, now: float) -> bytes:
    seconds, nanoseconds = int(now), int(now % 1 * 1e9)
    stamp = number(1, varint(seconds)) + number(2, varint(nanoseconds))
    return label("trace_id", trace_id) + double(2, value) + block(3, stamp)


def encoded_metric(family: Family, metric: Metric, now: float) -> bytes:
    if isinstance(metric.value, NativeHistogram):
        payload = encoded_histogram(metric.value)
    else:
        payload = double(1, metric.value)
        if metric.trace_id:
            payload += block(2, encoded_exemplar(metric.trace_id, metric.value, now))
    return b"".join(label(n, v) for n, v in metric.labels.items()) + block(PAYLOAD_FIELD[family.type], payload)


def as_protobuf(families: list[Family], now: float) -> bytes:
    out = b""
    for family in families:
        body = block(1, family.name) + number(3, varint(TYPES[family.type]))
        body += b"".join(block(4, encoded_metric(family, m, now)) for m in family.metrics)
        out += varint(len(body)) + body
    return out


def text_labels(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{n}="{v}"' for n, v in labels.items()) + "}" if labels else ""


def as_openmetrics(families: list[Family], now: float) -> str:
    lines = []
    for family in families:
        name = family.name.removesuffix("_total")
        lines.append(f"# TYPE {name} {family.type}")
        for m in family.metrics:
            if isinstance(m.value, NativeHistogram):
                lines += [f"{name}_bucket{text_labels({**m.labels, 'le': '+Inf'})} {m.value.count}",
                          f"{name}_count{text_labels(m.labels)} {m.value.count}", f"{name}_sum{text_labels(m.labels)} {m.value.sum}"]
                continue
            exemplar = f' # {{trace_id="{m.trace_id}"}} {m.value} {now:.3f}' if m.trace_id else ""
            lines.append(f"{family.name}{text_labels(m.labels)} {m.value}{exemplar}")
    return "\n".join([*lines, "# EOF", ""])


def families(n: int) -> list[Family]:
    """What the n-th scrape sees: every kind of change that a histogram can undergo comes by within sixty scrapes."""
    age = n % 60  # a restart of the target every sixty scrapes: counts fall
    growing = NativeHistogram(schema=2, zero_count=age // 10, positive={i: age * (i + 3) for i in range(-2, 3 + n % 7)},
                              negative={i: age for i in range(1, 3)}, sum=age * 2.5)
    sparse = NativeHistogram(schema=3 if n % 90 < 45 else 1, zero_threshold=1e-3 if n % 40 < 20 else 1e-2, zero_count=age,
                             positive={i * 5: age + i for i in range(1, 4)} | {30: age // 5 + 1}, sum=age / 7)
    # Never reset, and far from zero: its rates are the same in every release.
    steady = NativeHistogram(zero_count=n, positive={i: 1000 + n * i for i in range(1, 5)}, negative={0: 10 * n}, sum=1000 + n / 3)
    standing = NativeHistogram(positive={0: 5, 1: 7}, sum=9.0)
    metrics = [Metric({"code": "200"}, float(n * 3), trace_id=f"t{n}"), Metric({"code": "500", "path": "/größe"}, float(n // 4))]
    return [
        Family("requests_total", "counter", metrics),
        Family("queue", "gauge", [Metric({"shape": "saw"}, float(n % 5)), Metric({"shape": "third"}, n / 3),
                                  Metric({"shape": "sine"}, round(math.sin(n / 9), 3))]),
        Family("churning", "gauge", [Metric({"generation": str(n // 15)}, float(n))]),
        *([Family("passing", "gauge", [Metric({}, float(n))])] if n % 16 < 8 else []),
        Family("latency", "histogram", [Metric({"kind": "growing"}, growing), Metric({"kind": "sparse"}, sparse),
                                        Metric({"kind": "standing"}, standing), Metric({"kind": "steady"}, steady)]),
        # A series that is float for a while and histogram for a while.
        Family("changing", "gauge", [Metric({}, float(n))]) if n % 50 < 25 else Family("changing", "histogram", [Metric({}, growing)]),
    ]


class HistogramExporter(Exporter):
    def answer(self, path: str, headers: Message) -> Reply:
        with self._lock:
            self.requests.append((path, headers))
            n = len(self.requests)
        now = time.time()
        if "application/vnd.google.protobuf" in headers.get("Accept", ""):
            return Reply(as_protobuf(families(n), now), content_type=PROTOBUF)
        return Reply(as_openmetrics(families(n), now), content_type=OPENMETRICS)
