"""Remote write 1.0: samples of our choice, their times and bits included, into a real Prometheus' receiver.

    push(peer, {series_key({"__name__": "up", "job": "x"}): [(1_700_000_000_000, 1.0)]})

The body is snappy as far as the format demands it: one literal, nothing compressed. Floats keep their bits, so
staleness markers and payloads of NaN arrive as they are.
"""

import struct
from dataclasses import dataclass, field
from typing import Sequence

from api_client import ApiClient, SeriesKey
from cases import check
from histogram_exporter import block, double, number, varint, zigzag

STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
RESET_HINTS = {"unknown": 0, "reset": 1, "not_reset": 2, "gauge": 3}
MASK = (1 << 64) - 1


@dataclass
class Histogram:
    """Absolute counts of buckets by index; of custom buckets, index i ends at custom_values[i]."""
    schema: int = 0
    count: float = 0.0
    sum: float = 0.0
    zero_threshold: float = 0.0
    zero_count: float = 0.0
    positive: dict[int, float] = field(default_factory=dict)
    negative: dict[int, float] = field(default_factory=dict)
    custom_values: tuple[float, ...] = ()
    reset_hint: str = "unknown"
    whole: bool = False  # sent, and stored, as integers


Value = float | Histogram
Samples = dict[SeriesKey, list[tuple[int, Value]]]


def push(receiver: ApiClient, samples: Samples) -> None:
    """In order of time within each series; the receiver takes all or says why not."""
    request = b"".join(block(1, _series(key, values)) for key, values in samples.items())
    answer = receiver.request("POST", "/api/v1/write", body=_as_one_literal(request), headers={
        "Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"})
    check(answer.status in (200, 204), f"{receiver.name} refuses samples: {answer.status} {answer.text[:500]}")


def _as_one_literal(body: bytes) -> bytes:
    return varint(len(body)) + (bytes([63 << 2]) + struct.pack("<I", len(body) - 1) + body if body else b"")


def _series(key: SeriesKey, values: list[tuple[int, Value]]) -> bytes:
    out = b"".join(block(1, block(1, name) + block(2, value)) for name, value in sorted(key))
    for t, v in values:
        out += block(4, _histogram(t, v)) if isinstance(v, Histogram) else block(2, double(1, v) + number(2, varint(t & MASK)))
    return out


def _histogram(t: int, h: Histogram) -> bytes:
    counts = (number(1, varint(int(h.count))) + number(6, varint(int(h.zero_count))) if h.whole
              else double(2, h.count) + double(7, h.zero_count))
    return (counts + double(3, h.sum) + number(4, zigzag(h.schema)) + double(5, h.zero_threshold)
            + _buckets(h.negative, 8, h.whole) + _buckets(h.positive, 11, h.whole)
            + number(14, varint(RESET_HINTS[h.reset_hint])) + number(15, varint(t & MASK))
            + (_doubles(16, h.custom_values) if h.custom_values else b""))


def _buckets(by_index: dict[int, float], first_tag: int, whole: bool) -> bytes:
    """One span for every run of indices; behind their tag that of differences, and that of counts."""
    spans: list[list[int]] = []  # first index, length
    for index in sorted(by_index):
        if spans and index == sum(spans[-1]):
            spans[-1][1] += 1
        else:
            spans.append([index, 1])
    out, end = b"", 0
    for first, length in spans:
        out += block(first_tag, number(1, zigzag(first - end)) + number(2, varint(length)))
        end = first + length
    counts = [by_index[i] for i in sorted(by_index)]
    if not counts:
        return b""
    if whole:
        return out + block(first_tag + 1, b"".join(zigzag(int(c - before)) for before, c in zip([0, *counts], counts)))
    return out + _doubles(first_tag + 2, counts)


def _doubles(tag: int, values: Sequence[float]) -> bytes:
    return block(tag, struct.pack(f"<{len(values)}d", *values))
